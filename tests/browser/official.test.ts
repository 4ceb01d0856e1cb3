/** Training operators and artifacts of ONNX Runtime on WebGPU, no node on the CPU. Oracle: onnxruntime-web 1.19.2's goldens. */

import { afterAll, expect, test } from "vitest";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import operators from "../golden/official/operators.json" with { type: "json" };
import golden from "../golden/official/training.json" with { type: "json" };
import trainingOperators from "../golden/official/trainingOperators.json" with { type: "json" };
import { isLong } from "../support/long.ts";
import { officialSet, officialSteps } from "../support/officialSet.ts";
import { operatorCases } from "../support/operatorCases.ts";
import { type GoldenTensor, goldenCases, runLowered, worstOf } from "../support/runLowered.ts";
import { openSet, trainSteps, worstRatio } from "../support/trainOfficial.ts";

/** It refuses an artifact of which any node would run on the CPU. */
const runtime = await createRuntime("webgpu", { entries: browserEntries });
afterAll(() => runtime.dispose());

test.for(goldenCases(trainingOperators))("$built.title", async ({ built, golden: expected }) => {
  const actual = await runLowered(runtime, built);
  expect(Object.keys(actual).length).toBeGreaterThan(0);
  expect(worstOf(actual, expected)).toBeLessThanOrEqual(1e-6);
  await runtime.releaseSessions();
});

/** Exp and tanh of a GPU are less exact than a processor's; WGSL allows sin and cos an error of 2⁻¹¹ within ±π. */
const toleranceOf = (op: string) => (op === "Sin" || op === "Cos" ? 2 ** -11 : 2e-6);

test.skipIf(!isLong).for(operatorCases)("$title", async (row) => {
  const actual = await runLowered(runtime, row);
  const expected: Readonly<Record<string, Readonly<Record<string, GoldenTensor>>>> = operators;
  expect(worstOf(actual, expected[row.title] ?? {})).toBeLessThanOrEqual(toleranceOf(row.op));
  await runtime.releaseSessions();
});

test("a set of artifacts trains as on onnxruntime-web 1.19.2", async () => {
  const steps = officialSteps.slice(0, isLong ? 12 : 3);
  const opened = await openSet(runtime, officialSet("adamw with clipping"));
  const run = await trainSteps(opened, steps);
  const expected = golden["adamw with clipping"];
  expect(worstRatio(run.losses, expected.losses.slice(0, run.losses.length))).toBeLessThan(1e-4);
  expect(worstRatio(run.parameterNorms, expected.parameterNorms.slice(0, steps.length))).toBeLessThan(1e-4);
  opened.dispose();
});
