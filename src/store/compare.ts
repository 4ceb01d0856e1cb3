/** Comparing as a topic: one question to the base model and to a run, the same settings for both. */

import type { Recipe } from "../storage/run.ts";
import type { SamplingSettings } from "../worker/protocol.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import { type AnswerFacts, toFailure } from "./state.ts";

export interface Question {
  readonly modelHash: string;
  /** null asks the base model only. */
  readonly runId: string | null;
  readonly template: Recipe["template"];
  readonly systemPrompt: string | null;
  readonly sampling: SamplingSettings;
}

export interface CompareActions {
  type(question: string): void;
  /** "" chooses none. */
  chooseRun(runId: string): void;
  enter(field: string, text: string): void;
  /** Asks the base model, then the run. What is typed stays. */
  ask(question: Question): Promise<void>;
  stop(): void;
  /** Takes in a piece of an answer. */
  hear(requestId: string, text: string): void;
}

export function compareActions(context: Context, model: ModelActions): CompareActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  let asked = 0;
  const facts = () => store.getState().compare;

  const change = (side: "base" | "tuned", edit: Partial<AnswerFacts>) => {
    const answer = facts()[side];
    if (answer) patch(context, "compare", { [side]: { ...answer, ...edit } });
  };

  return {
    type: (question) => patch(context, "compare", { question }),
    chooseRun: (runId) => patch(context, "compare", { runId }),
    enter: (field, text) => patch(context, "compare", { entries: { ...facts().entries, [field]: text } }),
    async ask({ modelHash, runId, template, systemPrompt, sampling }) {
      if (facts().asking) return;
      controller = new AbortController();
      const { signal } = controller;
      const { question } = facts();
      const waiting = (): AnswerFacts => ({
        requestId: `question-${++asked}`,
        text: "",
        status: "waiting",
        answer: null,
        failure: null,
      });
      const sides = { base: waiting(), tuned: runId ? waiting() : null };
      patch(context, "compare", { asking: true, failure: null, ...sides });
      try {
        await model.ensureOpen(modelHash);
        for (const side of ["base", "tuned"] as const) {
          const requestId = sides[side]?.requestId;
          if (!requestId || signal.aborted) continue;
          change(side, { status: "writing" });
          try {
            const answer = await client.engine.ask(
              {
                requestId,
                modelHash,
                runId: side === "tuned" ? runId : null,
                template,
                systemPrompt,
                question,
                sampling,
              },
              signal,
            );
            change(side, { text: answer.text, status: "done", answer });
          } catch (thrown) {
            const failure = toFailure(thrown);
            change(side, { status: "failed", failure: failure.name === "AbortError" ? null : failure });
          }
        }
      } catch (thrown) {
        patch(context, "compare", { failure: toFailure(thrown) });
      } finally {
        controller = null;
        for (const side of ["base", "tuned"] as const)
          if (facts()[side]?.status === "waiting") change(side, { status: "failed" });
        patch(context, "compare", { asking: false });
        patch(context, "progress", { engine: null });
      }
    },
    stop: () => controller?.abort(),
    hear(requestId, text) {
      for (const side of ["base", "tuned"] as const) {
        const answer = facts()[side];
        if (answer?.requestId === requestId && answer.status === "writing") change(side, { text: answer.text + text });
      }
    },
  };
}
