/** The whole engine on real rows and a real model, wasm in Chromium. Oracle: the rows' own responses, learnt by heart. */

import { expect } from "vitest";
import { defaultRecipe } from "../../src/store/recipe.ts";
import { engineHere, takeIn } from "../support/engineHere.ts";
import { type Shared, test } from "../support/shared.ts";

const model = "models/stories260K";
const modelFiles = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

interface AlpacaRow {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
}

/** The first eight rows that are short enough for a quick test, no two with one question. */
async function eightRows(shared: Shared): Promise<AlpacaRow[]> {
  const rows = (await shared.json("data/alpaca_en_demo.json")) as AlpacaRow[];
  const short = rows.filter(({ instruction, input, output }) => (instruction + input + output).length < 110);
  const distinct = short.filter(
    (row, i) => short.findIndex(({ instruction }) => instruction === row.instruction) === i,
  );
  return distinct.slice(0, 8);
}

test("eight Alpaca rows are learnt by heart: loss under 0.05 and greedy answers equal to the responses", async ({
  shared,
}) => {
  const rows = await eightRows(shared);
  expect(rows).toHaveLength(8);
  const { engine, data } = await engineHere();
  const report = await engine.start("wasm");
  expect(report.provider).toBe("wasm");
  const files = await Promise.all(
    modelFiles.map(async (name) => new File([await shared.bytes(`${model}/${name}`)], name)),
  );
  const { hash: modelHash } = await engine.openModel({ kind: "files", files });
  const sources = [await takeIn(data, rows, "eight.json")];
  const recipe = {
    ...defaultRecipe("full"),
    learningRate: 3e-3,
    steps: 80,
    batchSize: 8,
    accumulation: 1,
    validationShare: 0,
    checkpointEvery: 1000,
    samplePrompts: 0,
  };
  const record = await engine.startRun({ name: "by heart", modelHash, sources, recipe });
  expect(record.reason).toBeNull();
  expect(record).toMatchObject({ status: "finished", step: 80, examples: { training: 8, validation: 0 } });
  const { loss: losses } = (await engine.curvesOf(record.id)).steps;
  console.info(`loss ${losses[0]?.toFixed(3)} → ${losses.at(-1)?.toFixed(4)} in ${record.seconds.toFixed(0)} s`);
  expect(losses[0]).toBeGreaterThan(1);
  expect(losses.at(-1)).toBeLessThan(0.05);

  const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 120, seed: 0 };
  for (const { instruction, input, output } of rows) {
    const question = input ? `${instruction}\n${input}` : instruction;
    const ask = (runId: string | null) =>
      engine.ask({
        requestId: "",
        modelHash,
        runId,
        checkpoint: null,
        template: recipe.template,
        systemPrompt: null,
        messages: [{ role: "user", content: question }],
        sampling,
      });
    const { text, finish } = await ask(record.id);
    expect(text).toBe(output);
    expect(finish).toBe("stop");
  }
  await engine.deleteRun(record.id);
});
