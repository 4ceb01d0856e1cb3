/** One answer from a fake model. Oracle: the model's own rule, applied token by token. */

import { describe, expect, test } from "vitest";
import { createGenerator, type GenerationRequest } from "../../../src/generation/generate.ts";
import { greedySampling } from "../../../src/generation/sampling.ts";
import { continuation, fakeModel, promptOf } from "./fakeModel.ts";

async function ask(request: Partial<GenerationRequest> & { prompt: readonly number[] }, contextLength = 1000) {
  const { runtime, parts, compiled } = fakeModel(contextLength);
  const generate = createGenerator(parts);
  const answer = generate({ stopIds: [], maxTokens: 10, sampling: greedySampling, seed: 1, ...request });
  const settled = await answer.catch((error: unknown) => error as Error);
  expect([...runtime.alive]).toEqual(["weight", "unused"]);
  if (settled instanceof Error) throw settled;
  return { ...settled, compiled, starts: runtime.runs.map((run) => run.scalars.start ?? 0), generate };
}

describe("generation", () => {
  test.each([1, 2, 31, 32, 33, 63, 64, 65, 100, 256, 257, 512, 513, 700])(
    "of a prompt of %i tokens continues it as the model alone would",
    async (length) => {
      const run = await ask({ prompt: promptOf(length), maxTokens: 40 });
      expect(run.ids).toEqual(continuation(promptOf(length), 40));
      expect(run.finish).toBe("length");
      // The first run reads what whole pieces of 256 leave.
      const later = Math.floor((length - 1) / 256);
      const pieces = Array.from({ length: later }, (_, i) => length - 256 * (later - i));
      expect(run.starts).toEqual([0, ...pieces, ...Array.from({ length: 39 }, (_, i) => length + i)]);
    },
  );

  test.each([
    [40, 30, ["64 of 128", "1 of 128"]],
    [5, 8, ["16 of 64", "1 of 64"]],
    [200, 30, ["256 of 256", "1 of 256"]],
    [300, 30, ["64 of 512", "256 of 512", "1 of 512"]],
  ])(
    "of %i tokens with room for %i more compiles %j, and again only for another capacity",
    async (length, room, shapes) => {
      const { compiled, generate } = await ask({ prompt: promptOf(length), maxTokens: room });
      const names = () => compiled.map(({ tokens, capacity }) => `${tokens} of ${capacity}`).sort();
      expect(names()).toEqual([...shapes].sort());
      await generate({ prompt: promptOf(length - 1), stopIds: [], maxTokens: room, sampling: greedySampling, seed: 1 });
      expect(names()).toEqual([...shapes].sort());
    },
  );

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
