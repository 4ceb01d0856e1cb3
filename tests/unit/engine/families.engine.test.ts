/**
 * Every family through the engine: a run that pauses, moves as a file to another engine and resumes there ends with the
 * weights and answers of a run that never paused. Oracle: that run, byte for byte. One seed, wasm.
 */

import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { defaultRecipe, type Recipe } from "../../../src/run/recipe.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { isLong } from "../../support/long.ts";
import { recipeWith } from "../../support/recipe.ts";
import { smallFamilies, smallFolder } from "../../support/smallFamilies.ts";
import { asFiles, tinyRows } from "../../support/tinyLlama.ts";

const recipe: Recipe = recipeWith(defaultRecipe("lora"), {
  template: { kind: "built-in", name: "hone" },
  learningRate: 2e-2,
  warmupRatio: 0,
  batchSize: 4,
  accumulation: 1,
  maxLength: 128,
  steps: 4,
  evaluateEvery: 2,
  checkpointEvery: 2,
  samplePrompts: 1,
  validationShare: 0.2,
});

/** An engine of its own with the model and rows. */
async function openEngine(config: Readonly<Record<string, unknown>>) {
  const here = await engineHere(nodeEntries);
  const { engine, data } = here;
  await engine.start("wasm");
  const opened = await engine.openModel({ kind: "files", files: asFiles(smallFolder(config)), name: "small" });
  const { linears } = await engine.modelDetails(opened.hash);
  return { ...here, linears, modelHash: opened.hash, sources: [await takeIn(data, tinyRows())] };
}

/** The quick form takes the families whose layers or files have a form of their own. */
const quick = ["Gemma 3", "Phi-3 with half the rotation", "GPT-2", "GPT-NeoX"];

const rows = Object.entries(smallFamilies).flatMap(([name, config]) =>
  (["lora", "full"] as const).map((method) => ({ name, method, config })),
);

test.each(rows.filter(({ name, method }) => isLong || (quick.includes(name) && method === "lora")))(
  "$name, $method: a run file resumes elsewhere, with the same weights and answers",
  async ({ config, method }) => {
    const { engine, onEvent, linears, modelHash, sources } = await openEngine(config);
    const own = recipeWith(recipe, { method, lora: { rank: 2, alpha: 4, targets: linears } });
    const request = { name: "run", modelHash, sources, recipe: own };
    const whole = await engine.startRun(request);
    expect(whole).toMatchObject({ status: "finished", step: 4, reason: null });
    const stop = onEvent((event) => {
      if (event.type === "step" && event.metrics.step === 2) void engine.pauseRun();
    });
    const paused = await engine.startRun(request);
    stop();
    expect(paused).toMatchObject({ status: "paused", step: 2 });
    const { archive } = await engine.exportRun(paused.id);

    const there = await openEngine(config);
    await there.engine.importRun(new File([archive], "moved.run.zip"));
    const resumed = await there.engine.resumeRun(paused.id);
    expect(resumed).toMatchObject({ status: "finished", step: 4 });
    const resultOf = async (host: typeof engine, runId: string) => {
      const exported = await host.exportModel(runId, null);
      const { text } = await host.answer({
        requestId: "1",
        modelHash,
        runId,
        checkpoint: null,
        template: own.template,
        systemPrompt: null,
        messages: [{ role: "user", content: "Say 1." }],
        sampling: { temperature: 1, topK: null, topP: null, maxTokens: 12, seed: 1 },
      });
      return { text, weights: unzipSync(new Uint8Array(await exported.archive.arrayBuffer()))["model.safetensors"] };
    };
    const unmoved = await resultOf(engine, whole.id);
    expect(unmoved.weights?.length).toBeGreaterThan(1000);
    expect(unmoved.text.length).toBeGreaterThan(0);
    expect(await resultOf(there.engine, resumed.id)).toEqual(unmoved);
  },
  120_000,
);
