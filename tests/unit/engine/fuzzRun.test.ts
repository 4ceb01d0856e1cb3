/**
 * Run files with a few random changes each (seeded). Oracles: an import ends in time; refused, it names the file in plain words and
 * storage is byte for byte as before; taken in, the run can be listed, shown, exported, taken in elsewhere, and drawn from.
 */

import { strToU8 } from "fflate";
import { expect, test } from "vitest";
import { firstMoment, secondMoment } from "../../../src/artifacts/contract.ts";
import { createSampler } from "../../../src/batching/sampler.ts";
import { orderOf } from "../../../src/batching/stages.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { lambdasOf } from "../../../src/run/stage.ts";
import { pieceDigest, rowsHash } from "../../../src/storage/rows.ts";
import { createRandom, type Random } from "../../../src/tensor/random.ts";
import { readState } from "../../../src/training/state.ts";
import { changeJson, pick } from "../../support/changes.ts";
import { isLong } from "../../support/long.ts";
import { loadWhole, newDisk } from "../storage/backend.ts";
import {
  asFile,
  diskText,
  jsonOf,
  madeParts,
  type Parts,
  packed,
  placeOn,
  raw,
  saveRun,
  setAt,
  setJson,
} from "./runFileMade.ts";

const files = isLong ? 10_000 : 300;
const seed = 20261130;
/** Milliseconds that an import may take on a busy machine. */
const patience = 10_000;

/** Changes some bytes: turned, cut off, doubled or put in. */
function changeBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(4)) {
    case 0: {
      const copy = bytes.slice();
      for (let i = 0; i <= random.below(4); i++) copy[random.below(copy.length)] = random.below(256);
      return copy;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(random.below(at + 1))]);
    default:
      return Uint8Array.from([...bytes.subarray(0, at), random.below(256), ...bytes.subarray(at)]);
  }
}

/** The header of a safetensors file with one member changed; its length is right. */
function changeHeader(bytes: Uint8Array, random: Random): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  changeJson(header, random);
  const text = strToU8(JSON.stringify(header));
  const whole = new Uint8Array(8 + text.length + bytes.length - 8 - length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(bytes.subarray(8 + length), 8 + text.length);
  return whole;
}

/** Has the hash of rows be that of what they are now, everywhere: a stranger would see to that. */
async function rename(parts: Parts, path: string): Promise<void> {
  const manifest = jsonOf(parts, "manifest.json");
  const [source] = manifest.data as { hash: string; summary: { hash: string; pieceRows: number[] } }[];
  if (!source) throw new Error("The file has no rows.");
  const hash = await rowsHash([await pieceDigest(source.summary.pieceRows[0] ?? 0, new Uint8Array(parts[path] ?? []))]);
  const record = jsonOf(parts, "run.json");
  setAt(record, "sources.0.hash", hash);
  setJson(parts, "run.json", record);
  Object.assign(source, { hash });
  Object.assign(source.summary, { hash });
  setJson(parts, "manifest.json", manifest);
}

/** A file with one to three changes in one of its parts, or in the zip itself. */
async function changed(original: Parts, random: Random): Promise<{ what: string; content: Uint8Array<ArrayBuffer> }> {
  const parts = { ...original };
  const paths = [...Object.keys(parts).filter((path) => path !== "README.txt"), "the zip"];
  const path = pick(random, paths);
  const bytes = parts[path];
  if (!bytes) {
    const zip = await packed(parts);
    // Most of a zip's structure is its end.
    const tail = Math.max(0, zip.length - 1 - random.below(1500));
    const content = random.below(2)
      ? changeBytes(zip, random)
      : [...zip.subarray(0, tail), ...changeBytes(zip.subarray(tail), random)];
    return { what: path, content: Uint8Array.from(content) };
  }
  const asText = random.below(4) === 0;
  for (let count = 0; count <= random.below(3); count++) {
    const now = parts[path] ?? bytes;
    if (asText) parts[path] = changeBytes(now, random);
    else if (path.endsWith(".safetensors")) parts[path] = changeHeader(now, random);
    else {
      const json: unknown = JSON.parse(new TextDecoder().decode(now));
      changeJson(json, random);
      parts[path] = strToU8(JSON.stringify(json));
    }
  }
  if (path.startsWith("data/") && random.below(4) > 0) await rename(parts, path);
  const prove = path !== "manifest.json" && random.below(20) > 0;
  return { what: path, content: await packed(parts, { prove }) };
}

/** Whether training could draw its next step from the state, of as many examples as the record tells. */
function drawNext({ recipe, stages, sources }: RunRecord, kept: unknown): number {
  const { state } = readState(kept, null);
  const plan = stages.map(({ steps, examples }, index) => {
    const stage = recipe.stages[index];
    if (!stage) throw new Error(`The recipe has no stage ${index}.`);
    const count = Math.min(examples, 100_000);
    const lengths = new Uint8Array(count).fill(9);
    const options = {
      lengths,
      sources: lengths.map((_, i) => i % sources.length),
      mixture: { mode: stage.mixture, lambdas: lambdasOf(stage, sources.length) },
      packing: null,
      buckets: [{ rows: recipe.batchSize, length: 16, supervised: 16 }],
      batchSize: recipe.batchSize,
      accumulation: recipe.accumulation,
      seed: recipe.seed,
    };
    return { steps, first: 0, sampler: (from?: Parameters<typeof createSampler>[1]) => createSampler(options, from) };
  });
  return orderOf(plan, state.sampler).next().length;
}

/** Everything that the next step does with a run that was taken in. */
async function requireUsable(place: Awaited<ReturnType<typeof placeOn>>, id: string): Promise<void> {
  const { storage } = place;
  expect((await place.listRuns()).map((run) => run.id)).toContain(id);
  await place.curvesOf(id);
  await place.exportRecord(id);
  const { orphans, damaged } = await storage.audit();
  expect({ orphans, damaged }).toEqual({ orphans: 0, damaged: 0 });
  const record = await storage.runs.get(id);
  const steps = await storage.checkpoints.steps(id);
  if (!record) throw new Error(`Run ${id} is not there.`);
  if (record.resumeFrom) expect(steps).toContain(record.resumeFrom);
  for (const step of steps) {
    const { state, tensors } = await loadWhole(storage, id, step);
    const names = Object.keys(tensors).filter((name) => tensors[firstMoment(name)]);
    expect(Object.keys(tensors).sort()).toEqual(
      names.flatMap((name) => [name, firstMoment(name), secondMoment(name)]).sort(),
    );
    expect(drawNext(record, state)).toBeGreaterThan(0);
  }
  await place.editRun(id, { note: "A new note." });
  const { archive } = await place.exportRun(id);
  const elsewhere = await placeOn();
  expect((await elsewhere.importRun(asFile(archive))).added).toBe(true);
}

test(`${files} run files with random changes are refused in plain words or can be used`, {
  timeout: 3_600_000,
}, async () => {
  const original = await madeParts();
  const random = createRandom(seed);
  const disk = newDisk();
  await saveRun((await placeOn(disk)).storage, "other");
  const before = await diskText(disk);
  const table: Record<string, { refused: number; taken: number }> = {};
  let slowest = 0;
  for (let index = 0; index < files; index++) {
    const { what, content } = await changed(original, random);
    const place = await placeOn(disk);
    const started = performance.now();
    const outcome: unknown = await place.importRun(asFile(content)).then(
      ({ record, added }) => ({ record, added }),
      (error: unknown) => error,
    );
    slowest = Math.max(slowest, performance.now() - started);
    const kind = what.replace(/\d+|[0-9a-f]{64}/g, "…");
    const row = table[kind] ?? { refused: 0, taken: 0 };
    table[kind] = row;
    const label = `file ${index}, changed in ${what}`;
    if (outcome instanceof Error) {
      row.refused++;
      expect(outcome.message, label).toContain("the-run.zip");
      expect(outcome.message, label).not.toMatch(raw);
      expect(outcome.message.length, label).toBeLessThanOrEqual(400);
    } else {
      row.taken++;
      const { record } = outcome as { record: RunRecord };
      await requireUsable(place, record.id).catch((error: unknown) => {
        throw new Error(`${label}: ${error}`, { cause: error });
      });
      await place.deleteRun(record.id);
      for (const { hash } of (await place.storage.datasets.list()).entries) {
        if (!before.includes(`dataset/${hash} `)) await place.storage.datasets.delete(hash);
      }
    }
    expect(await diskText(disk), label).toBe(before);
  }
  console.info(`The slowest import took ${Math.round(slowest)} ms.`);
  console.table(table);
  expect(slowest).toBeLessThan(patience);
  expect(Object.values(table).some(({ taken }) => taken > 0)).toBe(true);
});
