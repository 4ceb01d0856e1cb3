/**
 * Stages of preferences: the log-probabilities of the reference, the loss weights of a step from those of the present weights,
 * and the loss of held-out answers.
 */

import { referenceScores } from "../artifacts/contract.ts";
import type { Batch, BatchShape, TokenizedExample } from "../batching/batch.ts";
import {
  needsReference,
  type PreferenceSettings,
  type PreferenceSums,
  preferenceLoss,
  type ScoredAnswer,
} from "../batching/preference.ts";
import type { PreferenceFigures } from "../run/metrics.ts";
import type { RestoreTensor } from "../storage/checkpoints.ts";
import type { TensorSource } from "../storage/writeCheckpoint.ts";
import { describeType, sameShape } from "../tensor/dtype.ts";
import { evaluationBatches } from "./batchSource.ts";
import type { EvaluationProgram, TrainingProgram } from "./program.ts";

type Scores = Pick<EvaluationProgram, "tokenLosses">;

/** A stage as the run plans it. */
export interface PreferenceStage {
  readonly settings: PreferenceSettings;
  /** Index of its stage, from 0. */
  readonly stage: number;
  /** Number of steps before it. */
  readonly begin: number;
  /** Its answers for training and held out; their ids are `first` to `first + answers.length − 1`. */
  readonly answers: readonly TokenizedExample[];
  readonly first: number;
  readonly heldOut: readonly TokenizedExample[];
  /** Shapes for its answers in batches of a validation. */
  readonly buckets: readonly BatchShape[];
}

/** The batches of a step with signed loss weights, and the loss that has their gradient. */
export interface WeighedStep {
  readonly batches: readonly Batch[];
  readonly loss: number;
  readonly figures: PreferenceFigures;
}

/** The objective of one stage. */
export interface PreferenceObjective {
  /** Number of steps before its stage. */
  readonly begin: number;
  /** Whether `prepare` has nothing to do. */
  ready(): boolean;
  readonly hasHeldOut: boolean;
  /**
   * Computes the reference log-probabilities with the present weights, which must be those of the stage's start; once. False when
   * `interrupted` was true: nothing is remembered then.
   */
  prepare(
    program: Scores,
    interrupted: () => Promise<boolean>,
    onProgress: (done: number, total: number) => void,
  ): Promise<boolean>;
  /** The loss and loss weights of a step's batches; null when `interrupted` was true. Call `prepare` first. */
  weigh(program: Scores, batches: readonly Batch[], interrupted: () => Promise<boolean>): Promise<WeighedStep | null>;
  /** The loss of the held-out answers; null without any, or when `interrupted` was true. */
  evaluate(
    program: Scores,
    interrupted: () => Promise<boolean>,
  ): Promise<{ readonly loss: number; readonly figures: PreferenceFigures } | null>;
}

export interface Preferences {
  /** The objective of the stage that comes after `step` steps, or, after the last step, of the last stage; null in other stages. */
  at(step: number): PreferenceObjective | null;
  /** The program, whose checkpoints also have the reference log-probabilities. */
  remembering(program: TrainingProgram): TrainingProgram;
}

/** `stagesBegin` are the numbers of steps before each stage of the run, in order. */
export function createPreferences(stages: readonly PreferenceStage[], stagesBegin: readonly number[]): Preferences {
  const objectives = stages.map((stage) => ({ stage, ...createObjective(stage) }));
  return {
    at(step) {
      const index = stagesBegin.findLastIndex((begin) => begin <= step);
      return objectives.find(({ stage }) => stage.stage === index)?.objective ?? null;
    },
    remembering: (program) => ({
      ...program,
      tensors: () => [...program.tensors(), ...objectives.flatMap(({ tensors }) => tensors())],
      restore: (load) =>
        program.restore((restore) => {
          for (const { forget } of objectives) forget();
          return load(async (tensor, read) => {
            const own = objectives.find(({ stage }) => tensor.name === referenceScores(stage.stage));
            await (own ? own.restore(tensor, read) : restore(tensor, read));
          });
        }),
    }),
  };
}

function createObjective({ settings, stage, begin, answers, first, heldOut, buckets }: PreferenceStage) {
  const shape = [answers.length];
  /** Σ log π of each answer under the reference; null until it was computed. */
  let reference: Float32Array | null = needsReference(settings.loss) ? null : new Float32Array(answers.length);

  /** The answers of batches with their log-probabilities, batch by batch; null when interrupted. */
  async function score(
    program: Scores,
    batches: readonly Batch[],
    interrupted: () => Promise<boolean>,
    onBatch: () => void = () => {},
  ): Promise<ScoredAnswer[][] | null> {
    const scored: ScoredAnswer[][] = [];
    for (const batch of batches) {
      if (await interrupted()) return null;
      scored.push(answersOf(batch, await program.tokenLosses(batch), reference, first));
      onBatch();
    }
    return scored;
  }

  const objective: PreferenceObjective = {
    begin,
    ready: () => reference !== null,
    hasHeldOut: heldOut.length > 0,

    async prepare(program, interrupted, onProgress) {
      if (reference !== null) return true;
      const batches = evaluationBatches(answers, buckets);
      let done = 0;
      onProgress(0, batches.length);
      const scored = await score(program, batches, interrupted, () => onProgress(++done, batches.length));
      if (scored === null) return false;
      const computed = new Float32Array(answers.length);
      batches.forEach((batch, b) => {
        batch.examples.forEach(({ answer }, i) => {
          if (answer) computed[answer.id - first] = scored[b]?.[i]?.logProbability ?? Number.NaN;
        });
      });
      reference = computed;
      return true;
    },

    async weigh(program, batches, interrupted) {
      const scored = await score(program, batches, interrupted);
      if (scored === null) return null;
      const { lossSum, denominator, tokenWeights, sums } = preferenceLoss(settings, scored.flat());
      let next = 0;
      const weighed = batches.map((batch, b) => {
        const lossWeights = new Float32Array(batch.lossWeights.length);
        let position = 0;
        for (const { supervised } of batch.examples) {
          lossWeights.fill(tokenWeights[next++] ?? 0, position, position + supervised);
          position += supervised;
        }
        // The step's denominator belongs to its batches together.
        return { ...batch, lossWeights, denominator: b === 0 ? denominator : 0 };
      });
      return { batches: weighed, loss: lossSum / Math.max(denominator, 1), figures: figuresOf(sums) };
    },

    async evaluate(program, interrupted) {
      if (heldOut.length === 0) return null;
      const scored = await score(program, evaluationBatches(heldOut, buckets), interrupted);
      if (scored === null) return null;
      const { lossSum, denominator, sums } = preferenceLoss(settings, scored.flat());
      return { loss: lossSum / Math.max(denominator, 1), figures: figuresOf(sums) };
    },
  };

  return {
    objective,
    tensors: (): readonly TensorSource[] => {
      const computed = reference;
      if (!needsReference(settings.loss) || computed === null) return [];
      return [{ name: referenceScores(stage), dtype: "float32", shape, read: () => computed }];
    },
    forget() {
      if (needsReference(settings.loss)) reference = null;
    },
    async restore(tensor: Parameters<RestoreTensor>[0], read: Parameters<RestoreTensor>[1]) {
      if (tensor.dtype !== "float32" || !sameShape(tensor.shape, shape)) {
        const [theirs, own] = [describeType(tensor.dtype, tensor.shape), describeType("float32", shape)];
        throw new Error(`The checkpoint's ${tensor.name} is ${theirs}, but this run has ${own}. Has its data changed?`);
      }
      const bytes = await read();
      reference = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    },
  };
}

/**
 * The answers of a batch. `perToken` is the cross-entropy of each of its supervised positions; `reference` has the log-probability
 * of answer id at id − first, and is 0 where it is null.
 */
export function answersOf(
  batch: Batch,
  perToken: Float32Array,
  reference: Float32Array | null,
  first: number,
): ScoredAnswer[] {
  let position = 0;
  return batch.examples.map(({ answer, supervised, origin }) => {
    if (answer === null) throw new Error(`Row ${origin.row + 1} of ${origin.name} is no answer of a preference.`);
    const begin = position;
    position += supervised;
    const crossEntropy = perToken.subarray(begin, position).reduce((sum, loss) => sum + loss, 0);
    return {
      unit: answer.unit,
      role: answer.role,
      logProbability: -crossEntropy,
      reference: reference?.[answer.id - first] ?? 0,
      tokens: supervised,
      weight: batch.lossWeights[begin] ?? 1,
    };
  });
}

function figuresOf({ chosen, rejected, margin, right, pairs }: PreferenceSums): PreferenceFigures {
  const mean = (sum: number, count: number) => (count === 0 ? 0 : sum / count);
  return {
    margin: mean(margin, pairs),
    accuracy: mean(right, pairs),
    chosen: mean(chosen.logProbability, chosen.count),
    rejected: mean(rejected.logProbability, rejected.count),
  };
}
