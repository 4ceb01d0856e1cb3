/** Prepared rows, enough to plan a run: chats, plain text, and a source with both. */

import type { PreparedData } from "../../src/protocol/datasets.ts";
import { defaultRecipe, type Recipe } from "../../src/run/recipe.ts";
import { withLambdas } from "../../src/run/stage.ts";
import { type RecipeChange, recipeWith } from "./recipe.ts";

type Kind = "text" | "chat";

/** Sequences as [source, kind, tokens, supervised tokens]; rows are numbered within a source. */
export type Sequences = readonly (readonly [source: number, kind: Kind, tokens: number, supervised: number])[];

/** Three sources: chats only, text only, and both. */
export const threeSources: Sequences = [
  ...Array.from({ length: 13 }, (_, i) => [0, "chat", 12 + 5 * i, 4 + (i % 5)] as const),
  ...Array.from({ length: 9 }, (_, i) => [1, "text", i % 3 === 2 ? 23 + i : 64, i % 3 === 2 ? 22 + i : 63] as const),
  ...Array.from({ length: 8 }, (_, i) => [2, i % 2 ? "text" : "chat", 20 + 3 * i, i % 2 ? 19 + 3 * i : 6] as const),
];

export function preparedData(sequences: Sequences): PreparedData {
  const offsets = [0];
  const rows: number[] = [];
  const counted = new Map<number, number>();
  for (const [source, , tokens] of sequences) {
    offsets.push((offsets.at(-1) ?? 0) + tokens);
    rows.push(counted.get(source) ?? 0);
    counted.set(source, (counted.get(source) ?? 0) + 1);
  }
  const mask = sequences.flatMap(([, , tokens, supervised]) =>
    Array.from({ length: tokens }, (_, i) => (i > 0 && i >= tokens - supervised ? 1 : 0)),
  );
  const report = { checks: [], leftOut: [] } as unknown as PreparedData["report"];
  return {
    table: {
      ids: Int32Array.from(mask, (_, i) => i),
      mask: Uint8Array.from(mask),
      weights: Float32Array.from(mask),
      offsets: Float64Array.from(offsets),
      sources: Int32Array.from(sequences, ([source]) => source),
      rows: Int32Array.from(rows),
      lines: Int32Array.from(rows, (row) => 3 * row + 2),
      splits: new Int8Array(sequences.length),
      partners: new Int32Array(sequences.length).fill(-1),
      kinds: Int8Array.from(sequences, ([, kind]) => (kind === "text" ? 0 : 1)),
    },
    report,
    sourceNames: Array.from({ length: 1 + Math.max(...counted.keys()) }, (_, source) => `source ${source}`),
  };
}

/** Small batches and rows, so that few sequences give many steps. */
export const smallRecipe = (lambdas: readonly number[], change: RecipeChange = {}): Recipe =>
  withLambdas(
    recipeWith(defaultRecipe("lora"), { batchSize: 2, accumulation: 2, maxLength: 96, epochs: 2, ...change }),
    lambdas,
  );
