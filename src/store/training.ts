/** Training as a topic: start, pause, resume, cancel. One run at a time. */

import type { Exam } from "../protocol/datasets.ts";
import type { RunRequest } from "../protocol/engine.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import { choiceOf } from "../run/source.ts";
import { ended } from "./before.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import type { RunsActions } from "./runs.ts";
import { startRunOf } from "./starting.ts";
import { toFailure } from "./state.ts";
import { watchChoice } from "./watching.ts";

export interface TrainingActions {
  /** Trains the selected model on the chosen data; settles when the run ends or pauses. */
  start(recipe: Recipe, name: string): Promise<void>;
  resume(runId: string): Promise<void>;
  pause(): Promise<void>;
  cancel(): Promise<void>;
  /** Skips answers, validation and snapshot before the first step. */
  skipBefore(): Promise<void>;
  /** Requests a checkpoint between two steps; training continues. */
  save(): Promise<void>;
  /** Shows another run's curves while none is training. */
  show(runId: string): void;
}

/** The part of an exam from which a run's questions are drawn. */
const examOf = ({ name, hash, questions }: Exam): NonNullable<RunRequest["exam"]> => ({
  name,
  hash,
  questions: questions.map(({ prompt, expected }) => ({ prompt, expected })),
});

export function trainingActions(
  context: Context,
  model: ModelActions,
  runs: RunsActions,
  refreshStorage: () => Promise<void>,
  presentExam: () => Promise<Exam | null>,
): TrainingActions {
  const { client, store } = context;
  const phase = () => store.getState().training.phase;

  /** Cancels the run that is prepared or trains: the one signal from the button to the last read. */
  let controller = new AbortController();

  const train = async (runId: string | null, modelHash: string, call: (signal: AbortSignal) => Promise<RunRecord>) => {
    if (phase() !== "idle") return;
    controller = new AbortController();
    const { signal } = controller;
    patch(context, "training", {
      phase: "preparing",
      before: [],
      skipping: false,
      runId,
      failure: null,
      dropped: [],
      checkpoint: null,
      saving: false,
    });
    try {
      void client.requestPersistence();
      await model.ensureOpen(modelHash, signal);
      // The user may have paused the run before the engine started it.
      if (phase() !== "preparing") return;
      const record = await call(signal);
      runs.adopt(record);
      patch(context, "training", { runId: record.id });
      // Selects the run that just ended for comparison.
      patch(context, "compare", { runId: record.id });
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") patch(context, "training", { failure });
      // The engine may have written the failure to the record before it threw.
      await runs.load();
    } finally {
      const before = ended(store.getState().training.before, performance.now());
      patch(context, "training", { phase: "idle", saving: false, skipping: false, before });
      patch(context, "progress", { engine: null });
      void runs.measure();
      void refreshStorage();
    }
  };

  const stop = async (ending: "pausing" | "cancelling", call: () => Promise<void>) => {
    const before = phase();
    patch(context, "training", { phase: ending });
    try {
      await call();
    } catch (thrown) {
      const change = phase() === ending ? { phase: before } : {};
      patch(context, "training", { ...change, failure: toFailure(thrown) });
    }
  };

  return {
    async start(recipe, name) {
      const { model, data, watching } = store.getState();
      const modelHash = model.selected;
      if (!modelHash || data.chosen.length === 0) return;
      const sources = data.chosen.map(choiceOf);
      const watch = watchChoice(watching, sources);
      if (!watch) return;
      const start = startRunOf(store.getState());
      const from = start && { runId: start.id, checkpoint: null };
      const request = { name, modelHash, sources, recipe, watch, ...(from && { from }) };
      await train(null, modelHash, async (signal) => {
        const exam = recipe.forgetting?.exam ? await presentExam() : null;
        return client.engine.startRun({ ...request, ...(exam && { exam: examOf(exam) }) }, signal);
      });
    },
    async resume(runId) {
      const run = store.getState().runs.list.find(({ id }) => id === runId);
      if (run) await train(runId, run.model.hash, (signal) => client.engine.resumeRun(runId, signal));
    },
    pause: () => stop("pausing", () => client.engine.pauseRun()),
    cancel: () => stop("cancelling", async () => controller.abort()),
    async skipBefore() {
      patch(context, "training", { skipping: true });
      try {
        await client.engine.skipBefore();
      } catch (thrown) {
        patch(context, "training", { skipping: false, failure: toFailure(thrown) });
      }
    },
    async save() {
      patch(context, "training", { saving: true });
      try {
        await client.engine.saveCheckpointNow();
      } catch (thrown) {
        patch(context, "training", { saving: false, failure: toFailure(thrown) });
      }
    },
    show(runId) {
      if (phase() === "idle")
        patch(context, "training", { runId, before: [], failure: null, dropped: [], checkpoint: null, saving: false });
    },
  };
}
