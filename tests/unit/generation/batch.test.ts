/** Answers to several prompts at once. Oracle: a fake model's own rule, applied to each prompt alone. */

import { describe, expect, test } from "vitest";
import {
  type BatchOptions,
  type BatchRequest,
  createBatchGenerator,
  type Generation,
} from "../../../src/generation/batch.ts";
import { greedySampling } from "../../../src/generation/sampling.ts";
import { continuation, fakeModel, promptOf, vocabulary } from "./fakeModel.ts";

/** A prompt of this length that differs from all others of its length. */
const promptFor = (length: number, number: number) =>
  promptOf(length).map((id, i) => (i === 0 ? number % vocabulary : id));

const requestOf = (length: number, number: number, change: Partial<BatchRequest> = {}): BatchRequest => ({
  prompt: promptFor(length, number),
  stopIds: [],
  maxTokens: 5 + (number % 7),
  sampling: greedySampling,
  seed: number,
  ...change,
});

async function generate(
  requests: readonly BatchRequest[],
  options: BatchOptions & { contextLength?: number; provider?: "wasm" | "webgpu" } = {},
) {
  const { runtime, parts } = fakeModel(options.contextLength ?? 1000, options.provider);
  const ended: number[] = [];
  const onAnswer = (request: number, generation: Generation) => {
    ended.push(request);
    options.onAnswer?.(request, generation);
  };
  const settled = await createBatchGenerator(parts)(requests, { ...options, onAnswer }).catch((error: Error) => error);
  expect([...runtime.alive]).toEqual(["weight", "unused"]);
  if (settled instanceof Error) throw settled;
  return { generations: settled, ended, runs: runtime.runs.length };
}

const lengths = (count: number, length: (i: number) => number) => Array.from({ length: count }, (_, i) => length(i));

describe.each(["wasm", "webgpu"] as const)("on %s", (provider) => {
  test.each<[string, number[]]>([
    ["one prompt", [7]],
    ["two of one length", [7, 7]],
    ["fewer than a batch", lengths(5, (i) => 3 + i)],
    ["more than a batch, of all lengths", lengths(75, (i) => 1 + ((i * 37) % 60))],
    ["of several capacities", lengths(20, (i) => 10 + 33 * i)],
    ["longer than a piece, of one and of several pieces", [250, 256, 257, 300, 511, 512, 513, 700, 780, 3]],
    ["many long ones", lengths(12, (i) => 600 + i)],
  ])("%s: each answer is that of its prompt alone", async (_, all) => {
    const requests = all.map((length, i) => requestOf(length, i));
    const { generations, ended } = await generate(requests, { provider });
    expect(generations).toEqual(
      requests.map(({ prompt, maxTokens }) => ({ ids: continuation([...prompt], maxTokens), finish: "length" })),
    );
    expect([...ended].sort((a, b) => a - b)).toEqual([...requests.keys()]);
  });
});

test("stops, limits and the context end each answer for itself", async () => {
  const stopped = continuation(promptFor(5, 1), 9);
  const stop = stopped[4] as number;
  const requests = [
    requestOf(5, 0, { maxTokens: 3 }),
    requestOf(5, 1, { maxTokens: 20, stopIds: [stop] }),
    requestOf(60, 2, { maxTokens: 20 }),
    requestOf(63, 3, { maxTokens: 20 }),
    requestOf(64, 4),
    requestOf(500, 5),
    requestOf(0, 6),
  ];
  const { generations } = await generate(requests, { contextLength: 64 });
  const alone = (i: number, count: number) => continuation([...(requests[i]?.prompt ?? [])], count);
  expect(generations).toEqual([
    { ids: alone(0, 3), finish: "length" },
    { ids: stopped.slice(0, stopped.indexOf(stop)), finish: "stop" },
    { ids: alone(2, 4), finish: "context" },
    { ids: alone(3, 1), finish: "context" },
    { ids: [], finish: "context" },
    { ids: [], finish: "context" },
    { ids: [], finish: "context" },
  ]);
});

test("a drawn answer depends on its own seed only, whatever the other rows are", async () => {
  const sampling = { temperature: 6, topK: 20, topP: 0.9 };
  const requests = lengths(40, (i) => 3 + (i % 9)).map((length, i) =>
    requestOf(length, i, { sampling, maxTokens: 12 }),
  );
  const { generations } = await generate(requests);
  for (const [i, request] of requests.entries()) {
    expect((await generate([request])).generations).toEqual([generations[i]]);
  }
  expect(new Set(generations.map(({ ids }) => String(ids))).size).toBeGreaterThan(30);
});

test("takes about a thirtieth of the runs that one answer after the other takes", async () => {
  const requests = lengths(256, (i) => 10 + (i % 20)).map((length, i) => requestOf(length, i, { maxTokens: 16 }));
  const { runs } = await generate(requests);
  // 256 answers of 16 tokens in 32 rows are 8 · 15 runs of one token; prompts come in runs of 8.
  expect(runs).toBeLessThan(8 * 15 + 256 / 8 + 40);
  expect((await generate(requests.slice(0, 1))).runs).toBe(16);
});

describe("a signal", () => {
  test("aborted before the first run cancels every answer and runs nothing", async () => {
    const requests = lengths(40, () => 5).map((length, i) => requestOf(length, i));
    const { generations, runs } = await generate(requests, { signal: AbortSignal.abort() });
    expect(runs).toBe(0);
    expect(generations).toEqual(requests.map(() => ({ ids: [], finish: "cancelled" })));
  });

  test.each([1, 10, 60])(
    "aborted after %i answers leaves these whole, and the others as far as they came",
    async (count) => {
      const controller = new AbortController();
      const requests = lengths(100, (i) => 3 + (i % 30)).map((length, i) => requestOf(length, i));
      let done = 0;
      const onAnswer = () => {
        if (++done === count) controller.abort();
      };
      const { generations } = await generate(requests, { signal: controller.signal, onAnswer });
      expect(generations).toHaveLength(100);
      expect(generations.filter(({ finish }) => finish === "length").length).toBeGreaterThanOrEqual(count);
      expect(generations.some(({ finish }) => finish === "cancelled")).toBe(true);
      for (const [i, { ids, finish }] of generations.entries()) {
        const { prompt, maxTokens } = requests[i] as BatchRequest;
        const whole = continuation([...prompt], maxTokens);
        expect(ids).toEqual(finish === "length" ? whole : whole.slice(0, ids.length));
      }
    },
  );
});

test("no request needs no run", async () => {
  expect(await generate([])).toEqual({ generations: [], ended: [], runs: 0 });
});

test("frees its caches when a listener throws", async () => {
  const onAnswer = () => {
    throw new Error("the page is gone");
  };
  await expect(generate([requestOf(3, 0), requestOf(4, 1)], { onAnswer })).rejects.toThrow("the page is gone");
});

test.each([
  [{ maxTokens: 0 }, "limit is 0 tokens"],
  [{ sampling: { temperature: 1, topK: 0, topP: null } }, "Top-k is 0"],
])("one request with %o refuses all", async (change, message) => {
  await expect(generate([requestOf(3, 0), requestOf(3, 1, change)])).rejects.toThrow(message);
});
