/**
 * Interrupted and resumed fetches of a model. Oracles: the bytes that a local server counts, and the hash of the same model
 * from files on disk.
 */

import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { createLibrary } from "../../../src/engine/library.ts";
import { writeSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import type { EngineEvent, RemoteSource } from "../../../src/protocol/engine.ts";
import { chunkBytes } from "../../../src/storage/chunks.ts";
import { openStorage, type StorageBackend } from "../../../src/storage/storage.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { sha } from "../../support/hub.ts";
import { shortenPauses } from "../../support/pauses.ts";
import { tinyConfig, tinyModel } from "../../support/tinyLlama.ts";
import { type FakeHub, fakeHub } from "../hub/hub.ts";
import { sendPart, serveFiles } from "../hub/server.ts";
import { type Disk, faulty, newDisk, tabOn } from "../storage/backend.ts";

shortenPauses();

const encode = (text: string) => new TextEncoder().encode(text);

/** Files of a model whose weights take more than four chunks. */
function modelFiles(change: Readonly<Record<string, unknown>> = {}): Record<string, Uint8Array<ArrayBuffer>> {
  const config = { ...tinyConfig, hidden_size: 256, intermediate_size: 2048, num_hidden_layers: 2, ...change };
  const tensors = checkpointTensors(defineModel(config)).map(({ name, shape }, index) => ({
    name,
    shape,
    dtype: "F32" as const,
    // Every chunk has other bytes.
    data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 31 + index * 7919) % 1024) / 1024 - 0.5),
  }));
  const small = tinyModel([]);
  return {
    "config.json": encode(JSON.stringify(config)),
    "tokenizer.json": encode(String(small["tokenizer.json"])),
    "tokenizer_config.json": encode(String(small["tokenizer_config.json"])),
    "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
  };
}

const files = modelFiles();
const total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
const weights = files["model.safetensors"]?.length ?? 0;
const chunks = Math.ceil(weights / chunkBytes);
const address = `https://huggingface.co/owner/name/resolve/${sha}/`;
const typed: RemoteSource = { kind: "url", base: "owner/name" };

async function tab(backend: StorageBackend) {
  const events: EngineEvent[] = [];
  const storage = await openStorage(backend);
  return { storage, events, library: createLibrary(storage, (event) => events.push(event)) };
}

let hash = "";
beforeAll(async () => {
  expect(chunks).toBeGreaterThanOrEqual(4);
  const { library } = await tab(tabOn(newDisk()));
  const chosen = Object.entries(files).map(([name, bytes]) => new File([bytes], name));
  hash = (await library.openModel({ kind: "files", files: chosen })).summary.hash;
});

/** Calls `happen` once the disk has the small files and two chunks of the weights, each with its record. */
function halfWay(disk: Disk, happen: () => void): Disk {
  let left = 1 + 2 * 5;
  const watched = (inner: Disk["records"]): Disk["records"] => ({
    ...inner,
    async write(puts, deletes) {
      await inner.write(puts, deletes);
      if (--left === 0) happen();
    },
  });
  return { records: watched(disk.records), chunks: watched(disk.chunks) };
}
const half = total - weights + 2 * chunkBytes;

let hub: FakeHub | null = null;
afterEach(async () => {
  await hub?.close();
  hub = null;
  vi.unstubAllGlobals();
});

async function serve(): Promise<FakeHub> {
  hub = await fakeHub({ "owner/name": { files } });
  return hub;
}

async function bytesStored(disk: Disk): Promise<number> {
  const { storage } = await tab(tabOn(disk));
  const fetch = await storage.fetches.get(address);
  return (fetch?.files ?? []).reduce(
    (sum, part) => sum + Math.min(part.byteLength, part.chunks.length * chunkBytes),
    0,
  );
}

test("a model is inspected, fetched with each byte once, and stored under its address", async () => {
  const server = await serve();
  const { library, storage, events } = await tab(tabOn(newDisk()));
  const inspection = await library.inspect(typed);
  expect(inspection).toMatchObject({
    name: "owner/name",
    place: "https://huggingface.co/owner/name",
    source: { kind: "hub", id: "owner/name", revision: sha, folder: "" },
    byteLength: total,
    fetched: 0,
    copyHash: null,
    architecture: "LlamaForCausalLM",
    layers: 2,
  });
  const numbers = inspection.parameters;
  expect(inspection.needs.full).toBe(16 * numbers);
  expect(inspection.needs.lora.float32).toBeGreaterThan(4 * numbers);
  expect(inspection.needs.lora.float32).toBeLessThan(16 * numbers);
  expect(server.requests.some(({ path }) => path.includes("safetensors"))).toBe(false);

  const before = server.sent();
  const { summary } = await library.openModel(inspection.source);
  expect(summary).toMatchObject({ hash, name: "owner/name", stored: true, address, parameters: numbers });
  expect(server.sent() - before).toBe(total);
  expect(await library.listFetches()).toEqual([]);
  expect(await library.inspect(typed)).toMatchObject({ copyHash: hash, fetched: 0 });
  expect(await library.listModels()).toMatchObject([{ hash, address, savedAt: expect.stringMatching(/^20\d\d-/) }]);
  expect(await storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
  const progress = events.flatMap((event) => (event.type === "progress" && /Fetching/.test(event.task) ? [event] : []));
  expect(progress.at(-1)).toEqual({ type: "progress", task: "Fetching owner/name", done: total, total });
  expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).toSorted((a, b) => a - b));
});

test("after a kill at any write the next tab resumes: no stored byte is fetched again", {
  timeout: 300_000,
}, async () => {
  const server = await serve();
  const seen = new Set<number>();
  for (let at = 1; ; at++) {
    const disk = newDisk();
    const broken = faulty(disk, at, "killed after");
    const first = await tab(tabOn(broken.disk));
    const stop = new AbortController();
    const opening = first.library.openModel(typed, stop.signal);
    const killed = await opening.then(
      () => false,
      () => true,
    );
    stop.abort();
    await server.quiet();
    const stored = await bytesStored(disk);
    seen.add(stored);
    const second = await tab(tabOn(disk));
    const [unfinished] = await second.library.listFetches();
    // The last write turns the fetch into a stored model.
    if (!unfinished) {
      expect(killed).toBe(true);
      expect((await second.library.listModels()).map((model) => model.hash)).toEqual([hash]);
      break;
    }
    expect(unfinished).toMatchObject({ address, name: "owner/name", fetched: stored, byteLength: total });
    const sent = server.sent();
    const requests = server.requests.length;
    const { summary } = await second.library.openModel(unfinished.source);
    expect(summary, `killed at write ${at}`).toMatchObject({ hash, stored: true, name: "owner/name" });
    expect(server.sent() - sent, `killed at write ${at}`).toBe(total - stored);
    // The commit is known, so the hub's API gets no request.
    expect(server.requests.slice(requests).some(({ path }) => path.startsWith("/api/"))).toBe(false);
    expect(await second.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
  }
  // The kills covered every chunk boundary.
  const small = total - weights;
  for (let n = 0; n <= chunks; n++) expect(seen).toContain(small + Math.min(weights, n * chunkBytes));
});

test("a cancelled fetch stays and is listed; discarding frees it", async () => {
  const server = await serve();
  const stop = new AbortController();
  const { library, storage } = await tab(tabOn(halfWay(newDisk(), () => stop.abort())));
  await expect(library.openModel(typed, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
  await server.quiet();
  expect(await library.listFetches()).toMatchObject([{ fetched: half, byteLength: total }]);
  expect(await library.inspect(typed)).toMatchObject({ fetched: half, copyHash: null });
  expect(await library.listModels()).toEqual([]);
  expect(await storage.collect()).toBe(0);
  await library.discardFetch(address);
  expect(await library.listFetches()).toEqual([]);
  expect(await storage.audit()).toEqual({ chunks: 0, bytes: 0, referenced: 0, orphans: 0, damaged: 0 });
});

test("when the hub refuses in the middle, the fetched bytes stay, and the error gives the hub's reason", async () => {
  const server = await serve();
  const { library } = await tab(tabOn(halfWay(newDisk(), () => server.fail(429))));
  await expect(library.openModel(typed)).rejects.toThrow(
    /refuses requests of this network for now \(429\).*the fetched files are kept/s,
  );
  server.fail(null);
  await server.quiet();
  const [unfinished] = await library.listFetches();
  const sent = server.sent();
  expect((await library.openModel(unfinished?.source ?? typed)).summary.hash).toBe(hash);
  expect(server.sent() - sent).toBe(total - (unfinished?.fetched ?? 0));
});

describe("another address", () => {
  /** Interrupts a fetch half-way, and resumes it in a second tab; the server sends Last-Modified. */
  async function interruptAndResume(changed: boolean) {
    let modified = "Mon, 05 Jan 2026 10:00:00 GMT";
    const sent: number[] = [];
    const server = await serveFiles(files, (request, response, name) => {
      const bytes = files[name];
      if (!bytes) return false;
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      sent.push(range ? Math.min(Number(range[2]) + 1, bytes.length) - Number(range[1]) : bytes.length);
      response.setHeader("Last-Modified", modified);
      sendPart(request, response, bytes);
      return true;
    });
    try {
      const source: RemoteSource = { kind: "url", base: server.base, name: "Tiny" };
      const disk = newDisk();
      const stop = new AbortController();
      const first = await tab(tabOn(halfWay(disk, () => stop.abort())));
      await expect(first.library.openModel(source, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
      // A response may still arrive.
      await new Promise((resolve) => setTimeout(resolve, 100));
      sent.length = 0;
      if (changed) modified = "Tue, 06 Jan 2026 10:00:00 GMT";
      const second = await tab(tabOn(disk));
      const [unfinished] = await second.library.listFetches();
      expect(unfinished).toMatchObject({ name: "Tiny", source, fetched: half });
      const { summary } = await second.library.openModel(unfinished?.source ?? source);
      expect(summary).toMatchObject({ hash, name: "Tiny", address: server.base, stored: true });
      return sent.reduce((sum, bytes) => sum + bytes, 0);
    } finally {
      await server.close();
    }
  }

  test("is resumed too, after each file was checked for changes", async () => {
    // Opening a file checks it, and fetches its first bytes.
    const checks = total - weights + 64 * 2 ** 10;
    expect(await interruptAndResume(false)).toBe(weights - 2 * chunkBytes + checks);
  });

  test("starts again where the server has another version, so that no two versions are mixed", async () => {
    expect(await interruptAndResume(true)).toBe(total);
  });
});

describe("a disk without room", () => {
  const leave = (bytes: number) =>
    vi.stubGlobal("navigator", { storage: { estimate: async () => ({ usage: 0, quota: bytes }) } });

  test("is reported before the weights of a large model are fetched", async () => {
    const large = modelFiles({ hidden_size: 1024, intermediate_size: 8192, num_hidden_layers: 1 });
    hub = await fakeHub({ "owner/large": { files: large } });
    const { library } = await tab(tabOn(newDisk()));
    leave(50e6);
    const source: RemoteSource = { kind: "url", base: "owner/large" };
    expect(await library.inspect(source)).toMatchObject({ free: 50e6 });
    await expect(library.openModel(source)).rejects.toThrow(
      /The copy of model "owner\/large" needs 1\d\d MB, but this browser gives 50 MB more\. .*Delete a run or a model/,
    );
    expect(hub.sent()).toBeLessThan(1e6);
  });

  test("leaves a small model open without a copy", async () => {
    await serve();
    const { library, storage } = await tab(tabOn(newDisk()));
    leave(1e6);
    const { summary } = await library.openModel(typed);
    expect(summary).toMatchObject({ hash, stored: false, savedAt: null });
    expect(summary.notes.at(-1)).toMatch(/^No copy is kept in this browser.*gives 1 MB more/);
    expect(await library.listFetches()).toEqual([]);
    expect(await storage.audit()).toMatchObject({ chunks: 0 });
  });
});

test("a model that Hone cannot use is refused before its weights, and leaves no fetch", async () => {
  const { "tokenizer.json": tokenizer, ...rest } = files;
  const small = encode(JSON.stringify({ ...tinyConfig, vocab_size: 8 }));
  hub = await fakeHub({
    "owner/name": { files: { ...rest, "tokenizer.json": tokenizer ?? small, "config.json": small } },
  });
  const { library } = await tab(tabOn(newDisk()));
  await expect(library.openModel(typed)).rejects.toThrow();
  expect(hub.sent()).toBeLessThan(chunkBytes);
  expect(await library.listFetches()).toEqual([]);
});
