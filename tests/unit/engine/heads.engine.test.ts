/**
 * A tied config whose files have another head, from opening to the export. Oracles: the head's own numbers; a copy stored by
 * an earlier version, which tied every head that the config ties.
 */

import { describe, expect, test } from "vitest";
import { createLibrary } from "../../../src/engine/library.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { engineHere } from "../../support/engineHere.ts";
import { keepBasics } from "../../support/kept.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, type ModelFiles, tinyConfig, tinyModel, tinyTensors } from "../../support/tinyLlama.ts";
import { fakeHub } from "../hub/hub.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const tied = tinyTensors();
const embedding = tied[0] ?? raise();
const lastNumber = (tensor: StoredTensor & { readonly data: Float32Array }, value: number) => {
  const data = tensor.data.slice();
  data[data.length - 1] = value;
  return { ...tensor, name: "lm_head.weight", data };
};
const folder = (head: StoredTensor): ModelFiles => tinyModel([...tied, head]);
const other = folder(lastNumber(embedding, 9));
const equal = folder({ ...embedding, name: "lm_head.weight" });

function raise(): never {
  throw new Error("The model has no tensor.");
}

async function libraryOn(disk: ReturnType<typeof newDisk>) {
  const storage = await openStorage(tabOn(disk));
  return { storage, library: createLibrary(storage, () => undefined) };
}

const source = (files: ModelFiles) => ({ kind: "files", files: asFiles(files), name: "tiny" }) as const;

test("the head is the model's own, before and after a reload; a copy of the embedding is none", async () => {
  const disk = newDisk();
  const { library } = await libraryOn(disk);
  const plain = await library.openModel(source(tinyModel()));
  const copied = await library.openModel(source(equal));
  const opened = await library.openModel(source(other));
  expect([plain, copied, opened].map(({ summary }) => summary.untied)).toEqual([false, false, true]);
  // The same tensors are used, so it is the same model.
  expect(copied.summary.hash).toBe(plain.summary.hash);
  expect(opened.summary.hash).not.toBe(plain.summary.hash);
  expect(opened.summary.parameters - plain.summary.parameters).toBe(embedding.data.length);
  expect(opened.summary.notes.join()).toContain(
    "ties the head to the embedding, but the files have another lm_head.weight",
  );
  const again = await (await libraryOn(disk)).library.model(opened.summary.hash);
  expect([again.definition.tiedHead, again.opened.untied]).toEqual([false, true]);
  expect((await again.opened.read("lm_head.weight")).at(-1)).toBe(9);
});

test("a copy that an earlier version stored opens as that version opened it", async () => {
  const disk = newDisk();
  const { library, storage } = await libraryOn(disk);
  const { summary } = await library.openModel(source(other));
  const hash = "a".repeat(64);
  const { untied: _, ...earlier } = summary;
  const files = (await storage.models.open(summary.hash)) ?? [];
  await storage.models.save({ hash, name: "tiny", summary: { ...earlier, hash }, files });
  const { definition, opened } = await (await libraryOn(disk)).library.model(hash);
  expect([definition.tiedHead, opened.untied, opened.tensors.has("lm_head.weight")]).toEqual([true, false, false]);
});

describe("on a network", () => {
  // A head of more than one window: only its beginning is compared before the fetch.
  const config = { ...tinyConfig, vocab_size: 80_000 };
  const wide = tied.map((tensor) =>
    tensor === embedding ? { ...tensor, shape: [80_000, 16], data: new Float32Array(80_000 * 16).fill(0.5) } : tensor,
  );
  test.each([
    ["equal", 0.5, false],
    ["different at its end", 0.25, true],
  ])("a head that is %s", async (_, value, untied) => {
    const table = wide[0] ?? raise();
    const weights = writeSafetensors([...wide, lastNumber(table, value)]);
    const small = tinyModel([]);
    const files = {
      "config.json": new TextEncoder().encode(JSON.stringify(config)),
      "tokenizer.json": new TextEncoder().encode(String(small["tokenizer.json"])),
      "model.safetensors": weights,
    };
    const server = await fakeHub({ "owner/name": { files } });
    try {
      const { library } = await libraryOn(newDisk());
      const { summary } = await library.openModel({ kind: "url", base: "owner/name" });
      expect(summary.untied).toBe(untied);
      const total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
      // The two windows are fetched a second time at most.
      expect(server.sent()).toBeLessThanOrEqual(total + 2 * 2 ** 22);
    } finally {
      await server.close();
    }
  });
});

test("a run trains the head, and comes back from its own file", async () => {
  const here = await engineHere(nodeEntries);
  const { engine } = here;
  await engine.start("wasm");
  const { model, source: rows } = await keepBasics(here, { files: other });
  const recipe = recipeOf("full", { steps: 1, accumulation: 1, maxLength: 128 });
  const run = await engine.startRun({ name: "head", modelHash: model.hash, sources: [wholeSource(rows.hash)], recipe });
  expect(run).toMatchObject({ status: "finished", reason: null });
  const file = await engine.exportRun(run.id);
  await engine.deleteRun(run.id);
  const imported = await engine.importRun(new File([file.archive], "head.zip"));
  expect(imported.added).toBe(true);
  const exported = await engine.exportModel(run.id, null);
  const files = exported.files.map(({ name }) => name);
  expect(files).toContain("model.safetensors");
  expect(exported.tensors).toBe(tied.length + 1);
}, 120_000);
