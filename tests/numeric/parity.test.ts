/** Oracle: golden files from PyTorch in float64; tests/golden/parity/make.py created the one in this repository. */

import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { checkpointTensors } from "../../src/artifacts/method.ts";
import { modelFromSources } from "../../src/hub/files.ts";
import { openModel } from "../../src/hub/model.ts";
import { defineModel } from "../../src/models/define.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { test } from "../support/shared.ts";
import { readGolden } from "./golden.ts";
import { type ParityRow, runParity } from "./parity.ts";
import { isPreferenceGolden, runPreferenceParity } from "./preferenceGolden.ts";
import { parityTolerance } from "./tolerance.ts";

const files = ["config.json", "tokenizer.json", "model.safetensors"];

/** Every figure of a golden file on wasm, in Node on one thread. */
async function compare(
  name: string,
  names: readonly string[],
  bytes: (file: string) => Promise<Uint8Array>,
  golden: unknown,
): Promise<ParityRow[]> {
  const sources = await Promise.all(
    names.map(async (file) => {
      const data = await bytes(file);
      return {
        name: file,
        byteLength: data.length,
        slice: async (from: number, to: number) => data.subarray(from, to),
      };
    }),
  );
  const model = await openModel(modelFromSources(name, sources), (json) => checkpointTensors(defineModel(json)));
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    const parts = {
      runtime,
      model: defineModel(model.config),
      read: (tensor: string) => model.read(tensor),
      steps: null,
      tolerance: parityTolerance.wasm,
    };
    if (isPreferenceGolden(golden)) return [...(await runPreferenceParity(parts, golden))];
    return await runParity({ ...parts, golden: readGolden(golden) });
  } finally {
    await runtime.dispose();
  }
}

const above = (rows: readonly ParityRow[]) => rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance));

test("a Llama of 5328 numbers on wasm follows PyTorch: losses, norms, gradients, greedy ids", async () => {
  const at = (file: string) => new URL(`../golden/parity/${file}`, import.meta.url);
  const golden: unknown = JSON.parse(await readFile(at("golden.json"), "utf8"));
  const rows = await compare("parity", files, (file) => readFile(at(file)), golden);
  // Per tensor: gradient norm, four gradient elements and final norm. Per step: loss and norm. At the end: a loss.
  const trajectory = (tensors: number) => 6 * tensors + 2 * 10 + 1;
  const greedy = 1;
  expect(rows.length).toBe(trajectory(2 + 2 * 9) + trajectory(2 * 2 * 7) + greedy);
  expect(above(rows)).toEqual([]);
});

test("preferences on wasm follow PyTorch: DPO, IPO, SimPO, ORPO and KTO, with LoRA and full", {
  timeout: 300_000,
}, async () => {
  const at = (file: string) => new URL(`../golden/parity/${file}`, import.meta.url);
  const golden: unknown = JSON.parse(await readFile(at("preferences.json"), "utf8"));
  const rows = await compare("preferences", files, (file) => readFile(at(file)), golden);
  expect(rows.length).toBeGreaterThan(500);
  expect(above(rows)).toEqual([]);
});

test("stories260K on wasm follows PyTorch in preferences", { timeout: 300_000 }, async ({ shared }) => {
  const golden = await shared.json("golden/preferences.json");
  const rows = await compare(
    "stories260K",
    [...files, "tokenizer_config.json"],
    (file) => shared.bytes(`models/stories260K/${file}`),
    golden,
  );
  expect(rows.length).toBeGreaterThan(900);
  expect(above(rows)).toEqual([]);
});

test("stories260K on wasm follows PyTorch: losses, norms, gradients, greedy ids", { timeout: 300_000 }, async ({
  shared,
}) => {
  const golden = await shared.json("golden/stories260K.json");
  const rows = await compare(
    "stories260K",
    [...files, "tokenizer_config.json"],
    (file) => shared.bytes(`models/stories260K/${file}`),
    golden,
  );
  expect(rows.length).toBeGreaterThan(700);
  expect(above(rows)).toEqual([]);
});

const tiny = ["qwen2", "qwen3", "gemma3", "smollm3", "olmo2", "granite", "gpt2", "neox"] as const;

for (const name of tiny) {
  test(`tiny-${name} on wasm follows PyTorch: losses, norms, gradients, greedy ids`, { timeout: 300_000 }, async ({
    shared,
  }) => {
    const golden = await shared.json(`golden/tiny-${name}.json`);
    const rows = await compare(
      name,
      [...files, "tokenizer_config.json"],
      (file) => shared.bytes(`models/tiny-${name}/${file}`),
      golden,
    );
    expect(rows.length).toBeGreaterThan(400);
    expect(above(rows)).toEqual([]);
  });
}

test("a golden file of another shape is refused with the field's name", () => {
  expect(() => readGolden({ batch: { ids: [[1]], labels: [["a"]], loss_weights: [[1]] } })).toThrow(/batch\.labels/);
});
