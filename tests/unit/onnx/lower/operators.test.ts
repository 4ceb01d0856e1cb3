/** Every lowered operator on wasm. Oracle: onnxruntime-web 1.19.2 (scripts/oracle/official), or float64 where it has none. */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { foldedOnly } from "../../../../src/onnx/lower/fold.ts";
import { lowerings } from "../../../../src/onnx/lower/table.ts";
import { nodeEntries } from "../../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../../src/runtime/runtime.ts";
import { operatorCases } from "../../../support/operatorCases.ts";
import { operatorsByHand } from "../../../support/operatorsByHand.ts";
import { type GoldenTensor, goldenCases, runLowered, worstOf } from "../../../support/runLowered.ts";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../golden/official/${name}.json`, import.meta.url), "utf8"));
const golden: Readonly<Record<string, Readonly<Record<string, GoldenTensor>>>> = read("operators");
const single = goldenCases(read("trainingOperators"));

/** Both compute in float32; a few roundings apart. */
const tolerance = 1e-6;

const runtime = await createRuntime("wasm", { entries: nodeEntries });
afterAll(() => runtime.dispose());

test("23 training operators have golden outputs", () => {
  expect(new Set(single.map(({ built }) => built.op)).size).toBe(23);
});

describe("as onnxruntime-web 1.19.2 computes it", () => {
  test.each(single.map((row) => [row.built.title, row] as const))("%s", async (_title, { built, golden: expected }) => {
    const actual = await runLowered(runtime, built);
    expect(Object.keys(actual).length).toBeGreaterThan(0);
    expect(worstOf(actual, expected)).toBeLessThanOrEqual(tolerance);
  });

  test.each(operatorCases.map((row) => [row.title, row] as const))("%s", async (title, row) => {
    const actual = await runLowered(runtime, row);
    expect(Object.keys(actual).length).toBeGreaterThan(0);
    expect(worstOf(actual, golden[title] ?? {})).toBeLessThanOrEqual(tolerance);
  });
});

test.each(operatorsByHand.map((row) => [row.title, row] as const))("%s, as in float64", async (_title, row) => {
  const actual = await runLowered(runtime, row);
  for (const [name, expected] of Object.entries(row.expected)) {
    const data = actual[name]?.data ?? [];
    expect(data.length).toBe(expected.length);
    for (const [i, value] of data.entries()) expect(value).toBeCloseTo(expected[i] as number, 6);
  }
});

test("every operator of the table has a case", () => {
  const covered = new Set(
    [...operatorCases, ...operatorsByHand, ...single.map(({ built }) => built)].flatMap(({ model }) =>
      model.nodes.map(({ op }) => op),
    ),
  );
  // It has no result: its only output says that updates happened.
  covered.add("Group");
  expect([...Object.keys(lowerings), ...foldedOnly].filter((op) => !covered.has(op))).toEqual([]);
});
