/** The rows of each stage as files: messages or texts, tokens with labels, and the order of the run's micro-batches. */

import type { TokenizedExample } from "../../batching/batch.ts";
import { sha256 } from "../../hub/hash.ts";
import type { MarkedTemplate } from "../../templates/marked.ts";
import { ExportError } from "../files.ts";

/** The examples of a run for other trainers. Example i is the line from ends[i] to ends[i+1]. */
export interface HandOverRows {
  /** JSON Lines: `messages`, or `text`. */
  readonly rows: Blob;
  /** float64 [examples + 1]; byte offsets in `rows`. */
  readonly ends: Float64Array<ArrayBuffer>;
  /** int32 [sequences]; the example of each sequence of the run's `TokenTable`. */
  readonly examples: Int32Array<ArrayBuffer>;
  /** float64 [sequences + 1]; the table's `offsets`. */
  readonly offsets: Float64Array<ArrayBuffer>;
  /** uint8 [examples]; 1 for plain text. */
  readonly texts: Uint8Array<ArrayBuffer>;
  /** The template with generation tags; null where the run's template cannot be written as Jinja. */
  readonly template: MarkedTemplate | null;
  /** Why that template alone does not give every chat's tokens and mask; null where it was measured to give them. */
  readonly problem: string | null;
}

/** A stage's data, as the plan of the run has it. */
export interface StageData {
  readonly training: readonly TokenizedExample[];
  readonly heldOut: readonly TokenizedExample[];
  /** Micro-batches of each step, each a list of indices into `training`. */
  readonly steps: readonly (readonly (readonly number[])[])[];
}

export interface SplitFiles {
  readonly rows: Blob;
  readonly tokens: Blob;
  /** Loss weights of the tokens; null where all supervised ones are 1. */
  readonly weights: Blob | null;
}

export interface StageRowFiles {
  /** In the order in which the run first draws its rows, then those that it does not draw. */
  readonly train: SplitFiles;
  /** Null without held-out rows. */
  readonly validation: SplitFiles | null;
  readonly order: Blob;
  readonly firstBatch: FirstBatch;
  /** Whether plain text is among the rows for training. */
  readonly hasText: boolean;
}

export interface FirstBatch {
  /** Lines of `tokens/train.jsonl`, from 0. */
  readonly rows: readonly number[];
  /** SHA-256 of each row's length and ids as int32, little endian. */
  readonly tokens: string;
  /** The same of the masks. */
  readonly masks: string;
}

/** Throws ExportError where `given` is not of the same rows. */
export async function stageRows(stage: StageData, given: HandOverRows): Promise<StageRowFiles> {
  const { training, heldOut, steps } = stage;
  const places = placesOf(given);
  const drawn = new Set(steps.flat(2));
  const lines = [...drawn, ...[...training.keys()].filter((index) => !drawn.has(index))];
  const lineOf = new Map(lines.map((index, line) => [index, line]));
  const order = steps.map((batches) => batches.map((batch) => batch.map((index) => lineOf.get(index) ?? 0)));
  const inOrder = lines.map((index) => training[index] as TokenizedExample);
  const rows = order[0]?.[0] ?? [];
  return {
    train: splitFiles(inOrder, given, places),
    validation: heldOut.length > 0 ? splitFiles(heldOut, given, places) : null,
    order: linesOf(order.map((batches, step) => ({ step: step + 1, micro_batches: batches }))),
    firstBatch: { rows, ...(await hashesOf(rows.map((row) => inOrder[row] as TokenizedExample))) },
    hasText: training.some((example) => given.texts[places(example)] === 1),
  };
}

/** The example of each sequence, by the place of its ids in the table. */
function placesOf({ examples, offsets }: HandOverRows): (example: TokenizedExample) => number {
  const byOffset = new Map(Array.from(examples, (example, nth) => [offsets[nth] ?? 0, { example, nth }]));
  return ({ ids, origin }) => {
    const found = byOffset.get(ids.byteOffset / ids.BYTES_PER_ELEMENT);
    if (found && (offsets[found.nth + 1] ?? 0) - (offsets[found.nth] ?? 0) === ids.length) return found.example;
    throw new ExportError(
      `The rows changed while they were exported: row ${origin.row + 1} of ${origin.name} has other tokens. Export again.`,
    );
  };
}

function splitFiles(
  examples: readonly TokenizedExample[],
  { rows, ends }: HandOverRows,
  placeOf: (example: TokenizedExample) => number,
): SplitFiles {
  // The windows of one text are several sequences, and one row.
  const lines = new Set(examples.map(placeOf));
  return {
    rows: new Blob(
      runsOf([...lines]).map(([from, to]) => rows.slice(ends[from] ?? 0, ends[to] ?? 0)),
      { type: "application/jsonl" },
    ),
    tokens: linesOf(examples.map(tokensOf)),
    weights: examples.some(isWeighted) ? linesOf(examples.map(weightsOf)) : null,
  };
}

/** Neighbouring lines as [from, to), so that a Blob has few parts. */
function runsOf(lines: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last?.[1] === line) last[1]++;
    else runs.push([line, line + 1]);
  }
  return runs;
}

/** A row as transformers' collators read it. */
const tokensOf = ({ ids, mask }: TokenizedExample) => ({
  input_ids: [...ids],
  attention_mask: Array.from(ids, () => 1),
  labels: Array.from(ids, (id, i) => (i > 0 && mask[i] === 1 ? id : -100)),
});

/** Whether a supervised token has a loss weight other than 1. */
export const isWeighted = ({ mask, weights }: TokenizedExample): boolean =>
  weights.some((weight, i) => mask[i] === 1 && weight !== 1);

const weightsOf = ({ mask, weights }: TokenizedExample) => ({
  weights: Array.from(weights, (weight, i) => (mask[i] === 1 ? weight : 0)),
});

/** Lines of one part of a Blob, which the browser may move to the disk. */
const linesPerPart = 2048;

function linesOf(values: readonly object[]): Blob {
  const parts: Blob[] = [];
  for (let at = 0; at < values.length; at += linesPerPart) {
    const lines = values.slice(at, at + linesPerPart).map((value) => `${JSON.stringify(value)}\n`);
    parts.push(new Blob(lines));
  }
  return new Blob(parts, { type: "application/jsonl" });
}

/** As `digest` of `check_batch.py`. */
export async function hashesOf(
  rows: readonly Pick<TokenizedExample, "ids" | "mask">[],
): Promise<Pick<FirstBatch, "tokens" | "masks">> {
  const numbers = (lists: readonly ArrayLike<number>[]) => {
    const view = new DataView(new ArrayBuffer(lists.reduce((sum, { length }) => sum + 4 * (length + 1), 0)));
    let at = 0;
    const put = (value: number) => {
      view.setInt32(at, value, true);
      at += 4;
    };
    for (const list of lists) {
      put(list.length);
      for (let i = 0; i < list.length; i++) put(list[i] ?? 0);
    }
    return new Uint8Array(view.buffer);
  };
  return {
    tokens: await sha256(numbers(rows.map(({ ids }) => ids))),
    masks: await sha256(numbers(rows.map(({ mask }) => mask.map((bit, i) => (i === 0 ? 0 : bit))))),
  };
}
