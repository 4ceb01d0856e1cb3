/** Splits off general text: rows that are measured, so that forgetting shows, and other rows that stages replay. */

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
  /** The other rows of its sources, in file order, which stages may replay. */
  readonly rest: readonly TokenizedExample[];
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
 * The general text of a run: of each source a seeded choice of rows is measured, up to `mostGeneralTokens` supervised tokens
 * and at most half of its rows. `all` are the table's examples without preferences. Throws where a stage trains on a general
 * source, where one has no rows, without validation rows, and where a stage replays what is not there.
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
  const rest: TokenizedExample[] = [];
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
        `"${label}" is general text, but stage ${stage + 1} trains on it as its task: remove it from one of the two.`,
      );
    }
    const rows = all.filter(({ origin }) => origin.source === source);
    if (rows.length === 0) {
      throw new Error(`"${label}" is general text, but none of its rows can be used: choose another text.`);
    }
    const chosen = chosenOf(rows, random.below(2 ** 32));
    rest.push(...rows.filter((row) => !chosen.has(row)));
    return { ...generalOf(source), label, examples: rows.filter((row) => chosen.has(row)) };
  });
  requireReplay(recipe, sets, rest.length);
  const examples = sets.flatMap((set) => set.examples);
  return { sets, buckets: chooseBuckets(examples, recipe.batchSize, { repeats: false }), rest };
}

/** Throws where a stage replays general text, and there is none or all of it is measured. */
function requireReplay({ stages }: Recipe, sets: readonly GeneralSet[], rest: number): void {
  const stage = stages.findIndex(({ objective, replay }) => objective !== "preference" && replay > 0);
  if (stage < 0 || rest > 0) return;
  const why =
    sets.length === 0
      ? "has no general text: choose one"
      : "measures the only row of its general text: choose a longer text";
  throw new Error(
    `Stage ${stage + 1} replays ${100 * (stages[stage]?.replay ?? 0)} % of general text, but the run ${why}, or set the share to 0.`,
  );
}

/** Rows in a seeded order until the next one exceeds a limit; at least one. */
function chosenOf(rows: readonly TokenizedExample[], seed: number): ReadonlySet<TokenizedExample> {
  const order = shuffle(
    rows.map((_, place) => place),
    createRandom(seed),
  );
  const chosen = new Set<TokenizedExample>();
  let tokens = 0;
  for (const place of order.slice(0, Math.max(1, Math.floor(rows.length / 2)))) {
    const row = rows[place] as TokenizedExample;
    tokens += supervisedIn(row.mask);
    if (chosen.size > 0 && tokens > mostGeneralTokens) break;
    chosen.add(row);
  }
  return chosen;
}
