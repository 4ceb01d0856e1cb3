/** Oracle: golden files, computed with PyTorch in float64 (tests/golden/parity/generate.py, and that of the shared folder). */

import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { checkpointTensors } from "../../src/artifacts/method.ts";
import { modelFromSources } from "../../src/hub/files.ts";
import { openModel } from "../../src/hub/model.ts";
import { defineModel } from "../../src/models/define.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { bytesFromMemory } from "../../src/tensor/bytes.ts";
import { test } from "../support/shared.ts";
import { readGolden } from "./golden.ts";
import { type ParityRow, runParity } from "./parity.ts";
import { parityTolerance } from "./tolerance.ts";

const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

/** Every figure of the golden file, on one thread of wasm. */
async function figures(bytesOf: (name: string) => Promise<Uint8Array>, golden: unknown): Promise<ParityRow[]> {
  const sources = await Promise.all(
    names.map(async (name) => bytesFromMemory(name, new Uint8Array(await bytesOf(name)))),
  );
  const model = await openModel(modelFromSources("model", sources), (json) => checkpointTensors(defineModel(json)));
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    return await runParity({
      runtime,
      model: defineModel(model.config),
      read: (name) => model.read(name),
      golden: readGolden(golden),
      steps: null,
      tolerance: parityTolerance.wasm,
    });
  } finally {
    await runtime.dispose();
  }
}

const above = (rows: readonly ParityRow[]) => rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance));

// Untied head, biases and scaled rotations, where stories260K has none of them.
test("a made model on wasm follows PyTorch: losses, norms, gradients, greedy ids", { timeout: 300_000 }, async () => {
  const at = (name: string) => readFile(new URL(`../golden/parity/${name}`, import.meta.url));
  const rows = await figures(at, JSON.parse((await at("golden.json")).toString()));
  expect(rows.map(({ figure }) => figure)).toContain("greedy tokens in agreement");
  expect(rows.length).toBeGreaterThan(370);
  expect(above(rows)).toEqual([]);
});

test("stories260K on wasm follows PyTorch: losses, norms, gradients, greedy ids", { timeout: 300_000 }, async ({
  shared,
}) => {
  const rows = await figures(
    (name) => shared.bytes(`models/stories260K/${name}`),
    await shared.json("golden/stories260K.json"),
  );
  expect(rows.length).toBeGreaterThan(700);
  expect(above(rows)).toEqual([]);
});

test("a golden file of another shape is refused with the field's name", () => {
  expect(() => readGolden({ batch: { ids: [[1]], labels: [["a"]], loss_weights: [[1]] } })).toThrow(/batch\.labels/);
});
