/** Writes and reads the demo's data: pairs, preferences, exam and held-out text of the small world, as JSON Lines. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWorld } from "./pairs.ts";

/** Number of pairs in the demo. */
const pairCount = 200;
/** Number of pairs that prefer short answers. */
export const preferenceCount = 60;
/** Number of exam questions per task and group. */
const questionsPerTask = 10;
/** Number of held-out documents whose loss shows forgetting. */
export const textCount = 120;

const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** The rows of a file of JSON Lines. */
export function readRows<Row>(file: string): Row[] {
  const written = readFileSync(file, "utf8").split("\n");
  return written.filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
}

/** Writes the four files into `folder`; equal seeds and held-out documents give equal bytes. */
export function writeSamples(folder: string, seed: number, heldOut: readonly string[]): void {
  const world = openWorld(seed);
  const write = (name: string, rows: readonly unknown[]) => writeFileSync(join(folder, name), lines(rows));
  write("small-world.jsonl", world.pairs({ count: pairCount }));
  write("small-world-preferences.jsonl", world.preferences(preferenceCount));
  write("small-world-exam.jsonl", world.exam(questionsPerTask));
  write(
    "small-world-text.jsonl",
    heldOut.slice(0, textCount).map((text) => ({ text })),
  );
}
