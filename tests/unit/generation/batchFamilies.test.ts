/**
 * Rows of a batch for each family, beyond its windows and under an adapter on all of its linear layers. Oracle: each row
 * alone, which families.test.ts compares with whole rows. Seeds: 11 and 7.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileGeneration, type GenerationShape } from "../../../src/artifacts/generation.ts";
import { linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { createBatchGenerator } from "../../../src/generation/batch.ts";
import { createDecoder, type Piece } from "../../../src/generation/decoder.ts";
import { createGenerator } from "../../../src/generation/generate.ts";
import { greedySampling } from "../../../src/generation/sampling.ts";
import { defineModel } from "../../../src/models/define.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { disposeAll, uploadParameters } from "../../../src/training/parameters.ts";
import { smallFamilies, smallValues } from "../../support/smallFamilies.ts";
import { trainedValues } from "../export/made.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

async function partsOf(config: Readonly<Record<string, unknown>>) {
  const model = defineModel({ ...config, vocab_size: 61 });
  const targets = linearsOf(model).map(({ name }) => name);
  const method: Method = { kind: "lora", rank: 2, alpha: 1, targets };
  const values = new Map([...smallValues(model), ...trainedValues(model, method)]);
  const parameters = await uploadParameters(runtime, parametersOf(model, method), ({ name }) => values.get(name));
  const artifact = (shape: GenerationShape) => compileGeneration(model, method, shape);
  return { runtime, parameters, artifact, contextLength: model.contextLength };
}

const promptOf = (length: number, number: number) =>
  Array.from({ length }, (_, t) => (13 * t * t + 5 + 7 * number) % 61);

describe.each(Object.entries(smallFamilies))("%s", (_, config) => {
  test("logits of rows of different lengths are those of each row alone", async () => {
    const parts = await partsOf(config);
    const shape = { capacity: 64, greedy: true };
    const batch = createDecoder(parts, { ...shape, rows: 4 });
    const alone = createDecoder(parts, { ...shape, rows: 1 });
    const prompts = [2, 40, 17].map((length, number) => promptOf(length, number));
    const rows = [2, 0, 3];
    const read = (row: (i: number) => number) => prompts.map((tokens, i): Piece => ({ row: row(i), tokens, start: 0 }));
    const write = (at: number, row: (i: number) => number) =>
      prompts.map(({ length }, i): Piece => ({ row: row(i), tokens: [(9 * at + i) % 61], start: length + at }));
    const ofBatch = (i: number) => rows[i] as number;
    try {
      const runs = [
        await batch.run(read(ofBatch), { rows: 3, cacheRows: 4, tokens: 64, first: true }),
        await batch.run(write(0, ofBatch), { rows: 4, tokens: 1 }),
        await batch.run(write(1, ofBatch), { rows: 3, cacheRows: 4, tokens: 1 }),
        await batch.run(write(2, ofBatch), { rows: 4, tokens: 1 }),
      ];
      for (const i of prompts.keys()) {
        for (const [at, run] of runs.entries()) {
          const piece = (at === 0 ? read(() => 0) : write(at - 1, () => 0))[i] as Piece;
          const own = at === 0 ? { rows: 1, tokens: 64, first: true } : { rows: 1, tokens: 1 };
          const expected = await (await alone.run([piece], own)).logits(0);
          const found = await run.logits(i);
          const scale = Math.max(1, ...expected.map(Math.abs));
          const apart = Array.from(expected, (logit, id) => Math.abs(logit - (found[id] ?? Number.NaN)));
          expect(Math.max(...apart) / scale).toBeLessThan(1e-5);
        }
      }
    } finally {
      for (const decoder of [batch, alone]) decoder.dispose();
      disposeAll(parts.parameters);
      await runtime.releaseSessions();
    }
  });

  test("greedy and drawn answers are those of each prompt alone", async () => {
    const parts = await partsOf(config);
    const requests = [3, 30, 17, 9, 22, 1, 40, 5, 12, 28].map((length, number) => ({
      prompt: promptOf(length, number),
      stopIds: [11],
      maxTokens: 4 + (number % 5) * 3,
      // Greedy answers of random weights repeat a token, so they would hide most of the vocabulary.
      sampling: number % 2 === 0 ? greedySampling : { temperature: 5, topK: 30, topP: null },
      seed: number,
    }));
    try {
      const together = await createBatchGenerator(parts)(requests);
      const generate = createGenerator(parts);
      for (const [i, request] of requests.entries()) expect(together[i]).toEqual(await generate(request));
      expect(new Set(together.flatMap(({ ids }) => ids)).size).toBeGreaterThan(12);
    } finally {
      disposeAll(parts.parameters);
      await runtime.releaseSessions();
    }
  });
});
