/** Weights that come back from another tool, in the page's state. Oracle: the run that exported them. */

import { unzipSync } from "fflate";
import { expect, test, vi } from "vitest";
import { keepBasics, keepRun } from "../../support/kept.ts";
import { eachOnADisk, openHone } from "../../support/openHone.ts";
import { recipeOf } from "../../support/recipe.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const kept = eachOnADisk(async (here) => {
  const basics = await keepBasics(here);
  return { ...basics, run: await keepRun(here, basics) };
});

const recipe = recipeOf("lora", { steps: 1, maxLength: 64, accumulation: 1, samplePrompts: 0 });

test("weights that come back are compared with the run that their files name, not with the newest", async () => {
  const { hone, client, facts } = await openHone();
  const { model, source, run } = kept();
  hone.model.select(model.hash);
  hone.data.choose(source.hash, true);
  await hone.training.start(recipe, "newest");
  const newest = facts().runs.list[0];
  const { archive } = await client.engine.exportModel(run.id, null);
  const { "model.safetensors": weights = new Uint8Array(), ...files } = unzipSync(
    new Uint8Array(await archive.arrayBuffer()),
  );
  const open = async (name: string, more: Readonly<Record<string, Uint8Array>>) => {
    // Other weights each time: the same ones would be the run that is open already.
    const changed = weights.slice();
    changed[changed.length - 4] = name.length;
    const given = Object.entries({ ...files, ...more, "model.safetensors": changed });
    await hone.runs.openTuned({
      name,
      files: given.map(([path, bytes]) => ({ path, file: new File([new Uint8Array(bytes)], path) })),
      template: run.recipe.template,
      systemPrompt: null,
    });
    expect(facts().runs.tuned.failure).toBeNull();
    return facts().runs.list.find((entry) => entry.name === name);
  };
  await open("alone", {});
  expect(facts().compare.other).toEqual({ runId: newest?.id, checkpoint: null });
  const lineage = new TextEncoder().encode(JSON.stringify({ run: run.id, step: 30 }));
  const back = await open("back again", { "hone.json": lineage });
  expect(back?.origin?.from).toEqual({ runId: run.id, step: 30 });
  const both = { runId: back?.id, other: { runId: run.id, checkpoint: null } };
  expect(facts().compare).toMatchObject(both);
  hone.compare.chooseRun(newest?.id ?? "");
  hone.compare.chooseOther(null);
  hone.compare.chooseRun(back?.id ?? "");
  expect(facts().compare).toMatchObject(both);
});
