/** Twenty questions of different lengths on a small model, real sessions. Oracle: the answers of a cache without a limit. */

import { expect, test } from "vitest";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { createGenerator } from "../../../src/generation/generate.ts";
import { greedySampling } from "../../../src/generation/sampling.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { SessionBudget } from "../../../src/runtime/sessionCache.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { disposeAll, uploadParameters } from "../../../src/training/parameters.ts";
import { smallLlama } from "../../support/smallLlama.ts";

const model = smallLlama({ num_hidden_layers: 2, max_position_embeddings: 704 });
/**
 * Of 20 lengths in steps of 33 tokens there are five cache capacities. Each has a session for one token, the two largest one
 * for later pieces, and there are eleven shapes of first pieces: 18 sessions.
 */
const lengths = Array.from({ length: 20 }, (_, i) => 7 + 33 * i);
const answerTokens = 4;

/** Each length once, then the first ones again; what was alive after each question, and the answers. */
async function askAll(sessionBudget: SessionBudget) {
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1, sessionBudget });
  const random = createRandom(5);
  const specs = parametersOf(model, null);
  const parameters = await uploadParameters(runtime, specs, ({ shape }) => {
    return Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : 0.4 * random.normal()));
  });
  try {
    const generate = createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(model, null, shape),
      contextLength: model.contextLength,
    });
    const answers: (readonly number[])[] = [];
    const live: { readonly sessions: number; readonly sessionBytes: number }[] = [];
    for (const length of [...lengths, ...lengths.slice(0, 4)]) {
      const prompt = Array.from({ length }, (_, i) => (11 * i + length) % model.vocabulary);
      const { ids } = await generate({
        prompt,
        stopIds: [],
        maxTokens: answerTokens,
        sampling: greedySampling,
        seed: 0,
      });
      answers.push(ids);
      live.push(runtime.memory());
    }
    return { answers, live };
  } finally {
    disposeAll(parameters);
    await runtime.dispose();
  }
}

test("sessions stay within their budget, and the answers are those of a cache without one", {
  timeout: 300_000,
}, async () => {
  const unlimited = await askAll({ sessions: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY });
  expect(unlimited.live.at(-1)?.sessions).toBe(18);
  expect(new Set(unlimited.answers.map(String)).size).toBeGreaterThan(10);

  const few = await askAll({ sessions: 4, bytes: Number.POSITIVE_INFINITY });
  expect(few.live.map(({ sessions }) => sessions).every((sessions) => sessions <= 4)).toBe(true);
  expect(few.answers).toEqual(unlimited.answers);

  // Room for three sessions or so.
  const bytes = ((unlimited.live.at(-1)?.sessionBytes ?? 0) / 18) * 3.5;
  const small = await askAll({ sessions: Number.POSITIVE_INFINITY, bytes });
  expect(Math.max(...small.live.map(({ sessionBytes }) => sessionBytes))).toBeLessThanOrEqual(bytes);
  expect(small.answers).toEqual(unlimited.answers);
});
