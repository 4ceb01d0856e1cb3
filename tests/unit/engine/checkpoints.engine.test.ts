/**
 * Answers of single checkpoints of a run, on wasm in Node. Oracles: a checkpoint gives the same seeded answer each time and
 * another checkpoint another one; the prompt of a later turn begins with the earlier prompt and answer.
 */

import { beforeAll, expect, test } from "vitest";
import type { AnswerRequest, EngineApi } from "../../../src/protocol/engine.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, tinyConfig, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

let engine: EngineApi;
let run: RunRecord;

beforeAll(async () => {
  const here = await engineHere(nodeEntries);
  ({ engine } = here);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const recipe = recipeWith(defaultRecipe("lora"), {
    learningRate: 3e-2,
    steps: 8,
    accumulation: 1,
    maxLength: 64,
    samplePrompts: 0,
    checkpointEvery: 2,
    evaluateEvery: 100,
    keepLast: 3,
  });
  run = await engine.startRun({ name: "a run", modelHash, sources: [await takeIn(here.data, tinyRows())], recipe });
  expect(run.status, run.reason ?? "").toBe("finished");
}, 300_000);

const answerOf = (change: Partial<AnswerRequest> = {}) =>
  engine.answer({
    requestId: "q",
    modelHash: run.model.hash,
    runId: run.id,
    checkpoint: null,
    template: run.recipe.template,
    systemPrompt: null,
    messages: [{ role: "user", content: "Say 1." }],
    sampling: { temperature: 0.8, topK: null, topP: null, maxTokens: 12, seed: 3 },
    ...change,
  });

test("the stored checkpoints are listed, newest first, with a mark on the best one", async () => {
  const stored = await engine.checkpointsOf(run.id);
  expect(stored.slice(0, 3).map(({ step }) => step)).toEqual([8, 6, 4]);
  expect(stored.filter(({ best }) => best).map(({ step }) => step)).toEqual(
    stored.some(({ step }) => step === run.best?.step) ? [run.best?.step] : [],
  );
});

test("each checkpoint answers for itself, in any order", async () => {
  const [newest, older, base] = [await answerOf(), await answerOf({ checkpoint: 4 }), await answerOf({ runId: null })];
  expect([newest.step, older.step, base.step]).toEqual([8, 4, null]);
  expect(new Set([newest.text, older.text, base.text]).size).toBe(3);
  expect((await answerOf({ checkpoint: 8 })).text).toBe(newest.text);
  expect((await answerOf({ checkpoint: 4 })).text).toBe(older.text);
});

test("a step that is not stored is refused with those that are", async () => {
  await expect(answerOf({ checkpoint: 5 })).rejects.toThrow(/has no checkpoint of step 5: it has steps 8, 6, 4/);
});

test("the prompt of a second question begins with the first prompt and its answer", async () => {
  const first = await answerOf();
  const messages = [
    { role: "user", content: "Say 1." },
    { role: "assistant", content: first.text },
    { role: "user", content: "Say 2." },
  ] as const;
  const second = await answerOf({ messages });
  expect(second.prompt.text.startsWith(first.prompt.text + first.text)).toBe(true);
  expect(second.prompt.tokens.slice(0, first.prompt.tokens.length)).toEqual(first.prompt.tokens);
});

test("a conversation beyond the context is refused with both numbers", async () => {
  const long = "long ".repeat(tinyConfig.max_position_embeddings);
  await expect(answerOf({ messages: [{ role: "user", content: long }] })).rejects.toThrow(
    new RegExp(`has \\d+ tokens and the model's context ${tinyConfig.max_position_embeddings}: .*new conversation`),
  );
});
