/** Splits off general text: sources whose rows a run never trains on, and whose loss shows what the model forgets. */

import { type BatchShape, supervisedIn, type TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets } from "../batching/buckets.ts";
import { splitValidation } from "../batching/split.ts";
import type { TokenTable } from "../protocol/datasets.ts";
import { generalSourcesOf, mostGeneralTokens } from "../run/forgetting.ts";
import { generalOf, type HeldOutSet } from "../run/heldOut.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import { createRandom, shuffle } from "../tensor/random.ts";

/** A general text of a run. */
export interface GeneralSet extends HeldOutSet {
  /** Name of its source. */
  readonly label: string;
  /** The chosen rows, in file order. */
  readonly examples: readonly TokenizedExample[];
}

export interface GeneralText {
  readonly sets: readonly GeneralSet[];
  /** Shapes of its batches. */
  readonly buckets: readonly BatchShape[];
}

/**
 * The rows of the table by their use. Training and validation are split without the general sources, so their split is that of a
 * run without general text.
 */
export function splitRows(table: TokenTable, recipe: Recipe): { training: number[]; validation: number[] } {
  const { split } = seedsOf(recipe);
  const general = generalSourcesOf(recipe);
  if (general.length === 0) return splitValidation(table, recipe.validationShare, split);
  const own = Array.from(table.rows.keys()).filter((index) => !general.includes(table.sources[index] ?? -1));
  const only = (column: ArrayLike<number>) => own.map((index) => column[index] ?? 0);
  const { sources, rows, splits } = table;
  const parts = splitValidation(
    { sources: only(sources), rows: only(rows), splits: only(splits) },
    recipe.validationShare,
    split,
  );
  const inTable = (places: readonly number[]) => places.map((place) => own[place] as number);
  return { training: inTable(parts.training), validation: inTable(parts.validation) };
}

/**
 * The general text of a run: of each source a seeded choice of rows, up to `mostGeneralTokens` supervised tokens. `all` are the
 * table's examples. Throws where a stage trains on such a source, where one has no rows, and without validation rows.
 */
export function generalTextOf(
  all: readonly TokenizedExample[],
  recipe: Recipe,
  sourceNames: readonly string[],
  validationRows: number,
): GeneralText {
  const random = createRandom(seedsOf(recipe).forgetting);
  const sources = generalSourcesOf(recipe);
  if (sources.length > 0 && validationRows === 0) {
    throw new Error(
      "The run measures general text with each validation, but no row of the task is held out: set a held-out share above 0.",
    );
  }
  const sets = sources.map((source): GeneralSet => {
    const label = sourceNames[source];
    if (label === undefined) {
      throw new RangeError(
        `The general text is source ${source + 1}, but the run has ${sourceNames.length}: choose its data again.`,
      );
    }
    const stage = recipe.stages.findIndex((each) => each.sources?.some((own) => own.source === source) ?? false);
    if (stage >= 0) {
      throw new Error(
        `"${label}" is general text, which no stage may train on, but stage ${stage + 1} does: remove it from one of the two.`,
      );
    }
    const rows = all.filter(({ origin }) => origin.source === source);
    if (rows.length === 0) {
      throw new Error(`"${label}" is general text, but none of its rows can be used: choose another text.`);
    }
    return { ...generalOf(source), label, examples: chosenOf(rows, () => random.below(2 ** 32)) };
  });
  const examples = sets.flatMap((set) => set.examples);
  return { sets, buckets: chooseBuckets(examples, recipe.batchSize, { repeats: false }) };
}

/** Rows in a seeded order until the next one exceeds the limit; at least one. In file order. */
function chosenOf(rows: readonly TokenizedExample[], seed: () => number): TokenizedExample[] {
  const order = shuffle(
    rows.map((_, place) => place),
    createRandom(seed()),
  );
  let tokens = 0;
  const count = order.findIndex((place) => {
    tokens += supervisedIn(rows[place]?.mask ?? new Uint8Array(0));
    return tokens > mostGeneralTokens;
  });
  return order
    .slice(0, count < 0 ? order.length : Math.max(1, count))
    .sort((a, b) => a - b)
    .map((place) => rows[place] as TokenizedExample);
}
