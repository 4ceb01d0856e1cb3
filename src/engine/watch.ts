/** The watch of a run: snapshots of the answer to one prompt, and of the loss of each token of one row. */

import { supervisedIn, type TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets } from "../batching/buckets.ts";
import type { WatchChoice } from "../protocol/engine.ts";
import type { Watch } from "../run/metrics.ts";
import { evaluationBatches } from "../training/batchSource.ts";
import type { LoopWatch } from "../training/loop.ts";
import type { EvaluationProgram } from "../training/program.ts";
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

/** Takes the snapshots of a run. */
export function createWatch(
  plan: Rows,
  { prompt, place }: Watch,
  every: number,
  program: EvaluationProgram,
): LoopWatch {
  const example = watchedExample(plan, place);
  const supervised = supervisedIn(example.mask);
  const fits = plan.validationBuckets.some(
    (shape) => shape.length >= example.ids.length && shape.supervised >= supervised,
  );
  // A row that fits a validation bucket reuses the session of that bucket.
  const shapes = fits ? plan.validationBuckets : chooseBuckets([example], 1, { repeats: false });
  const [batch] = evaluationBatches([example], shapes);
  return {
    every,
    async capture(answer) {
      const text = prompt === null ? "" : await answer(prompt);
      if (text === null || !batch) return null;
      const losses = Array.from(await program.tokenLosses(batch));
      return { answer: text, losses: losses.map((loss) => Number(loss.toPrecision(figures))) };
    },
  };
}
