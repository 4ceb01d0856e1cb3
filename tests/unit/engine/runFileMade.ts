/** Run files that a test changes in any part: the small file itself, its parts, and a file of changed parts that proves itself. */

import { strToU8, unzipSync, zipSync } from "fflate";
import { expect } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import { createExports } from "../../../src/engine/export.ts";
import type { Library } from "../../../src/engine/library.ts";
import { createRunDesk } from "../../../src/engine/runs.ts";
import type { TextService } from "../../../src/engine/textService.ts";
import { sha256 } from "../../../src/hub/hash.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { openStorage, type Storage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import {
  adapterNumbers,
  adapterTensors,
  type Disk,
  loopStateAt,
  newDisk,
  runRecord,
  tabOn,
} from "../storage/backend.ts";

export type Parts = Record<string, Uint8Array>;

const width = 5;
const pieceBytes = 4 * 2 ** 20;

/** Storage and the calls of a page over it. */
export async function placeOn(disk: Disk = newDisk()) {
  const storage = await openStorage(tabOn(disk));
  const events: EngineEvent[] = [];
  const emit = (event: EngineEvent) => void events.push(event);
  const exports = createExports(storage, {} as Library, {} as TextService, memoryScratch(), emit);
  const { calls } = createRunDesk(storage, exports, emit);
  return { storage, disk, events, ...calls };
}

export const asFile = (content: BlobPart, name = "the-run.zip") => new File([content], name);

/** A paused run with two checkpoints, curves and rows, saved as training saves it. */
export async function saveRun(storage: Storage, id = "made"): Promise<void> {
  const rows = Array.from({ length: 12 }, (_, i) => ({ instruction: `Say ${i}.`, output: `${i}` }));
  const file = bytesFromMemory("pairs.json", strToU8(JSON.stringify(rows)) as Uint8Array<ArrayBuffer>);
  const { summary } = await createRowStore(storage).read(file, () => undefined);
  const writer = await storage.curves.writer(id, null);
  for (const step of [50, 60]) {
    for (let at = step - 9; at <= step; at++) {
      const counts = { tokens: 9, supervisedTokens: 3, examples: 2 };
      writer.addStep({ step: at, loss: 1 / at, gradientNorm: 1, learningRate: 0.1, ...counts, seconds: 0.5 });
    }
    writer.addEvaluation({ step, loss: 1 / step, sets: { "validation of chats": 0.5 } });
    const { sampler, ...state } = loopStateAt(step);
    const passes = [{ pass: 0, position: 1, random: [1, 2, 3, 4] as const }];
    const best = { step: 50, loss: 0.02, sets: {} };
    await storage.checkpoints.save({
      record: runRecord(id, step, {
        status: "paused",
        best,
        trainable: adapterNumbers(width),
        resumeFrom: null,
        recipe: { ...runRecord("", 0).recipe, keepLast: 2 },
        sources: [{ name: "pairs.json", hash: summary.hash, mapping: null, excluded: [2, 5] }],
      }),
      state: { ...state, sampler: { ...sampler, passes }, best },
      tensors: adapterTensors(step, width),
      curves: writer,
    });
  }
}

/** The parts of such a run's file. */
export async function madeParts(): Promise<Parts> {
  const { storage, exportRun } = await placeOn();
  await saveRun(storage);
  const { archive } = await exportRun("made");
  return unzipSync(new Uint8Array(await archive.arrayBuffer()));
}

type Json = Record<string, unknown>;

export const jsonOf = (parts: Parts, path: string): Json => JSON.parse(new TextDecoder().decode(parts[path])) as Json;

export const setJson = (parts: Parts, path: string, value: unknown): void => {
  parts[path] = strToU8(JSON.stringify(value));
};

/** Sets a member by its path, such as "recipe.stages.0.steps"; undefined deletes it. */
export function setAt(json: unknown, path: string, value: unknown): void {
  const names = path.split(".");
  const last = names.pop() ?? "";
  const at = names.reduce((inner: unknown, name) => (inner as Json)[name], json) as Json;
  if (value === undefined) delete at[last];
  else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
}

/** The parts as a zip whose manifest has the hashes of what is in it: a stranger would see to that. */
export async function packed(parts: Parts, { prove = true } = {}): Promise<Uint8Array<ArrayBuffer>> {
  const all = { ...parts };
  if (prove) {
    const manifest = jsonOf(all, "manifest.json");
    const files = [];
    for (const [name, bytes] of Object.entries(all)) {
      if (name === "manifest.json") continue;
      const sha: string[] = [];
      for (let at = 0; at < bytes.length; at += pieceBytes)
        sha.push(await sha256(new Uint8Array(bytes.slice(at, at + pieceBytes))));
      files.push({ name, byteLength: bytes.length, sha256: sha });
    }
    setJson(all, "manifest.json", { ...manifest, files });
  }
  return new Uint8Array(zipSync(all, { level: 0 }));
}

/** What no message may have: words of JavaScript, of libraries and of browsers. */
export const raw =
  /Cannot read|Invalid (typed|type|key|length|string)|undefined|Maximum call stack|\[object|NaN expected|is not a function|Unexpected/;

/** Everything on a disk in one text, chunk by chunk. */
export async function diskText({ records, chunks }: Disk): Promise<string> {
  const lines: string[] = [];
  for (const [name, store] of Object.entries({ records, chunks })) {
    for (const key of await store.keys()) {
      const value = await store.get(key);
      lines.push(
        `${name} ${key} ${value instanceof Uint8Array ? await sha256(new Uint8Array(value)) : JSON.stringify(value)}`,
      );
    }
  }
  return lines.join("\n");
}

/** A refused file leaves no trace, and its message is as it should be. */
export async function expectRefused(content: BlobPart, message: RegExp, signal?: AbortSignal): Promise<void> {
  const place = await placeOn();
  await saveRun(place.storage, "other");
  const before = await diskText(place.disk);
  const error: unknown = await place.importRun(asFile(content), signal).then(
    () => "it was taken in",
    (reason: unknown) => reason,
  );
  const said = error instanceof Error ? error.message : String(error);
  expect(said).toMatch(message);
  expect(said).toContain("the-run.zip");
  expect(said).not.toMatch(raw);
  expect(said.length).toBeLessThanOrEqual(300);
  expect(await diskText(place.disk)).toBe(before);
}
