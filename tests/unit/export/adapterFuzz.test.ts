/**
 * Broken adapters, seeded. Oracle: each is read, with tensors of the model's shapes and finite numbers, or refused by one short
 * sentence of Hone's own that names a file; nothing hangs.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import { beforeAll, expect, test } from "vitest";
import { goldenFolder } from "../../../scripts/oracle/adapters.ts";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { jsonFile, type OutFile, reopened } from "../../../src/export/files.ts";
import { readGgufAdapter } from "../../../src/export/ggufAdapter.ts";
import { type ReadAdapter, readAdapter } from "../../../src/export/readAdapter.ts";
import { findTuned } from "../../../src/export/tunedFiles.ts";
import { defineModel } from "../../../src/models/define.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { cases } from "../../support/long.ts";
import { smallFamilies } from "../../support/smallFamilies.ts";

const model = defineModel(smallFamilies.Llama);
const rounds = cases(4800);
const longestRead = 10_000;

let weights: Uint8Array<ArrayBuffer>;
let config: Record<string, unknown>;
let gguf: Uint8Array<ArrayBuffer>;
beforeAll(() => {
  weights = new Uint8Array(readFileSync(join(goldenFolder, "ranks", "adapter_model.safetensors")));
  config = JSON.parse(readFileSync(join(goldenFolder, "ranks", "adapter_config.json"), "utf8"));
  gguf = new Uint8Array(
    readFileSync(join(fileURLToPath(new URL("../../golden/adaptersGguf", import.meta.url)), "llama.gguf")),
  );
});

/** Resolves where the adapter is read whole or refused well; rejects otherwise. */
async function settledWell(reading: Promise<ReadAdapter>): Promise<"read" | "refused"> {
  const started = performance.now();
  try {
    const { tensors, method } = await reading;
    const specs = parametersOf(model, method).filter(({ trainable }) => trainable);
    expect([...tensors.keys()].sort()).toEqual(specs.map(({ name }) => name).sort());
    for (const { name, shape } of specs) {
      expect(tensors.get(name)?.length).toBe(sizeOf(shape));
      expect(tensors.get(name)?.every(Number.isFinite)).toBe(true);
    }
    return "read";
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    expect(["ExportError", "ModelError", "GgufError"], `${error.stack}`).toContain(error.name);
    expect(error.message.length).toBeLessThanOrEqual(330);
    expect(error.message).toMatch(/adapter|gguf/);
    return "refused";
  } finally {
    expect(performance.now() - started).toBeLessThan(longestRead);
  }
}

const noBase = async () => new Float32Array(0);
const files = (json: unknown, bytes: Uint8Array<ArrayBuffer>): OutFile[] => [
  jsonFile("adapter_config.json", json),
  { name: "adapter_model.safetensors", content: new Blob([bytes]) },
];

function mutated(bytes: Uint8Array<ArrayBuffer>, random: ReturnType<typeof createRandom>): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice(0, random.below(8) === 0 ? random.below(bytes.length) : bytes.length);
  const room = random.below(2) === 0 ? Math.min(3000, copy.length) : copy.length;
  for (let i = 0; i <= random.below(4) && room > 0; i++) copy[random.below(room)] = random.below(256);
  return copy;
}

/** Values that a field may have by mistake or by malice. */
const odd: readonly unknown[] = [
  ...[null, true, false, 0, -1, 2, 1e300, 4.5, "", "all", "(a+)+$", ".*", "((((((((((a*)*)*)*)*)*)*)*)*)*b", "\\p{L}"],
  ...[[], [1], ["q_proj"], ["q_proj", null], {}, { q_proj: 4 }, { "(.*a){30}": 4 }, { "": 2 }, { "[": 3 }, [[]]],
  ...["x".repeat(100_000), Array.from({ length: 5000 }, (_, i) => `layer${i}`), { __proto__: null, constructor: 3 }],
];

test("bytes changed in the weights", async () => {
  const random = createRandom(41);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const outcome = await settledWell(
      readAdapter(reopened("adapter", files(config, mutated(weights, random))), model, noBase),
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(["read", "refused"]);
});

test("fields changed in the config", async () => {
  const random = createRandom(42);
  const names = Object.keys(config);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const json = { ...config };
    for (let i = 0; i <= random.below(2); i++)
      json[names[random.below(names.length)] ?? ""] = odd[random.below(odd.length)];
    const outcome = await settledWell(readAdapter(reopened("adapter", files(json, weights)), model, noBase));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(["read", "refused"]);
});

test("bytes changed in a GGUF LoRA", async () => {
  const random = createRandom(43);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const outcome = await settledWell(readGgufAdapter(bytesFromMemory("lora.gguf", mutated(gguf, random)), model));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(["read", "refused"]);
});

test("bytes changed in a zip of another program", async () => {
  const random = createRandom(44);
  const packed = new Uint8Array(
    zipSync({
      "a/adapter_config.json": new TextEncoder().encode(JSON.stringify(config)),
      "a/adapter_model.safetensors": weights,
    }),
  );
  const open = async (bytes: Uint8Array<ArrayBuffer>) => {
    const folder = await findTuned("adapter.zip", [{ path: "adapter.zip", open: async () => new Blob([bytes]) }]);
    return readAdapter(folder.files, model, noBase);
  };
  const intact = await open(packed);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < rounds / 2; round++) {
    const outcome = await settledWell(
      open(mutated(packed, random)).then((found) => {
        // The checksum of each file proves its bytes.
        expect(found.tensors).toEqual(intact.tensors);
        return found;
      }),
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect(intact.tensors.size).toBe(28);
  expect(outcomes.get("refused")).toBeGreaterThan(0);
});
