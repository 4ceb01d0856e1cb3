/** Seeded changes of plain data, as a damaged or hostile file has them. */

import type { Random } from "../../src/tensor/random.ts";

type Place = readonly [container: Record<string, unknown>, name: string];

/** Every member of a tree of JSON. */
function placesIn(json: unknown): Place[] {
  const places: Place[] = [];
  const waiting = [json];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== "object" || next === null) continue;
    for (const [name, value] of Object.entries(next)) {
      places.push([next as Record<string, unknown>, name]);
      waiting.push(value);
    }
  }
  return places;
}

const deep = (depth: number) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`) as unknown;

/** Values that a field is not meant to have. */
const oddValues: readonly (() => unknown)[] = [
  ...[-1, 0, 1, 0.5, 1e9, 1e15, 1e300, -1e300, 2 ** 53, 2 ** 32].map((value) => () => value),
  ...["", "a", "../x", "\ud800", "\u0000", "NaN", "__proto__", "2026-01-01", "f".repeat(64)].map(
    (value) => () => value,
  ),
  ...[null, true, false].map((value) => () => value),
  ...["NaN", "Infinity", "-Infinity", "x"].map((value) => () => ({ $number: value })),
  () => [],
  () => ({}),
  () => "x".repeat(70_000),
  () => deep(500),
  () => Array.from({ length: 3000 }, () => 1),
];

export const pick = <T>(random: Random, all: readonly T[]): T => all[random.below(all.length)] as T;

/** Changes one member of JSON: another value, none, that of another place, once more, or with a small difference. */
export function changeJson(json: unknown, random: Random): void {
  const places = placesIn(json);
  if (places.length === 0) return;
  const [container, name] = pick(random, places);
  const set = (value: unknown) =>
    Object.defineProperty(container, name, { value, enumerable: true, configurable: true, writable: true });
  const before = container[name];
  switch (random.below(6)) {
    case 0:
      return void delete container[name];
    case 1: {
      const [other, from] = pick(random, places);
      return void set(structuredClone(other[from]));
    }
    case 2:
      if (Array.isArray(container)) return void container.push(structuredClone(before));
      return void Object.defineProperty(container, pick(random, ["extra", "__proto__", "constructor", "chunks"]), {
        value: structuredClone(before),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    case 3:
      if (typeof before === "number") return void set(before + pick(random, [-1, 1, 0.5, 1e6]));
      return void set(pick(random, oddValues)());
    default:
      return void set(pick(random, oddValues)());
  }
}
