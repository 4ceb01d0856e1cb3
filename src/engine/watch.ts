/** The watch of a run: snapshots of the answer to one prompt, and of the loss of each token of one row. */

import { type Batch, packBatch, supervisedIn, type TokenizedExample } from "../batching/batch.ts";
import { bucketFor, chooseBuckets } from "../batching/buckets.ts";
import type { WatchChoice } from "../protocol/engine.ts";
import type { Watch } from "../run/metrics.ts";
import { evaluationRows } from "../training/batchSource.ts";
import type { HeldOut } from "../training/evaluate.ts";
import type { LoopWatch } from "../training/loop.ts";
import type { TrainingProgram } from "../training/program.ts";
import { rememberLosses } from "../training/remembered.ts";
import type { LoadedModel } from "./library.ts";
import { inFileOrder, type Plan } from "./prepare.ts";

/** Significant figures of a recorded loss: more than a chart shows, and few enough for a small record. */
const figures = 4;

type Rows = Pick<Plan, "training" | "validation" | "validationBuckets" | "sourceNames">;

/**
 * The watch without a snapshot: the chosen prompt and row, else the first held-out question and row, else the first training
 * row. Throws when the run does not use the chosen row.
 */
export function planWatch(
  plan: Rows,
  { vocabulary }: Pick<LoadedModel, "vocabulary">,
  question: string | null,
  choice: WatchChoice,
): Watch {
  const { origin, ids, mask, weights } = watchedExample(plan, choice.place);
  return {
    prompt: choice.prompt ?? question,
    place: { source: origin.source, row: origin.row },
    tokens: Array.from(ids, (id, i) => ({ text: vocabulary.show(id), weight: mask[i] === 1 ? (weights[i] ?? 0) : 0 })),
    moments: [],
  };
}

function watchedExample({ training, validation, sourceNames }: Rows, place: WatchChoice["place"]): TokenizedExample {
  const all = [...validation, ...inFileOrder(training)];
  const found = place ? all.find(({ origin }) => origin.source === place.source && origin.row === place.row) : all[0];
  if (found) return found;
  const name = place && (sourceNames[place.source] ?? `source ${place.source + 1}`);
  throw new Error(
    `Row ${(place?.row ?? 0) + 1} of ${name} cannot be watched, because the run leaves it out: choose another row, or none.`,
  );
}

/** A batch with the watched row, and where its token losses begin and end in those of the batch. */
interface WatchedBatch {
  readonly batch: Batch;
  readonly begin: number;
  readonly end: number;
}

/** The batch of a validation that has the example, else one of its own. `heldOut` has the batches of `plan.heldOut`. */
function batchWith(
  example: TokenizedExample,
  { heldOut: sets, validationBuckets }: Pick<Plan, "heldOut" | "validationBuckets">,
  heldOut: HeldOut,
): WatchedBatch {
  for (const [at, { examples }] of sets.entries()) {
    for (const [i, rows] of evaluationRows(examples, validationBuckets).entries()) {
      const place = rows.indexOf(example);
      const batch = heldOut[at]?.batches[i];
      if (place < 0 || !batch) continue;
      const begin = rows.slice(0, place).reduce((sum, { mask }) => sum + supervisedIn(mask), 0);
      return { batch, begin, end: begin + supervisedIn(example.mask) };
    }
  }
  const supervised = supervisedIn(example.mask);
  const fits = validationBuckets.some((shape) => shape.length >= example.ids.length && shape.supervised >= supervised);
  // A row that fits a validation bucket reuses the session of that bucket.
  const shapes = fits ? validationBuckets : chooseBuckets([example], 1, { repeats: false });
  const rows = [[example]];
  return { batch: packBatch(rows, bucketFor(shapes, rows)), begin: 0, end: supervised };
}

/**
 * Takes the snapshots of a run. The returned program computes the watched batch once where a validation and a snapshot need it
 * of the same weights.
 */
export function createWatch(
  plan: Rows & Pick<Plan, "heldOut">,
  heldOut: HeldOut,
  { prompt, place }: Watch,
  every: number,
  program: TrainingProgram,
): { readonly watch: LoopWatch; readonly program: TrainingProgram } {
  const { batch, begin, end } = batchWith(watchedExample(plan, place), plan, heldOut);
  const remembering = rememberLosses(program, batch);
  const watch: LoopWatch = {
    every,
    async capture(answer) {
      const text = prompt === null ? "" : await answer(prompt);
      if (text === null) return null;
      const losses = Array.from((await remembering.tokenLosses(batch)).subarray(begin, end));
      return { answer: text, losses: losses.map((loss) => Number(loss.toPrecision(figures))) };
    },
  };
  return { watch, program: remembering };
}
