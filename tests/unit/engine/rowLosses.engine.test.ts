/**
 * Losses of training rows on wasm in Node. Oracles: with one batch of all rows, the loss of step 1 is the mean under the base
 * model, and the loss of step 2 the mean under the checkpoint of step 1; a stopped measurement continues to the same numbers.
 */

import { expect, test } from "vitest";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { type ExampleLosses, measuredCount, rowsOfLosses } from "../../../src/run/rowLosses.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, tinyModel } from "../../support/tinyLlama.ts";

const pairs = Array.from({ length: 24 }, (_, i) => ({
  instruction: `Say ${i}.`,
  output: i % 3 === 0 ? `It is ${i}.` : `${i}`,
}));

const meanOf = ({ tokens }: ExampleLosses, sums: Float32Array) =>
  sums.reduce((a, b) => a + b, 0) / tokens.reduce((a, b) => a + b, 0);

test("each training row has its loss under base and checkpoint; a stop loses nothing; the losses go with the run", {
  timeout: 300_000,
}, async () => {
  const { engine, data, onEvent } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const source = await takeIn(data, pairs);
  for (const program of ["whole", "layers"] as const) {
    const recipe = recipeWith(defaultRecipe("lora"), {
      learningRate: 3e-2,
      warmupRatio: 0,
      steps: 2,
      batchSize: pairs.length,
      accumulation: 1,
      validationShare: 0,
      maxLength: 64,
      samplePrompts: 0,
      checkpointEvery: 1,
      keepLast: 3,
      program,
    });
    const run = await engine.startRun({ name: program, modelHash, sources: [{ ...source, excluded: [5] }], recipe });
    expect(run.status, run.reason ?? "").toBe("finished");
    expect(await engine.rowLosses(run.id, 1)).toBeNull();

    const controller = new AbortController();
    const stop = onEvent((event) => {
      if (event.type === "progress" && event.task === "Losses under the tuned model" && event.done > 0)
        controller.abort();
    });
    await expect(engine.measureRowLosses(run.id, 1, controller.signal)).rejects.toMatchObject({ name: "AbortError" });
    stop();
    const partly = await engine.rowLosses(run.id, 1);
    expect(partly && measuredCount(partly)).toBeGreaterThan(0);
    expect(partly && measuredCount(partly)).toBeLessThan(23);

    const losses = await engine.measureRowLosses(run.id, 1);
    expect(measuredCount(losses)).toBe(23);
    expect(await engine.rowLosses(run.id, 1)).toEqual(losses);
    expect(rowsOfLosses(losses).map(({ row }) => row)).toEqual(pairs.flatMap((_, row) => (row === 5 ? [] : [row])));
    const { steps } = await engine.curvesOf(run.id);
    expect(meanOf(losses, losses.base)).toBeCloseTo(steps.loss[0] ?? 0, 4);
    expect(meanOf(losses, losses.tuned)).toBeCloseTo(steps.loss[1] ?? 0, 4);
    expect(meanOf(losses, losses.tuned)).toBeLessThan(meanOf(losses, losses.base) - 0.01);

    // Complete losses are not measured again.
    const tasks: string[] = [];
    const end = onEvent((event) => void (event.type === "progress" && tasks.push(event.task)));
    expect(await engine.measureRowLosses(run.id, 1)).toEqual(losses);
    end();
    expect(tasks.filter((task) => task.startsWith("Losses"))).toEqual([]);

    await expect(engine.measureRowLosses(run.id, 7)).rejects.toThrow("no checkpoint of step 7");
    await engine.deleteRun(run.id);
    expect(await (await openStorage()).rowLosses.keys(run.id)).toEqual([]);
  }
});
