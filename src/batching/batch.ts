/** A micro-batch for the artifacts: static shapes, padding, packing, and a list of the supervised positions. */

import type { BatchShape } from "../artifacts/contract.ts";
import { nameShown } from "../records/read/row.ts";
import { type LossTerms, weightedMean } from "./objective.ts";
import type { AnswerRole } from "./preference.ts";

export type { BatchShape };

/** The place of a row in its source and file. */
export interface RowOrigin {
  /** Index of its source among the run's sources, from 0. */
  readonly source: number;
  /** Name of that source, usually its file's name. */
  readonly name: string;
  /** Index of the record in its source, from 0. */
  readonly row: number;
  /** Line of the file on which the record begins, from 1; for a Parquet table it is row + 1. */
  readonly line: number;
}

/** A row in an error message: `chats.jsonl line 40`, or `alpaca.json line 12 (row 4)` where rows are not lines. */
export const describeOrigin = ({ name, row, line }: RowOrigin) =>
  `${nameShown(name)} line ${line}${line === row + 1 ? "" : ` (row ${row + 1})`}`;

/** One row after template, tokenizer and mask; each list has one entry per token. */
export interface TokenizedExample {
  readonly origin: RowOrigin;
  readonly ids: Int32Array;
  /**
   * 1 where the token is supervised, else 0: `mask[i]` refers to the prediction of `ids[i]` from `ids[0..i-1]`. `mask[0]` is
   * 0, because nothing predicts the first token.
   */
  readonly mask: Uint8Array;
  /** Loss weight of each supervised token; entries where the mask is 0 are ignored. */
  readonly weights: Float32Array;
  /** Where it is an answer of preference training: then its supervised tokens are the answer's. */
  readonly answer?: Answer;
}

/** The place of an answer among those of its run. */
export interface Answer {
  /** Distinct for every answer of a run, from 0: its place in the list of reference log-probabilities. */
  readonly id: number;
  /** Number of its pair, or of the single answer; distinct in a run. */
  readonly unit: number;
  readonly role: AnswerRole;
}

export interface Batch extends LossTerms {
  readonly shape: BatchShape;
  /** int32 [B, T]; padding is 0. */
  readonly inputIds: Int32Array;
  /** int32 [B, T]; restarts at 0 in each segment. */
  readonly positionIds: Int32Array;
  /** int32 [B, T]; 1, 2, … per packed example, 0 for padding. Attention stays within a segment. */
  readonly segmentIds: Int32Array;
  /** int32 [N]; flat position b·T + t whose *next* token is predicted; padding is 0. */
  readonly supervisedIndex: Int32Array;
  /** int32 [N]; the token to predict; padding is 0. */
  readonly targets: Int32Array;
  /** Number of supervised positions among the N; padding follows them. */
  readonly supervised: number;
  /** Number of tokens, padding not counted. */
  readonly tokens: number;
  /** The examples, in order. */
  readonly examples: readonly BatchExample[];
  /** Origin of each example, in order. */
  readonly origins: readonly RowOrigin[];
}

/** An example in a batch. */
export interface BatchExample {
  readonly origin: RowOrigin;
  readonly answer: Answer | null;
  /** Number of its supervised positions; those of the examples follow each other. */
  readonly supervised: number;
}

/** Number of tokens that a mask supervises. */
export function supervisedIn(mask: Uint8Array): number {
  let count = 0;
  for (const one of mask) count += one;
  return count;
}

/** One example per row, padded on the right; missing examples leave empty rows. Throws when they do not fit the shape. */
export function makeBatch(examples: readonly TokenizedExample[], shape: BatchShape): Batch {
  return packBatch(
    examples.map((example) => [example]),
    shape,
  );
}

/**
 * Several examples per row, one after the other. Each has its own segment (1, 2, …) and positions from 0, so none attends to
 * another. Throws with the example and the limit when rows, tokens or supervised positions exceed the shape.
 */
export function packBatch(groups: readonly (readonly TokenizedExample[])[], shape: BatchShape): Batch {
  const { rows, length } = shape;
  if (groups.length > rows) throw new Error(`${groups.length} rows do not fit a batch of ${rows}.`);
  const inputIds = new Int32Array(rows * length);
  const positionIds = new Int32Array(rows * length);
  const segmentIds = new Int32Array(rows * length);
  const supervisedIndex = new Int32Array(shape.supervised);
  const targets = new Int32Array(shape.supervised);
  const targetWeights = new Float32Array(shape.supervised);
  let supervised = 0;
  let tokens = 0;

  groups.forEach((examples, b) => {
    let t = 0;
    examples.forEach(({ origin, ids, mask, weights }, segment) => {
      if (t + ids.length > length) {
        throw new Error(`${describeOrigin(origin)}: token ${t + ids.length} does not fit a length of ${length}.`);
      }
      const start = b * length + t;
      inputIds.set(ids, start);
      for (let i = 0; i < ids.length; i++) {
        positionIds[start + i] = i;
        segmentIds[start + i] = segment + 1;
        if (mask[i] !== 1) continue;
        if (i === 0) {
          throw new Error(
            `${describeOrigin(origin)}: its first token is supervised, but nothing predicts the first token.`,
          );
        }
        if (supervised === shape.supervised) {
          throw new Error(
            `${describeOrigin(origin)}: the batch has more than ${supervised} supervised tokens, its limit.`,
          );
        }
        supervisedIndex[supervised] = start + i - 1;
        targets[supervised] = ids[i] ?? 0;
        targetWeights[supervised] = weights[i] ?? 0;
        supervised++;
      }
      t += ids.length;
    });
    tokens += t;
  });
  return {
    shape,
    inputIds,
    positionIds,
    segmentIds,
    supervisedIndex,
    targets,
    ...weightedMean(targetWeights),
    supervised,
    tokens,
    examples: groups
      .flat()
      .map(({ origin, answer = null, mask }) => ({ origin, answer, supervised: supervisedIn(mask) })),
    origins: groups.flat().map(({ origin }) => origin),
  };
}
