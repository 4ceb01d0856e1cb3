/**
 * The engine's exam on wasm in Node, of a made-up model before and after a run. Oracles: the loss does not depend on which
 * texts are evaluated together; an untrained model predicts all tokens of the vocabulary about equally.
 */

import { expect, test } from "vitest";
import type { EngineEvent, ExamineRequest } from "../../../src/protocol/engine.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { renderText } from "../../../src/templates/mask.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { engineHere } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, jsonLines, tinyConfig, tinyModel, tinyRows } from "../../support/tinyLlama.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

test("base and tuned model take an exam, with progress; it can be cancelled, and another follows", {
  timeout: 300_000,
}, async () => {
  const events: EngineEvent[] = [];
  const { engine, data, onEvent } = await engineHere(nodeEntries);
  onEvent((event) => events.push(event));
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const texts = ["Once upon a time.", "The end came soon, and all were glad of it.", "a"];
  const request: ExamineRequest = {
    modelHash,
    runId: null,
    checkpoint: null,
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    questions: [
      { prompt: "Say 1.", expected: "It is 1." },
      { prompt: "long ".repeat(40), expected: "No." },
    ],
    texts,
  };

  events.length = 0;
  const before = await engine.examine(request);
  expect(before.answers.map(({ finish, correct }) => [finish, correct])).toEqual([
    [expect.stringMatching(/stop|length/), false],
    ["context", false],
  ]);
  expect(before.textLoss).toBeCloseTo(Math.log(tinyConfig.vocab_size), 0);
  const tasks = events.flatMap((event) => (event.type === "progress" ? [event.task] : []));
  expect(new Set(tasks)).toEqual(
    new Set(["Loading the weights", "The base model answers the questions", "The base model reads the general texts"]),
  );

  // Every token but the first is predicted.
  const alone = await Promise.all(texts.map((text) => engine.examine({ ...request, questions: [], texts: [text] })));
  const { json, config } = byteLevelTokenizer();
  const tokenizer = createTokenizer(json, config);
  const tokens = texts.map((text) => tokenizer.encode(renderText(text, tokenizer)).ids.length - 1);
  const sum = alone.reduce((total, { textLoss }, i) => total + (textLoss ?? Number.NaN) * (tokens[i] ?? 0), 0);
  expect(before.textLoss).toBeCloseTo(sum / tokens.reduce((a, b) => a + b), 4);

  const { sources } = await data.open([new File([jsonLines(tinyRows())], "rows.jsonl")]);
  const recipe = recipeWith(defaultRecipe("lora"), {
    learningRate: 3e-2,
    steps: 8,
    accumulation: 1,
    maxLength: 64,
    samplePrompts: 0,
  });
  const run = await engine.startRun({
    name: "a run",
    modelHash,
    sources: [wholeSource(sources[0]?.hash ?? "")],
    recipe,
  });
  expect(run.status, run.reason ?? "").toBe("finished");
  const tuned = { ...request, runId: run.id };
  const cancelled = new AbortController();
  const ending = expect(engine.examine(tuned, cancelled.signal)).rejects.toMatchObject({ name: "AbortError" });
  cancelled.abort();
  await ending;
  const after = await engine.examine(tuned);
  expect(after.answers).toHaveLength(2);
  expect(after.textLoss).not.toBeCloseTo(before.textLoss ?? 0, 3);
  // The base model is as it was.
  expect((await engine.examine(request)).textLoss).toBe(before.textLoss);
});
