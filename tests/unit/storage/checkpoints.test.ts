/** Checkpoints and their chunks in memory. Oracle: the original bytes, and node's SHA-256. */

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { chunkBytes } from "../../../src/storage/chunks.ts";
import { CheckpointDamagedError, StorageError, StorageFullError } from "../../../src/storage/errors.ts";
import type { CheckpointManifest } from "../../../src/storage/records.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import {
  byteTensor,
  contents,
  type Disk,
  faulty,
  loadWhole,
  newDisk,
  patternBytes,
  runRecord,
  tabOn,
} from "./backend.ts";

const bytes = (...values: number[]) => Uint8Array.of(...values);
const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

async function savedAt(steps: readonly number[], best: number | null = null) {
  const disk = newDisk();
  const storage = await openStorage(tabOn(disk));
  for (const step of steps) {
    const record = runRecord("r", step, { best: best === null ? null : { step: best, loss: 1, sets: {} } });
    await storage.checkpoints.save(contents(record, { w: bytes(step, 1), same: bytes(9, 9) }));
  }
  return { disk, storage };
}

/** Damages the first chunk of a tensor on the disk and returns its key. */
async function spoil(disk: Disk, manifest: CheckpointManifest, name: string, how: "changed" | "gone") {
  const key = manifest.tensors.find((tensor) => tensor.name === name)?.chunks[0] ?? "";
  if (how === "gone") await disk.chunks.write([], [key]);
  else await disk.chunks.write([[key, bytes(0)]]);
}

test("chunks are cut at 4 MiB, keyed by SHA-256, and equal ones are written once", async () => {
  const tab = await openStorage(tabOn(newDisk()));
  const big = new Uint8Array(2 * chunkBytes + 5);
  big[2 * chunkBytes] = 1;
  const manifest = await tab.checkpoints.save(contents(runRecord("r", 1), { big, empty: bytes() }));
  const zeros = sha256(new Uint8Array(chunkBytes));
  expect(manifest.tensors).toEqual([
    {
      name: "big",
      dtype: "bool",
      shape: [big.length],
      byteLength: big.length,
      chunks: [zeros, zeros, sha256(bytes(1, 0, 0, 0, 0))],
    },
    { name: "empty", dtype: "bool", shape: [0], byteLength: 0, chunks: [] },
  ]);
  // Two chunks of the tensor and one of the state.
  expect(await tab.audit()).toMatchObject({ chunks: 3, referenced: 3, orphans: 0, damaged: 0 });
  const again = await loadWhole(tab, "r");
  expect(sha256(again.tensors.big ?? bytes())).toBe(sha256(big));
  expect(again.tensors.empty).toEqual(bytes());
});

test("a chunk that is there is not written again", async () => {
  const { disk, storage } = await savedAt([10]);
  await storage.runs.put(runRecord("r", 10));
  const watched = faulty(disk, Number.POSITIVE_INFINITY, "full");
  const tab = await openStorage(tabOn(watched.disk));
  const before = watched.writes();
  await tab.checkpoints.save(contents(runRecord("r", 10), { w: bytes(10, 1), same: bytes(9, 9) }));
  // The manifest and the record, in one transaction.
  expect(watched.writes() - before).toBe(1);
});

test("every dtype comes back bit for bit, from views into larger and shared buffers too", async () => {
  const { storage } = await savedAt([]);
  const floats = Float32Array.of(0, -0, Number.NaN, 1e-45, Math.PI).subarray(1);
  const shared = new Uint16Array(new SharedArrayBuffer(6)).fill(0x7e00);
  await storage.checkpoints.save({
    record: runRecord("r", 1),
    state: { sampler: { cursor: 3 }, metrics: [0.1, 1e300], nothing: null },
    tensors: [
      { name: "f", dtype: "float32", shape: [2, 2], read: () => floats },
      { name: "h", dtype: "float16", shape: [3], read: async () => shared },
      { name: "i", dtype: "int64", shape: [], read: () => BigInt64Array.of(-5n) },
    ],
  });
  const { state, tensors } = await loadWhole(storage, "r");
  expect(state).toEqual({ sampler: { cursor: 3 }, metrics: [0.1, 1e300], nothing: null });
  expect(tensors.f).toEqual(new Uint8Array(floats.slice().buffer));
  expect(tensors.h).toEqual(bytes(0, 0x7e, 0, 0x7e, 0, 0x7e));
  expect(tensors.i).toEqual(new Uint8Array(BigInt64Array.of(-5n).buffer));
});

describe("the checkpoints that stay", () => {
  test.each([
    { steps: [10, 20, 30, 40], best: null, stay: [40, 30] },
    { steps: [10, 20, 30, 40], best: 10, stay: [40, 30, 10] },
    { steps: [10, 20, 30, 40], best: 40, stay: [40, 30] },
    // Back to step 20 and on: the run has left the branch of 30 and 40.
    { steps: [10, 20, 30, 40, 35], best: null, stay: [35, 30] },
    { steps: [10, 20, 30, 40, 5], best: null, stay: [5] },
    { steps: [9, 10, 100], best: 9, stay: [100, 10, 9] },
  ])("after steps $steps with best $best: $stay", async ({ steps, best, stay }) => {
    const { storage } = await savedAt(steps, best);
    expect(await storage.checkpoints.steps("r")).toEqual(stay);
    for (const step of stay) expect((await loadWhole(storage, "r", step)).tensors.w).toEqual(bytes(step, 1));
    expect((await storage.runs.get("r"))?.step).toBe(steps.at(-1));
    // One chunk and one state per checkpoint, and one shared chunk.
    expect(await storage.audit()).toMatchObject({ chunks: 2 * stay.length + 1, orphans: 0, damaged: 0 });
  });

  test("latest and best are found; a missing step is named with the existing ones", async () => {
    const { storage } = await savedAt([10, 20, 30], 10);
    expect((await loadWhole(storage, "r", "latest")).step).toBe(30);
    expect((await loadWhole(storage, "r", "best")).step).toBe(10);
    await expect(loadWhole(storage, "r", 25)).rejects.toThrow(
      'Run "run r" has no checkpoint of step 25: it has steps 30, 20, 10',
    );
    await storage.runs.put(runRecord("new", 0));
    await expect(loadWhole(storage, "new", "best")).rejects.toThrow(
      'Run "run new" has no checkpoint: resume it until one is saved, or start it again.',
    );
    await expect(loadWhole(storage, "none")).rejects.toThrow("There is no run none");
  });
});

describe("damage", () => {
  test.each([
    ["changed", "chunk 1 of 1 of tensor w does not hold the bytes that were saved"],
    ["gone", "chunk 1 of 1 of tensor w is missing"],
  ] as const)("a chunk that is %s is named, with the step to resume from", async (how, says) => {
    const { disk, storage } = await savedAt([10, 20, 30], 10);
    const manifest = await storage.checkpoints.save(
      contents(runRecord("r", 40, { best: { step: 10, loss: 1, sets: {} } }), { w: bytes(40) }),
    );
    await spoil(disk, manifest, "w", how);
    const error = await loadWhole(storage, "r").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CheckpointDamagedError);
    expect(error).toMatchObject({ runId: "r", step: 40, goodSteps: [30, 10] });
    expect(String(error)).toBe(
      `CheckpointDamagedError: The checkpoint of step 40 of run "run r" is damaged: ${says}. Resume from step 30.`,
    );
    // Training from step 30 saves the same bytes again; the damaged chunk must not count as stored.
    await storage.checkpoints.save(contents(runRecord("r", 40), { w: bytes(40) }));
    expect((await loadWhole(storage, "r")).tensors.w).toEqual(bytes(40));
  });

  test("a chunk shared by all leaves nothing whole, and the message says so", async () => {
    const { disk, storage } = await savedAt([10, 20]);
    const manifest = await storage.checkpoints.save(contents(runRecord("r", 30), { same: bytes(9, 9) }));
    await spoil(disk, manifest, "same", "gone");
    await expect(loadWhole(storage, "r")).rejects.toMatchObject({ goodSteps: [] });
    await expect(loadWhole(storage, "r")).rejects.toThrow("No other checkpoint of the run is whole: start it again.");
  });

  test("a manifest that cannot be read counts as damage; its chunks are not collected", async () => {
    const { disk, storage } = await savedAt([10, 20]);
    const key = "checkpoint/r/20";
    const stored = structuredClone(await disk.records.get(key)) as { value: { tensors: { shape: unknown }[] } };
    for (const tensor of stored.value.tensors) tensor.shape = "?";
    await disk.records.write([[key, stored]]);
    expect(await storage.collect()).toBe(0);
    await expect(loadWhole(storage, "r")).rejects.toThrow(
      /step 20 .* damaged: its manifest is unreadable \(.*tensors\.0\.shape is "\?", not a list\..*\)\. Resume from step 10\./,
    );
  });

  test("an error of the caller's restore passes through unchanged", async () => {
    const { storage } = await savedAt([10]);
    const own = new RangeError("mine");
    await expect(storage.checkpoints.load("r", "latest", () => Promise.reject(own))).rejects.toBe(own);
  });
});

describe("contents that cannot be saved", () => {
  test.each([
    [{ loss: Number.NaN }, 'The checkpoint of step 20 of run "run r" could not be saved: "loss" of its state is NaN'],
    [{ cursor: { at: Uint8Array.of(1) } }, '"at" of its state is a typed array'],
  ])("state %o is refused, because JSON would change it", async (state, message) => {
    const { storage } = await savedAt([10]);
    await expect(storage.checkpoints.save({ record: runRecord("r", 20), state, tensors: [] })).rejects.toThrow(message);
    expect((await loadWhole(storage, "r")).step).toBe(10);
  });

  test("a tensor of the wrong length is refused with both lengths, and nothing of the save stays", async () => {
    const { storage } = await savedAt([10]);
    const before = await storage.audit();
    const tensors = [
      byteTensor("first", patternBytes(100, 1)),
      { ...byteTensor("w", bytes(1, 2)), dtype: "float32" as const },
    ];
    await expect(storage.checkpoints.save({ record: runRecord("r", 20), state: {}, tensors })).rejects.toThrow(
      "tensor w has 2 bytes, but float32[2] takes 8",
    );
    expect(await storage.audit()).toEqual(before);
  });

  test("a full disk says how much was needed, and the checkpoint before stays", async () => {
    const { disk } = await savedAt([10]);
    const full = faulty(disk, 1, "full");
    const tab = await openStorage(tabOn(full.disk));
    const error = await tab.checkpoints
      .save(contents(runRecord("r", 20), { w: patternBytes(3e6, 1) }))
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StorageFullError);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ needed: 3e6 + JSON.stringify({ step: 20, random: [1, 2, 3, 4] }).length });
    expect(String(error)).toMatch(
      /^StorageFullError: The checkpoint of step 20 of run "run r" needs 3 MB, but this browser gives/,
    );
    expect((await loadWhole(tab, "r")).step).toBe(10);
  });
});
