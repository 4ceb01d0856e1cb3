/**
 * Exports of a chosen checkpoint, from runs on wasm with seed 42. Oracle: the bytes of that checkpoint, read from
 * storage without the engine.
 */

import { unzipSync } from "fflate";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { readSafetensors } from "../../../src/hub/safetensors.ts";
import type { EngineApi, Exported } from "../../../src/protocol/engine.ts";
import { bestOf } from "../../../src/run/heldOut.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { disk } from "../../support/disk.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

let engine: EngineApi;
const runs = new Map<"lora" | "full", RunRecord>();

beforeAll(async () => {
  disk.put();
  const here = await engineHere(nodeEntries);
  ({ engine } = here);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  const passages = Array.from({ length: 20 }, (_, i) => ({ text: `The fox of house ${i} runs, and the fox sleeps.` }));
  const sources = [await takeIn(here.data, passages, "passages.json"), await takeIn(here.data, tinyRows())];
  for (const method of ["lora", "full"] as const) {
    const recipe = recipeOf(method, {
      // The chats undo the training on text, so that the best checkpoint by text is an early one.
      stages: "text-first",
      bestBy: "text",
      textEpochs: 8,
      textLearningRate: 2e-2,
      learningRate: 0.5,
      epochs: 4,
      accumulation: 1,
      maxLength: 96,
      validationShare: 0.2,
      evaluateEvery: 16,
      checkpointEvery: 8,
      keepLast: 2,
      samplePrompts: 0,
      watchEvery: null,
    });
    const run = await engine.startRun({ name: method, modelHash, sources, recipe });
    expect([run.status, run.reason]).toEqual(["finished", null]);
    runs.set(method, run);
  }
}, 300_000);

function runOf(method: "lora" | "full"): RunRecord {
  const run = runs.get(method);
  if (!run) throw new Error(`there is no ${method} run`);
  return run;
}

/** The trained tensors of a checkpoint, by name. */
async function storedAt(runId: string, step: number) {
  const storage = await openStorage();
  const found = new Map<string, Uint8Array>();
  await storage.checkpoints.load(runId, step, async ({ name }, read) => void found.set(name, await read()));
  return found;
}

/** The tensors of the archive's only safetensors file. */
async function exportedIn({ archive }: Exported) {
  const files = Object.entries(unzipSync(new Uint8Array(await archive.arrayBuffer())));
  const [name, bytes] = files.find(([file]) => file.endsWith(".safetensors")) ?? ["", new Uint8Array()];
  const { tensors } = await readSafetensors(bytesFromMemory(name, bytes));
  return new Map([...tensors].map(([tensor, { start, end }]) => [tensor, bytes.slice(start, end)]));
}

describe.each(["lora", "full"] as const)("the export of a %s run", (method) => {
  const take = (step: number | null) => {
    const { id } = runOf(method);
    return method === "lora" ? engine.exportAdapter(id, step) : engine.exportModel(id, step);
  };
  /** The name in the file of a checkpoint's tensor. */
  const fileName = (name: string) => (method === "lora" ? `base_model.model.${name}` : name);

  test("contains the bytes of the chosen checkpoint, and of no other", async () => {
    const run = runOf(method);
    const steps = (await engine.checkpointsOf(run.id)).map(({ step }) => step);
    expect(steps).toEqual([48, 40, run.best?.step]);
    const seen = new Set<string>();
    for (const step of [null, ...steps]) {
      const exported = await take(step);
      expect(exported.step).toBe(step ?? 48);
      const [stored, written] = [await storedAt(run.id, step ?? 48), await exportedIn(exported)];
      for (const [name, bytes] of written) {
        const source = [...stored].find(([tensor]) => fileName(tensor) === name);
        expect([name, Buffer.compare(bytes, source?.[1] ?? new Uint8Array())]).toEqual([name, 0]);
      }
      expect(written.size).toBeGreaterThan(10);
      seen.add(Buffer.concat([...written.values()]).toString("base64"));
    }
    // The newest was exported twice; each of the others differs.
    expect(seen.size).toBe(steps.length);
  });

  test("names its checkpoint; a missing one is refused with the existing ones", async () => {
    const run = runOf(method);
    const best = bestOf(run);
    const loss = best?.loss.toFixed(4);
    const firstNote = async (step: number | null) => (await take(step)).notes[0];
    expect(await firstNote(null)).toBe("Weights of step 48: the newest checkpoint.");
    expect(await firstNote(40)).toBe("Weights of step 40: the newest checkpoint is step 48.");
    expect(await firstNote(best?.step ?? 0)).toBe(
      `Weights of step ${best?.step}: the lowest loss on validation of text, ${loss}; the newest checkpoint is step 48.`,
    );
    await expect(take(3)).rejects.toThrow(`Run "${method}" has no checkpoint of step 3: it has steps 48, 40, `);
  });

  test("the checkpoints are listed with date and loss, unevaluated ones without loss", async () => {
    const run = runOf(method);
    const { evaluations } = await engine.curvesOf(run.id);
    const listed = await engine.checkpointsOf(run.id);
    expect(listed.map(({ step, loss, best }) => ({ step, loss, best }))).toEqual(
      [48, 40, run.best?.step ?? 0].map((step) => ({
        step,
        // Step 40 was not evaluated.
        loss: evaluations.find((found) => found.step === step)?.sets["validation of text"] ?? null,
        best: step === run.best?.step,
      })),
    );
    expect(listed[1]?.loss).toBe(null);
    for (const { savedAt } of listed) expect(new Date(savedAt ?? "").getFullYear()).toBeGreaterThan(2024);
  });
});
