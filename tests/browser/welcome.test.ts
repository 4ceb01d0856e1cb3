/** What a first visit opens, and whom it leaves alone, on the real services. Oracle: what is asked for beside the page. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEngineClient } from "../../src/client/client.ts";
import { wholeSource } from "../../src/run/source.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createHone } from "../../src/store/hone.ts";
import { demoData } from "../../src/store/seedling.ts";
import { copyStorage, putStorage } from "../support/browserStorage.ts";
import { keepBasics } from "../support/kept.ts";
import { recipeOf } from "../support/recipe.ts";
import { openServices, refuse, type Services, type Stubs } from "../support/services.ts";
import { eachOnAPage } from "../support/studio.tsx";

/** What browsers keep that brought something of their own. */
const others = eachOnAPage(async (here) => {
  const { engine, data } = here;
  const empty = await copyStorage();
  const { model, source } = await keepBasics(here);
  const recipe = recipeOf("lora", { steps: 1, maxLength: 64, accumulation: 1, samplePrompts: 0, watchEvery: null });
  const request = { name: "a run", modelHash: model.hash, sources: [wholeSource(source.hash)], recipe };
  const { id } = await engine.startRun(request);
  const all = await copyStorage();
  const without = async (...removals: readonly (() => Promise<void>)[]) => {
    await putStorage(all);
    for (const remove of removals) await remove();
    return copyStorage();
  };
  const noModel = () => engine.deleteModel(model.hash);
  const noData = () => data.delete(source.hash);
  const noRun = () => engine.deleteRun(id);
  const made = {
    model: await without(noData, noRun),
    data: await without(noModel, noRun),
    run: await without(noModel, noData),
  };
  await putStorage(empty);
  return made;
});

/** Paths beside the page that were asked for. */
const asked: string[] = [];
let served = true;
const visits: Services[] = [];
beforeEach(() => {
  asked.length = 0;
  served = true;
  const real = window.fetch;
  vi.spyOn(window, "fetch").mockImplementation(async (input, init) => {
    const path = /\/((models|samples)\/.*)$/.exec(String(input instanceof Request ? input.url : input))?.[1];
    if (path === undefined) return real(input, init);
    asked.push(path);
    return served ? real(`/${path}`, init) : new Response(null, { status: 404 });
  });
});
afterEach(async () => {
  for (const services of visits.splice(0)) await services.close();
});

async function visit(stubs: Stubs = {}) {
  const services = openServices(browserEntries, stubs);
  visits.push(services);
  const hone = createHone(createEngineClient(services));
  await hone.engine.start("auto");
  await hone.welcome.greet();
  const { model, data, welcome } = hone.store.getState();
  const name = model.list.find(({ hash }) => hash === model.selected)?.name ?? null;
  const chosen = data.chosen.map(({ hash }) => data.list.find((source) => source.hash === hash)?.name);
  return { hone, name, chosen, welcome, model, data };
}

test("a first visit opens Seedling and its data", async () => {
  const { name, chosen, welcome, model } = await visit();
  expect(name).toBe("Seedling");
  expect(chosen).toEqual([demoData]);
  expect(welcome).toEqual({ settled: true, done: true });
  expect(model.list).toMatchObject([{ stored: true, architecture: "LlamaForCausalLM" }]);
  expect(asked).toContain("models/seedling/model.safetensors");
});

test("who removed what was opened is not given it again, and who kept it has it from storage", async () => {
  const first = await visit();
  const kept = await copyStorage();
  await first.hone.model.remove(first.model.selected ?? "");
  first.hone.data.choose(first.data.chosen[0]?.hash ?? "", false);
  expect(await visit()).toMatchObject({ name: null, chosen: [], welcome: { done: true } });

  localStorage.clear();
  await putStorage(kept);
  asked.length = 0;
  expect(await visit()).toMatchObject({ name: "Seedling", chosen: [demoData], model: { failure: null } });
  // The rows are small, and are read anew.
  expect(asked).toEqual([`samples/${demoData}`]);
});

test.each(["model", "data", "run"] as const)("who brought a %s before is given nothing", async (what) => {
  await putStorage(others()[what]);
  expect(await visit()).toMatchObject({ name: null, chosen: [], welcome: { settled: true, done: false } });
  expect(asked).toEqual([]);
});

test("what cannot be loaded is told in its place, and tried again on the next visit", async () => {
  served = false;
  const { model, data, welcome } = await visit();
  expect(model.failure?.message).toMatch(
    /^Seedling could not be loaded from the folder of this page\. Any other model can be opened\. .*\(404\)/,
  );
  expect(data.failure?.message).toMatch(/small-world\.jsonl is not served beside the page \(404/);
  expect(welcome).toEqual({ settled: true, done: false });
  served = true;
  expect(await visit()).toMatchObject({ name: "Seedling", chosen: [demoData] });
});

test("an engine that does not start leaves the page as it is", async () => {
  expect(await visit({ engine: () => ({ start: refuse("no wasm") }) })).toMatchObject({
    name: null,
    chosen: [],
    welcome: { settled: true, done: false },
  });
  expect(asked).toEqual([]);
});

test("Seedling is selected where it is here, and opened where it is not", async () => {
  const first = await visit();
  const { selected } = first.model;
  const { hone } = await visit();
  hone.model.select("another");
  asked.length = 0;
  await hone.model.openSeedling();
  expect(hone.store.getState().model.selected).toBe(selected);
  expect(asked).toEqual([]);
});
