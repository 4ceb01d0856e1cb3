/** Writes what transformers computes to tests/golden/configs/logits.json, so that tests need no Python. */

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Verdict } from "./compare.ts";
import { savedNames } from "./publishedCases.ts";

const golden = (name: string) => fileURLToPath(new URL(`../../../tests/golden/configs/${name}`, import.meta.url));

export interface FrozenCase {
  readonly name: string;
  /** The largest |logit| of the row. */
  readonly scale: number;
  /** Logits of a few tokens at a few positions, as `sampled` picks them. */
  readonly logits: readonly number[];
}

/** Picks logits of [T, V]: seven tokens of the first, a middle and the last position. */
export function sampled(logits: ArrayLike<number>, vocabulary: number): number[] {
  const length = logits.length / vocabulary;
  return [0, length >> 1, length - 1].flatMap((at) =>
    Array.from({ length: 7 }, (_, i) => logits[at * vocabulary + i * 17] ?? Number.NaN),
  );
}

/** Freezes the accepted cases; the caller has found no problem in any. */
export async function freeze(verdicts: readonly Verdict[]): Promise<void> {
  const note = "Logits of transformers 5.18 with torch 2.13 in float32. npm run configs -- --freeze";
  const cases = verdicts.flatMap(({ name, frozen }) => (frozen ? [{ name, ...frozen }] : []));
  const rounded = (_key: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(8)) : value);
  const lines = cases.map((one) => JSON.stringify(one, rounded));
  const file = golden("logits.json");
  await writeFile(file, `{\n"note": ${JSON.stringify(note)},\n"cases": [\n${lines.join(",\n")}\n]\n}\n`);
  console.info(`${file}: ${cases.length} cases`);
}

/** Writes published configs, made small, as transformers saves them today. */
export async function freezeNewer(verdicts: readonly Verdict[]): Promise<void> {
  const note = "Small forms of published configs as transformers 5.18 saves them. npm run configs -- --newer";
  const models = Object.fromEntries(
    verdicts.flatMap(({ name, saved }) => (savedNames.includes(name) && saved ? [[name, JSON.parse(saved)]] : [])),
  );
  await writeFile(golden("newer.json"), `${JSON.stringify({ note, models }, null, 2)}\n`);
}
