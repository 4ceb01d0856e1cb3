/** Finds out whether the texts of a mapping are conversations that a chat template rendered already. */

import { isObject, memberOf, type OrderedObject, type PlainObject } from "../value.ts";
import type { Mapping } from "./mapping.ts";
import { readReady } from "./ready.ts";

/** From this share of the rows on, ready-made text is the detected format; the others are then left out. */
const leastShare = 0.9;

export interface ReadyDetection {
  readonly rendered: Mapping;
  readonly marked: Mapping;
  /** Number of rows that are conversations with an answer. */
  readonly count: number;
  /** Whether nearly all rows are. */
  readonly most: boolean;
  /** "ChatML", or "ChatML (12) and Llama 3 (2)". */
  readonly families: string;
}

/** For a mapping of a text, or of a prompt and its response; null where no row is ready-made. */
export function detectReady({ columns }: Mapping, values: readonly unknown[]): ReadyDetection | null {
  const { text, prompt, instruction, response, input, history, label, category, split, weight } = columns;
  const first = text ?? prompt ?? instruction;
  const second = text === undefined ? response : undefined;
  if (text === undefined && (input !== undefined || history !== undefined)) return null;
  const counts = new Map<string, number>();
  for (const value of values) {
    const whole = typeof value === "string" ? value : isObject(value) ? joined(value, first, second) : null;
    const ready = whole === null ? null : readReady(whole);
    if (!ready?.messages.some(({ role }) => role === "assistant")) continue;
    counts.set(ready.family, (counts.get(ready.family) ?? 0) + 1);
  }
  if (counts.size === 0) return null;
  const found = [...counts].sort((a, b) => b[1] - a[1]);
  const count = found.reduce((sum, [, some]) => sum + some, 0);
  const names = found.map(([family, some]) => (found.length === 1 ? family : `${family} (${some})`));
  const own = {
    ...(first !== undefined && { text: first }),
    ...(second !== undefined && { response: second }),
    ...(label !== undefined && { label }),
    ...(category !== undefined && { category }),
    ...(split !== undefined && { split }),
    ...(weight !== undefined && { weight }),
  };
  return {
    rendered: { format: "rendered", columns: own },
    marked: { format: "marked", columns: own },
    count,
    most: count >= leastShare * values.length,
    families: names.length === 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`,
  };
}

function joined(row: PlainObject | OrderedObject, first = "", second: string | undefined): string | null {
  const begin = memberOf(row, first);
  const rest = second === undefined ? "" : memberOf(row, second);
  return typeof begin === "string" && typeof rest === "string" ? begin + rest : null;
}
