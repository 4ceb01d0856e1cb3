/** The engine calls for losses of training rows: measured under the base model and under a checkpoint, stored with the run. */

import { makeBatch, supervisedIn, type TokenizedExample } from "../batching/batch.ts";
import { bucketFor, chooseBuckets } from "../batching/buckets.ts";
import { sha256 } from "../hub/hash.ts";
import type { EngineApi, EngineEvent, Subject } from "../protocol/engine.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import type { RunRecord } from "../run/record.ts";
import type { ExampleLosses } from "../run/rowLosses.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { Storage } from "../storage/storage.ts";
import { evaluationRows } from "../training/batchSource.ts";
import { nextTask } from "../training/control.ts";
import { createEvaluator } from "./evaluator.ts";
import type { Library } from "./library.ts";
import type { Planning } from "./planning.ts";
import { modelOfRun } from "./precision.ts";
import { inFileOrder, type Plan } from "./prepare.ts";
import type { Respondent } from "./respondent.ts";

interface RowLossParts {
  readonly storage: Storage;
  readonly library: Library;
  readonly plan: Planning;
  readonly getRun: (runId: string) => Promise<RunRecord>;
  readonly device: () => Promise<ProviderReport>;
  /** Does `work` with the subject's weights, alone on the device. */
  readonly inTurn: <T>(
    subject: Subject,
    signal: AbortSignal | undefined,
    work: (respondent: Respondent) => Promise<T>,
  ) => Promise<T>;
  /** Whether a run trains: it then shares the sessions of its evaluations. */
  readonly isTraining: () => boolean;
  readonly emit: (event: EngineEvent) => void;
}

/** Most rows of a batch. */
const mostRows = 8;

/** Milliseconds after which measured losses are stored, so that a closed tab loses little. */
const saveEvery = 15_000;

export function createRowLossCalls(parts: RowLossParts): Pick<EngineApi, "rowLosses" | "measureRowLosses"> {
  const { storage, library, plan, getRun, device, inTurn, isTraining, emit } = parts;

  /** The step of the checkpoint, and the key of its losses. Throws where the run has no such checkpoint. */
  async function placeOf(run: RunRecord, checkpoint: number | null) {
    const list = await storage.checkpoints.list(run.id);
    const found = checkpoint === null ? list[0] : list.find(({ step }) => step === checkpoint);
    if (!found) {
      const which = checkpoint === null ? "no checkpoint" : `no checkpoint of step ${checkpoint}`;
      throw new Error(
        `Run "${run.name}" has ${which} in this browser: choose another checkpoint, or train it further.`,
      );
    }
    const { recipe, sources, model } = run;
    const facts = [dataSpecOf(model.hash, sources, recipe), recipe.stages, recipe.maxLength, found];
    return { step: found.step, key: await sha256(new TextEncoder().encode(JSON.stringify(facts))) };
  }

  return {
    async rowLosses(runId, checkpoint) {
      const run = await getRun(runId);
      const steps = await storage.checkpoints.steps(runId);
      if (steps.length === 0) return null;
      const { step, key } = await placeOf(run, checkpoint);
      return storage.rowLosses.get(runId, step, key);
    },

    async measureRowLosses(runId, checkpoint, signal) {
      const run = await getRun(runId);
      if (run.sources.length === 0)
        throw new Error(`"${run.name}" was not trained in Hone, so it has no rows: choose a run that was.`);
      const { step, key } = await placeOf(run, checkpoint);
      const model = await modelOfRun(library, run, await device(), signal);
      const { plan: planned } = await plan(model, run, signal);
      const examples = examplesOf(planned);
      if (examples.length === 0)
        throw new Error(`Run "${run.name}" trains on preferences alone, and a row by itself has no loss there.`);
      const losses = (await storage.rowLosses.get(runId, step, key)) ?? emptyLosses(key, step, examples);
      const subject = {
        modelHash: run.model.hash,
        template: run.recipe.template,
        systemPrompt: run.recipe.systemPrompt,
      };
      let saved = performance.now();
      const save = async () => {
        if (losses.base.every(Number.isNaN)) return;
        await storage.rowLosses.put(runId, losses);
      };
      const saveSometimes = async () => {
        if (performance.now() - saved < saveEvery) return;
        await save();
        saved = performance.now();
      };
      const measure = (who: Pick<Subject, "runId" | "beside" | "checkpoint">, into: Float32Array, task: string) => {
        if (!into.some(Number.isNaN)) return;
        const onProgress = (done: number) => emit({ type: "progress", task, done, total: examples.length });
        return inTurn({ ...subject, ...who }, signal, async (respondent) => {
          await measureInto(into, { respondent, run, examples, signal, onProgress, isTraining, after: saveSometimes });
          return {};
        });
      };
      try {
        await measure({ runId: null, beside: runId, checkpoint: null }, losses.base, "Losses under the base model");
        await measure({ runId, checkpoint: step }, losses.tuned, "Losses under the tuned model");
      } finally {
        // What was measured before a stop is not measured again.
        await save();
      }
      return losses;
    },
  };
}

/** The training examples without those of preferences, each once although several stages train on it. */
function examplesOf({ training }: Pick<Plan, "training">): TokenizedExample[] {
  const different = new Map(training.filter(({ answer }) => !answer).map((example) => [example.ids, example]));
  return inFileOrder([...different.values()]);
}

function emptyLosses(key: string, step: number, examples: readonly TokenizedExample[]): ExampleLosses {
  const column = (pick: (example: TokenizedExample) => number) => Int32Array.from(examples, pick);
  const unmeasured = () => new Float32Array(examples.length).fill(Number.NaN);
  return {
    key,
    step,
    sources: column(({ origin }) => origin.source),
    rows: column(({ origin }) => origin.row),
    lines: column(({ origin }) => origin.line),
    tokens: column(({ mask }) => supervisedIn(mask)),
    base: unmeasured(),
    tuned: unmeasured(),
  };
}

interface MeasureParts {
  readonly respondent: Respondent;
  readonly run: RunRecord;
  readonly examples: readonly TokenizedExample[];
  readonly signal: AbortSignal | undefined;
  /** Receives the number of measured examples. */
  readonly onProgress: (done: number) => void;
  readonly isTraining: () => boolean;
  /** Called after each batch. */
  readonly after: () => Promise<void>;
}

/**
 * Measures the examples whose entry is NaN, in batches of similar length. Throws the signal's reason, after the batch; finished
 * entries stay.
 */
async function measureInto(
  into: Float32Array,
  { respondent, run, examples, signal, onProgress, isTraining, after }: MeasureParts,
): Promise<void> {
  const places = new Map(examples.map((example, place) => [example, place]));
  const placeOf = (example: TokenizedExample) => places.get(example) ?? 0;
  const missing = examples.filter((example) => Number.isNaN(into[placeOf(example)]));
  // The shapes are those of all examples: a continued measurement then compiles the same sessions.
  const buckets = chooseBuckets(examples, Math.min(mostRows, run.recipe.batchSize), { repeats: false });
  const { runtime, model, method, parameters } = respondent;
  const kind = run.recipe.program;
  const { program, end } = createEvaluator({ runtime, definition: model.definition, method, parameters, kind });
  let done = examples.length - missing.length;
  try {
    for (const rows of evaluationRows(missing, buckets)) {
      onProgress(done);
      await nextTask();
      signal?.throwIfAborted();
      const batch = makeBatch(
        rows,
        bucketFor(
          buckets,
          rows.map((row) => [row]),
        ),
      );
      const perToken = batch.supervised > 0 ? await program.tokenLosses(batch) : new Float32Array();
      let at = 0;
      for (const example of rows) {
        const count = supervisedIn(example.mask);
        let sum = 0;
        for (const loss of perToken.subarray(at, at + count)) sum += loss;
        into[placeOf(example)] = sum;
        at += count;
      }
      done += rows.length;
      await after();
    }
    onProgress(done);
  } finally {
    await end(isTraining());
  }
}
