import { describe, expect, test } from "vitest";
import { portsOnly } from "../../../scripts/harness/graphArtifact.ts";
import { type Artifact, generationPorts } from "../../../src/artifacts/contract.ts";
import { createGenerator, type GenerationRequest } from "../../../src/generation/generate.ts";
import type { DType, Shape } from "../../../src/tensor/dtype.ts";
import { type Compute, createFakeRuntime } from "../training/fakeRuntime.ts";

const vocabulary = 50;
const layers = 2;

/** Oracle: the token that the fake model finds most likely after a sequence; it depends on every token and its place. */
function next(sequence: readonly number[]): number {
  return sequence.reduce((hash, id, slot) => (hash * 31 + (slot + 1) * (id + 3)) % 9973, 7) % vocabulary;
}

function continuation(prompt: readonly number[], count: number): number[] {
  const sequence = [...prompt];
  for (let i = 0; i < count; i++) sequence.push(next(sequence));
  return sequence.slice(prompt.length);
}

const port = (name: string, dtype: DType, shape: Shape) => ({ name, dtype, shape });

function artifact({ tokens, capacity }: { tokens: number; capacity: number }): Artifact {
  const caches = (key: (layer: number) => string, value: (layer: number) => string) =>
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
      [key(layer), value(layer)].map((name) => port(name, "float32", [1, 1, capacity, 1])),
    );
  return portsOnly({
    kind: "generation",
    key: `generation ${tokens} ${capacity}`,
    inputs: [
      port(generationPorts.inputIds, "int32", [1, tokens]),
      port(generationPorts.start, "int32", [1]),
      port(generationPorts.logitsIndex, "int32", [1]),
      port("weight", "float32", [3]),
      ...caches(generationPorts.pastKey, generationPorts.pastValue),
    ],
    outputs: [
      port(generationPorts.logits, "float32", [vocabulary]),
      ...caches(generationPorts.presentKey, generationPorts.presentValue),
    ],
    aliases: {},
  });
}

/** A model whose caches hold the token ids; it refuses a piece that leaves the cache and sees only slots up to its own. */
const compute: Compute = (graph, inputs) => {
  const ids = inputs[generationPorts.inputIds] as Int32Array;
  const start = Number(inputs[generationPorts.start]?.[0]);
  const index = Number(inputs[generationPorts.logitsIndex]?.[0]);
  const results: ReturnType<Compute> = {};
  for (let layer = 0; layer < layers; layer++) {
    for (const [past, present] of [
      [generationPorts.pastKey(layer), generationPorts.presentKey(layer)],
      [generationPorts.pastValue(layer), generationPorts.presentValue(layer)],
    ] as const) {
      const cache = Float32Array.from(inputs[past] as Float32Array);
      if (start + ids.length > cache.length)
        throw new Error(`slots ${start} to ${start + ids.length} of ${cache.length}`);
      cache.set(ids, start);
      results[present] = cache;
    }
  }
  const seen = (name: string) => Array.from(results[name] as Float32Array).slice(0, start + index + 1);
  const sequences = [0, 1]
    .flatMap((layer) => [generationPorts.presentKey(layer), generationPorts.presentValue(layer)])
    .map(seen);
  if (new Set(sequences.map(String)).size !== 1) throw new Error(`${graph.key}: the caches have come apart`);
  const logits = new Float32Array(vocabulary);
  logits[next(sequences[0] as number[])] = 9;
  return { ...results, [generationPorts.logits]: logits };
};

async function ask(request: Partial<GenerationRequest> & { prompt: readonly number[] }, contextLength = 1000) {
  const runtime = createFakeRuntime(compute);
  const weight = runtime.tensor("weight", "float32", [3]);
  const unused = runtime.tensor("unused", "float32", [3]);
  const compiled: string[] = [];
  const generate = createGenerator({
    runtime,
    parameters: new Map([
      ["weight", weight],
      ["unused", unused],
    ]),
    artifact: (shape) => {
      compiled.push(`${shape.tokens}x${shape.capacity}`);
      return artifact(shape);
    },
    contextLength,
  });
  const sampling = { temperature: 0, topK: null, topP: null };
  const answer = generate({ stopIds: [], maxTokens: 10, sampling, seed: 1, ...request });
  const settled = await answer.catch((error: unknown) => error as Error);
  expect([...runtime.alive]).toEqual(["weight", "unused"]);
  if (settled instanceof Error) throw settled;
  return { ...settled, compiled, starts: runtime.runs.map((run) => run.scalars.start), generate };
}

const promptOf = (length: number) => Array.from({ length }, (_, i) => (i * 7) % vocabulary);

describe("generation", () => {
  test.each([1, 2, 31, 32, 33, 63, 64, 65, 100])(
    "of a prompt of %i tokens continues it as the model alone would",
    async (length) => {
      const run = await ask({ prompt: promptOf(length), maxTokens: 40 });
      expect(run.ids).toEqual(continuation(promptOf(length), 40));
      expect(run.finish).toBe("length");
      const chunks = length === 1 ? 1 : Math.ceil(length / 32);
      expect(run.starts.slice(0, chunks)).toEqual(Array.from({ length: chunks }, (_, i) => i * 32));
      expect(run.starts.slice(chunks)).toEqual(Array.from({ length: 39 }, (_, i) => length + i));
    },
  );

  test("compiles two shapes, of a capacity that is a multiple of 64, and again only for another capacity", async () => {
    const { compiled, generate } = await ask({ prompt: promptOf(40), maxTokens: 30 });
    expect([...compiled].sort()).toEqual(["1x128", "32x128"]);
    await generate({
      prompt: promptOf(60),
      stopIds: [],
      maxTokens: 60,
      sampling: { temperature: 0, topK: null, topP: null },
      seed: 1,
    });
    expect(compiled.length).toBe(2);
  });

  test("stops at a stop token, which is not part of the answer and is not told", async () => {
    const prompt = promptOf(5);
    const expected = continuation(prompt, 30);
    const stop = expected[6] as number;
    const told: number[] = [];
    const run = await ask({ prompt, maxTokens: 30, stopIds: [stop, 999], onToken: (id) => told.push(id) });
    expect(run.finish).toBe("stop");
    expect(run.ids).toEqual(expected.slice(0, expected.indexOf(stop)));
    expect(told).toEqual(run.ids);
  });

  test("a stop token inside the prompt does not stop it", async () => {
    const prompt = [11, 12, 13];
    const run = await ask({ prompt, stopIds: [12], maxTokens: 1 });
    expect(run.ids).toEqual(continuation(prompt, 1));
  });

  test.each([
    [63, 10, "context", 1],
    [60, 4, "length", 4],
    [60, 5, "context", 4],
  ] as const)(
    "prompt of %i, at most %i tokens, in a context of 64: %s after %i",
    async (length, maxTokens, finish, count) => {
      const run = await ask({ prompt: promptOf(length), maxTokens }, 64);
      expect(run.finish).toBe(finish);
      expect(run.ids).toEqual(continuation(promptOf(length), count));
    },
  );

  test("a context that is no multiple of 64 is filled to its last token", async () => {
    const run = await ask({ prompt: promptOf(65), maxTokens: 99 }, 90);
    expect(run.ids).toEqual(continuation(promptOf(65), 25));
    expect(run.finish).toBe("context");
  });

  test("is cancelled between two tokens, keeping those it has", async () => {
    const controller = new AbortController();
    const ids: number[] = [];
    const run = await ask(
      {
        prompt: promptOf(5),
        signal: controller.signal,
        onToken: (id) => {
          ids.push(id);
          if (ids.length === 3) setTimeout(() => controller.abort(), 0);
        },
        maxTokens: 100_000,
      },
      200_000,
    );
    expect(run.finish).toBe("cancelled");
    expect(run.ids.length).toBeGreaterThanOrEqual(3);
    expect(run.ids).toEqual(ids);
  });

  test("cancelled before it begins runs nothing", async () => {
    const run = await ask({ prompt: promptOf(5), signal: AbortSignal.abort() });
    expect(run).toMatchObject({ ids: [], finish: "cancelled", starts: [] });
  });

  test("is seeded", async () => {
    const sampling = { temperature: 6, topK: null, topP: null };
    const draw = async (seed: number) => (await ask({ prompt: promptOf(5), maxTokens: 20, sampling, seed })).ids;
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
  });

  test("frees its caches when a listener throws", async () => {
    const onToken = () => {
      throw new Error("the page is gone");
    };
    await expect(ask({ prompt: [1, 2], onToken })).rejects.toThrow("the page is gone");
  });

  test.each([
    [{ prompt: [] }, "The prompt is empty"],
    [{ prompt: promptOf(64) }, "The prompt has 64 tokens and the model's context 64: shorten it or"],
    [{ prompt: [1], maxTokens: 0 }, "limit is 0 tokens"],
    [{ prompt: [1], sampling: { temperature: -1, topK: null, topP: null } }, "temperature is -1"],
  ])("%o is refused", async (request, message) => {
    await expect(ask(request, 64)).rejects.toThrow(message);
  });
});
