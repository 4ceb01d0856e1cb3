/** Shared by the storage tests: a backend in memory that can fail at a chosen write, and small contents to save. */

import { firstMoment, secondMoment } from "../../../src/artifacts/contract.ts";
import { type Curves, columnsOf, progressOf } from "../../../src/run/curves.ts";
import type { EvaluationMetrics, StepMetrics } from "../../../src/run/metrics.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { CheckpointContents } from "../../../src/storage/checkpoints.ts";
import { type KeyValue, memoryKeyValue } from "../../../src/storage/keyValue.ts";
import { realmLocks } from "../../../src/storage/lock.ts";
import type { Storage, StorageBackend } from "../../../src/storage/storage.ts";
import type { TensorSource } from "../../../src/storage/writeCheckpoint.ts";
import type { ByteSource } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { initialState, type LoopState } from "../../../src/training/state.ts";

/** The two databases, which survive a tab. */
export interface Disk {
  readonly records: KeyValue;
  readonly chunks: KeyValue;
}

export const newDisk = (): Disk => ({ records: memoryKeyValue(), chunks: memoryKeyValue() });

/** A tab over a disk; its locks end with it. */
export function tabOn(disk: Disk): StorageBackend {
  const locks = realmLocks();
  return { ...disk, locks, chunkLocks: locks, reason: null };
}

export type Fault =
  /** The tab dies before the write reaches the disk. */
  | "killed before"
  /** The tab dies after the write reached the disk, before the caller knows. */
  | "killed after"
  /** The disk refuses puts from this write on; deletes still work. */
  | "full";

/** The disk as a tab sees it that dies when the test says so: `dieAfter(n)` lets n more writes through. */
export function mortal(disk: Disk) {
  let left = Number.POSITIVE_INFINITY;
  const alive = () => {
    if (left <= 0) throw new Error("the tab is dead");
  };
  const wrap = (inner: KeyValue): KeyValue => ({
    async get(key) {
      alive();
      return inner.get(key);
    },
    async keys(prefix) {
      alive();
      return inner.keys(prefix);
    },
    async write(puts, deletes) {
      alive();
      await inner.write(puts, deletes);
      left--;
      alive();
    },
  });
  return {
    disk: { records: wrap(disk.records), chunks: wrap(disk.chunks) },
    dieAfter(writes: number) {
      left = writes;
    },
    isDead: () => left <= 0,
  };
}

/** The disk as a tab sees it. Counts writes over both databases; the fault happens at write number `at` (from 1). */
export function faulty(disk: Disk, at: number, fault: Fault) {
  let writes = 0;
  let dead = false;
  let room = true;
  const dying = () => {
    dead = true;
    return new Error("the tab is dead");
  };
  const wrap = (inner: KeyValue): KeyValue => {
    const alive = () => {
      if (dead) throw dying();
    };
    return {
      async get(key) {
        alive();
        return inner.get(key);
      },
      async keys(prefix) {
        alive();
        return inner.keys(prefix);
      },
      async write(puts, deletes) {
        alive();
        writes++;
        if (writes === at && fault === "killed before") throw dying();
        if (writes === at && fault === "full") room = false;
        if (!room && puts.length > 0) throw new DOMException("no room", "QuotaExceededError");
        await inner.write(puts, deletes);
        if (writes === at && fault === "killed after") throw dying();
      },
    };
  };
  return {
    disk: { records: wrap(disk.records), chunks: wrap(disk.chunks) },
    writes: () => writes,
    makeRoom: () => {
      room = true;
    },
  };
}

const someSteps: readonly StepMetrics[] = [
  { step: 1, loss: Number.NaN, gradientNorm: 1, learningRate: 1e-4, tokens: 9, supervisedTokens: 3, seconds: 0.5 },
];
const someEvaluations: readonly EvaluationMetrics[] = [
  { step: 0, loss: 5, sets: { "validation of text": 4, exam: Number.NaN } },
];
/** The curves of `runRecord`. */
export const someCurves: Curves = { steps: columnsOf(someSteps), evaluations: someEvaluations };

/** A run record with every field filled. */
export function runRecord(id: string, step: number, change: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    name: `run ${id}`,
    note: "a note",
    createdAt: "2025-01-01T00:00:00.000Z",
    updatedAt: "2025-01-01T00:00:00.000Z",
    status: "running",
    reason: null,
    model: { name: "tiny", hash: "a".repeat(64), parameters: 10 },
    sources: [
      {
        name: "pairs.json",
        hash: "b".repeat(64),
        mapping: { format: "columns", columns: { instruction: "q", response: "a" } },
        excluded: [3, 7],
      },
    ],
    recipe: {
      method: "lora",
      lora: { rank: 4, alpha: 8, targets: ["q_proj", "down_proj"] },
      template: { kind: "custom", source: "{{ bos_token }}" },
      mask: "last",
      truncation: "left",
      packing: true,
      systemPrompt: null,
      forgetting: null,
      stages: [
        {
          objective: "text",
          preference: null,
          sources: [{ source: 0, lambda: 0.5 }],
          mixture: "weight",
          learningRate: 1e-4,
          epochs: 2.5,
          steps: 40,
          schedule: "linear",
          warmupRatio: 0.1,
          replay: 0,
        },
        {
          objective: "chat",
          preference: { loss: "dpo", beta: 0.1, labelSmoothing: 0, gamma: 0, chosenWeight: 1, rejectedWeight: 1 },
          sources: null,
          mixture: "sampling",
          learningRate: 2e-4,
          epochs: 3,
          steps: null,
          schedule: "cosine",
          warmupRatio: 0.03,
          replay: 0,
        },
      ],
      batchSize: 4,
      accumulation: 1,
      maxLength: 128,
      weightDecay: 0,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      maxGradNorm: 1,
      validationShare: 0.1,
      evaluateEvery: 10,
      checkpointEvery: 10,
      keepLast: 2,
      patience: null,
      bestBy: "last",
      samplePrompts: 1,
      watchEvery: 10,
      weights: "uint4",
      compute: "float16",
      program: "layers",
      seed: 0,
    },
    provider: "wasm",
    trainable: 4,
    examples: { training: 9, validation: 1 },
    stages: [
      { objective: "text", steps: 40, examples: 6, supervisedTokens: 300 },
      { objective: "chat", steps: 60, examples: 3, supervisedTokens: null },
    ],
    totalSteps: 100,
    step,
    seconds: 1.5,
    progress: progressOf(someSteps, someEvaluations),
    best: null,
    samples: [{ prompt: "a", reference: "b", before: "c", after: null }],
    watch: {
      prompt: "a",
      place: { source: 0, row: 5 },
      tokens: [
        { text: "a", weight: 0 },
        { text: "b", weight: 1 },
      ],
      moments: [{ step: 0, answer: "c", losses: [5] }],
    },
    slowdowns: [{ fromStep: 10, factor: 0.1 }],
    resumeFrom: 10,
    ...change,
  };
}

export const byteTensor = (name: string, bytes: Uint8Array): TensorSource => ({
  name,
  dtype: "bool",
  shape: [bytes.length],
  read: () => bytes,
});

/**
 * Two adapter parameters of rank 4 with their moments, as in a checkpoint of `runRecord`; `width` is the first one's.
 */
export function adapterTensors(step: number, width: number): TensorSource[] {
  const layer = "model.layers.0.self_attn.q_proj";
  const shapes = { [`${layer}.lora_A.weight`]: [4, width], [`${layer}.lora_B.weight`]: [3, 4] };
  return Object.entries(shapes).flatMap(([name, shape]) =>
    [name, firstMoment(name), secondMoment(name)].map((tensor, index): TensorSource => {
      const values = new Float32Array(sizeOf(shape)).fill(index + 0.5);
      // Second moments are equal in every checkpoint, so their chunks are shared.
      values[values.length - 1] = index === 2 ? 0 : step;
      return { name: tensor, dtype: "float32", shape, read: () => values };
    }),
  );
}

/** The trained parameters of `adapterTensors`. */
export const adapterNumbers = (width: number) => 4 * width + 12;

/** A training state of a run in two stages, from which training can resume. */
export const loopStateAt = (step: number): LoopState => ({
  ...initialState({ epoch: 0, cursor: 0, random: [1, 2, 3, 4], passes: [], drawn: step, stages: 2 }),
  step,
  updates: step,
});

export function contents(record: RunRecord, tensors: Readonly<Record<string, Uint8Array>>): CheckpointContents {
  return {
    record,
    state: { step: record.step, random: [1, 2, 3, 4] },
    tensors: Object.entries(tensors).map(([name, bytes]) => byteTensor(name, bytes)),
  };
}

/** Loads a whole checkpoint: its step, state, and tensors by name. */
export async function loadWhole(storage: Storage, runId: string, which: number | "latest" | "best" = "latest") {
  const tensors: Record<string, Uint8Array> = {};
  const { manifest, state } = await storage.checkpoints.load(runId, which, async ({ name }, read) => {
    tensors[name] = await read();
  });
  return { step: manifest.step, state, tensors };
}

export const file = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  byteLength: bytes.length,
  slice: async (start, end) => bytes.slice(start, end),
});

/** Bytes that differ in every chunk and with the seed (a linear congruential sequence). */
export function patternBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = seed >>> 0;
  for (let i = 0; i < words.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, length);
}
