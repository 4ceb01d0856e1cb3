/** The exam as a topic: which questions, the base model's answers to them, and a run's; the base model is asked once. */

import type { Exam } from "../protocol/datasets.ts";
import type { Subject } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import { fetchSample } from "./samples.ts";
import { demoExam } from "./seedling.ts";
import { type ExamChoice, type ExamFacts, toFailure } from "./state.ts";

export interface ExamActions {
  choose(choice: ExamChoice): void;
  /** Reads an exam of one or several files, and chooses it. */
  open(files: readonly File[]): Promise<void>;
  /** Has the base model take the chosen exam, unless its answers are there, and then the run, if there is one. */
  take(choice: ExamChoice, subject: Subject): Promise<void>;
  /** Ends a reading or an exam; what the base model has finished stays. */
  stop(): void;
}

export function examActions(context: Context, model: ModelActions): ExamActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  const facts = () => store.getState().exam;
  const change = (edit: Partial<ExamFacts>) => patch(context, "exam", edit);

  /** One reading or exam at a time. */
  const alone = async (work: (signal: AbortSignal) => Promise<void>) => {
    if (facts().phase !== "idle") return;
    controller = new AbortController();
    change({ phase: "reading", failure: null });
    try {
      await work(controller.signal);
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") change({ failure });
    } finally {
      controller = null;
      change({ phase: "idle" });
      patch(context, "progress", { engine: null, data: null });
    }
  };

  const read = async (choice: ExamChoice, signal: AbortSignal): Promise<Exam> => {
    const { demo, own } = facts();
    if (choice === "own" && own) return own;
    if (choice === "own") throw new Error("No exam file has been read: choose one.");
    if (demo) return demo;
    const files = await Promise.all(demoExam.map((file) => fetchSample(file, signal)));
    const exam = await client.data.exam(files, signal);
    change({ demo: exam });
    return exam;
  };

  return {
    choose: (choice) => change({ choice, failure: null }),
    open: (files) =>
      alone(async (signal) => change({ own: await client.data.exam(files, signal), choice: "own", failure: null })),
    take: (choice, subject) =>
      alone(async (signal) => {
        const exam = await read(choice, signal);
        const { modelHash, runId, template, systemPrompt } = subject;
        await model.ensureOpen(modelHash);
        const questions = exam.questions.map(({ prompt, expected }) => ({ prompt, expected }));
        const ask = (phase: "base" | "tuned", asked: string | null) => {
          change({ phase });
          return client.engine.examine({ ...subject, runId: asked, questions, texts: exam.texts }, signal);
        };
        const { model: models, runs } = store.getState();
        const run = runs.list.find(({ id }) => id === runId);
        const key = JSON.stringify([modelHash, template, systemPrompt, exam.hash]);
        const before = facts().results;
        const results = {
          key,
          exam,
          model: models.list.find(({ hash }) => hash === modelHash)?.name ?? "",
          run: run ? { id: run.id, name: run.name, step: run.step } : null,
          base: before?.key === key ? before.base : await ask("base", null),
          tuned: null,
        };
        if (store.getState().vote.round?.source === "exam") patch(context, "vote", { round: null });
        change({ results });
        if (!run) return;
        const tuned = await ask("tuned", run.id);
        const answered = { id: run.id, name: run.name, step: tuned.step ?? run.step };
        change({ results: { ...results, run: answered, tuned } });
      }),
    stop: () => controller?.abort(),
  };
}
