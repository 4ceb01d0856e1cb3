/** The whole engine on real rows and the page's own model, wasm in Chromium. Oracle: the rows' own responses, learnt by heart. */

import { expect, test } from "vitest";
import { wholeSource } from "../../src/run/source.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { engineHere } from "../support/engineHere.ts";
import { recipeOf } from "../support/recipe.ts";
import { jsonLines } from "../support/tinyLlama.ts";

interface Row {
  readonly instruction: string;
  readonly output: string;
}

/** Eight rows of the page's sample, spread over it: questions of several kinds. */
async function eightRows(): Promise<Row[]> {
  const lines = (await (await fetch("/samples/small-world.jsonl")).text()).trim().split("\n");
  const rows = lines.map((line): Row => JSON.parse(line));
  return Array.from({ length: 8 }, (_, i) => rows[25 * i]).flatMap((row) => row ?? []);
}

test("eight rows are learnt by heart: loss under 0.05 and greedy answers equal to the responses", async () => {
  const rows = await eightRows();
  expect(new Set(rows.map(({ instruction }) => instruction)).size).toBe(8);
  const { engine, data } = await engineHere(browserEntries);
  expect((await engine.start("wasm")).provider).toBe("wasm");
  const base = new URL("/models/seedling/", location.href).href;
  const { hash: modelHash } = await engine.openModel({ kind: "url", base });
  const { sources } = await data.open([new File([jsonLines(rows)], "eight.jsonl")]);
  const recipe = recipeOf("full", {
    learningRate: 1e-3,
    maxLength: 64,
    steps: 20,
    batchSize: 8,
    accumulation: 1,
    validationShare: 0,
    checkpointEvery: 1000,
    samplePrompts: 0,
    watchEvery: null,
  });
  const record = await engine.startRun({
    name: "by heart",
    modelHash,
    sources: sources.map(({ hash }) => wholeSource(hash)),
    recipe,
  });
  expect(record.reason).toBeNull();
  expect(record).toMatchObject({ status: "finished", step: 20, examples: { training: 8, validation: 0 } });
  const { loss: losses } = (await engine.curvesOf(record.id)).steps;
  console.info(`loss ${losses[0]?.toFixed(3)} → ${losses.at(-1)?.toFixed(4)} in ${record.seconds.toFixed(0)} s`);
  expect(losses[0]).toBeGreaterThan(1);
  expect(losses.at(-1)).toBeLessThan(0.05);

  const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 120, seed: 0 };
  for (const { instruction, output } of rows) {
    const { text, finish } = await engine.answer({
      requestId: "",
      modelHash,
      runId: record.id,
      checkpoint: null,
      template: recipe.template,
      systemPrompt: null,
      messages: [{ role: "user", content: instruction }],
      sampling,
    });
    expect(text).toBe(output);
    expect(finish).toBe("stop");
  }
  await engine.deleteRun(record.id);
  await engine.deleteModel(modelHash);
});
