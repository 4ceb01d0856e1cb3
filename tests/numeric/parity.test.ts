/** Oracle: the golden file, computed with PyTorch in float64. */

import { expect } from "vitest";
import { checkpointTensors } from "../../src/artifacts/method.ts";
import { modelFromSources } from "../../src/hub/files.ts";
import { openModel } from "../../src/hub/model.ts";
import { defineModel } from "../../src/models/define.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { test } from "../support/shared.ts";
import { readGolden } from "./golden.ts";
import { runParity } from "./parity.ts";
import { parityTolerance } from "./tolerance.ts";

test("stories260K on wasm follows PyTorch: losses, norms, gradients, greedy ids", { timeout: 300_000 }, async ({
  shared,
}) => {
  const folder = "models/stories260K";
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  const sources = await Promise.all(
    names.map(async (name) => {
      const bytes = await shared.bytes(`${folder}/${name}`);
      return { name, byteLength: bytes.length, slice: async (from: number, to: number) => bytes.subarray(from, to) };
    }),
  );
  const model = await openModel(modelFromSources("stories260K", sources), (json) =>
    checkpointTensors(defineModel(json)),
  );
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const rows = await runParity({
    runtime,
    model: defineModel(model.config),
    read: (name) => model.read(name),
    golden: readGolden(await shared.json("golden/stories260K.json")),
    steps: null,
    tolerance: parityTolerance.wasm,
  });
  await runtime.dispose();
  expect(rows.length).toBeGreaterThan(700);
  expect(rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance))).toEqual([]);
});

test("a golden file of another shape is refused with the field's name", () => {
  expect(() => readGolden({ batch: { ids: [[1]], labels: [["a"]], loss_weights: [[1]] } })).toThrow(/batch\.labels/);
});
