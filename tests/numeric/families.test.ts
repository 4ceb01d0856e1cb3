/**
 * Every family on wasm. Oracle: transformers and PyTorch in float64, from tests/golden/families/make.py: loss, gradient norms
 * of each tensor, three optimizer steps of full and LoRA training, greedy ids.
 */

import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpointTensors } from "../../src/artifacts/method.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { familyModel, familyNames } from "../support/families.ts";
import { type Golden, readGolden } from "./golden.ts";
import { runParity } from "./parity.ts";
import { parityTolerance } from "./tolerance.ts";

const list = v.array(v.number());
const trajectory = v.looseObject({ names: v.array(v.string()), step1_grad_l2: list, final_param_l2: list });
const schema = v.record(
  v.string(),
  v.looseObject({ tensors: v.record(v.string(), v.array(v.number())), full: trajectory, lora: trajectory }),
);

/** The file's weights: `weight` of make.py, for the tensor at `index` in the order of names. */
function weight(shape: readonly number[], index: number): Float32Array<ArrayBuffer> {
  const wave = (i: number) => Math.sin(i * (1.3 + 0.01 * index) + index);
  const value = (i: number) =>
    shape.length === 1 ? 0.8 + 0.3 * wave(i) : (wave(i) * 1.6) / Math.sqrt(shape.at(-1) as number);
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i));
}

/** The figures by tensor name; transformers calls every head lm_head, whatever its files call it. */
function named({ names, ...rest }: v.InferOutput<typeof trajectory>, head: string) {
  const table = (values: readonly number[]) =>
    Object.fromEntries(names.map((name, i) => [name === "lm_head.weight" ? head : name, values[i] as number]));
  return {
    ...rest,
    step1_grad_l2: table(rest.step1_grad_l2),
    step1_grad_first4: {},
    final_param_l2: table(rest.final_param_l2),
  };
}

let runtime: Runtime;
let goldens: v.InferOutput<typeof schema>;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const file = new URL("../golden/families/golden.json", import.meta.url);
  goldens = v.parse(schema, JSON.parse(await readFile(file, "utf8")));
});
afterAll(() => runtime.dispose());

test.each(familyNames)("%s", async (name) => {
  const found = goldens[name];
  if (!found) throw new Error(`golden.json has no ${name}: run make.py.`);
  const model = familyModel(name);
  const tensors = Object.entries(found.tensors);
  expect(Object.fromEntries(checkpointTensors(model).map(({ name: own, shape }) => [own, shape]))).toEqual(
    found.tensors,
  );
  const values = new Map(tensors.map(([tensor, shape], i) => [tensor, weight(shape, i)]));
  const golden: Golden = readGolden({
    ...found,
    full: named(found.full, model.headTensor),
    lora: named(found.lora, model.headTensor),
  });
  const rows = await runParity({
    runtime,
    model,
    read: async (tensor) => values.get(tensor) ?? new Float32Array(),
    golden,
    steps: null,
    tolerance: parityTolerance.wasm,
  });
  // Per tensor: gradient norm and final norm. Per step of both methods: loss and norm, and a last loss. At the end: greedy ids.
  const perTensor = 2 * (found.full.names.length + found.lora.names.length);
  expect(rows.length).toBe(perTensor + 2 * (2 * 3 + 1) + 1);
  expect(rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance))).toEqual([]);
});
