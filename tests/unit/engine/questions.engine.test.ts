/**
 * Questions of many lengths to a base model and a run, as under Compare, on wasm in Node; two hundred in the long form.
 * Oracle: ONNX Runtime's own sessions, counted as they are created and released.
 */

import { expect, onTestFinished, test, vi } from "vitest";
import { wholeSource } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { sessionBudget } from "../../../src/runtime/sessionCache.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { engineHere } from "../../support/engineHere.ts";
import { isLong } from "../../support/long.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, jsonLines, sizedModel, tinyRows } from "../../support/tinyLlama.ts";

const contextLength = 2048;
const questions = isLong ? 200 : 24;

test("live sessions stay within their budget, and the same question gets the same answer", {
  timeout: 600_000,
}, async () => {
  const ort = await nodeEntries.wasm.load();
  const { create } = ort.InferenceSession;
  const sessions = { live: 0, most: 0, made: 0 };
  vi.spyOn(ort.InferenceSession, "create").mockImplementation(async (...model: Parameters<typeof create>) => {
    const session = await create.apply(ort.InferenceSession, model);
    sessions.made++;
    sessions.live++;
    sessions.most = Math.max(sessions.most, sessions.live);
    const { release } = session;
    session.release = () => {
      sessions.live--;
      return release.call(session);
    };
    return session;
  });
  onTestFinished(() => void vi.restoreAllMocks());

  const { engine, data } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const files = asFiles(sizedModel({ max_position_embeddings: contextLength }));
  const { hash: modelHash } = await engine.openModel({ kind: "files", files });
  const { sources } = await data.open([new File([jsonLines(tinyRows())], "rows.jsonl")]);
  const recipe = recipeOf("lora", { steps: 4, maxLength: 64, accumulation: 1, learningRate: 3e-2, samplePrompts: 0 });
  const request = { name: "a run", modelHash, sources: sources.map(({ hash }) => wholeSource(hash)), recipe };
  const { id } = await engine.startRun(request);

  const random = createRandom(3);
  const lengths = Array.from({ length: questions }, (_, i) =>
    isLong ? 1 + random.below(contextLength - 100) : 1 + Math.floor((i / questions) * (contextLength - 100)),
  );
  const answerOf = async (length: number, runId: string | null) => {
    const { text, finish } = await engine.answer({
      requestId: "",
      modelHash,
      runId,
      checkpoint: null,
      template: recipe.template,
      systemPrompt: null,
      // Each letter is a token.
      messages: [{ role: "user", content: "q".repeat(length) }],
      sampling: { temperature: 0.8, topK: null, topP: null, maxTokens: 4, seed: length },
    });
    return { text, finish };
  };
  const both = async (length: number) => [await answerOf(length, null), await answerOf(length, id)];
  const answers = new Map<number, Awaited<ReturnType<typeof both>>>();
  for (const length of lengths) answers.set(length, await both(length));
  // Many sessions were released.
  expect(sessions.made).toBeGreaterThan(2 * sessionBudget.sessions);
  expect(sessions.most).toBeLessThanOrEqual(sessionBudget.sessions + 1);
  for (const length of lengths.slice(0, 4)) expect(await both(length)).toEqual(answers.get(length));
});
