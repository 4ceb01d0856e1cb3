/** What a first visit opens, and whom it leaves alone. Oracle: what the fake engine was asked for. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEngineClient } from "../../../src/client/client.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { lastStage } from "../../../src/run/stage.ts";
import { createHone } from "../../../src/store/hone.ts";
import { defaultsFor } from "../../../src/store/recipe.ts";
import { demoData, seedlingSource } from "../../../src/store/seedling.ts";
import { fakeSource } from "../../support/fakeData.ts";
import { type FakeSettings, fakeModel, fakeRun, fakeWorkers } from "../../support/fakeEngine.ts";

const seedling = { ...fakeModel, name: "Seedling" };
/** Node loses a file's name on its way to a worker, and the fake names the rows by it. */
const demo = { ...fakeSource, name: demoData, hash: "hash-of-undefined" };
const run = fakeRun(
  { name: "a run", modelHash: fakeModel.hash, sources: [], recipe: defaultRecipe("lora") },
  1,
  2,
  "2026-01-01T00:00:00Z",
);

const written = new Map<string, string>();
let served = true;
beforeEach(() => {
  written.clear();
  served = true;
  vi.stubGlobal("document", { baseURI: "https://host.example/any/path/index.html?here#there" });
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => written.get(key) ?? null,
    setItem: (key: string, text: string) => void written.set(key, text),
  });
  vi.stubGlobal("fetch", async () => (served ? new Response("{}") : new Response(null, { status: 404 })));
});
afterEach(() => vi.unstubAllGlobals());

async function visit(settings: Partial<FakeSettings> = {}) {
  const hone = createHone(createEngineClient(fakeWorkers({ pace: 1, ...settings })));
  await hone.engine.start("auto");
  await hone.welcome.greet();
  const { model, data, welcome } = hone.store.getState();
  const name = model.list.find(({ hash }) => hash === model.selected)?.name ?? null;
  return { hone, name, chosen: data.chosen.map(({ hash }) => hash), welcome, model, data };
}

test("Seedling is looked for beside the page, wherever that lies, and only its files are", () => {
  const source = seedlingSource();
  expect(source).toMatchObject({ base: "https://host.example/any/path/models/seedling/", name: "Seedling" });
  const folder = fileURLToPath(new URL("../../../public/models/seedling", import.meta.url));
  const ofTheModel = readdirSync(folder).filter((name) => name !== "README.md" && name !== "training.json");
  expect(source.kind === "url" && source.files?.toSorted()).toEqual(ofTheModel.toSorted());
});

test("a first visit opens Seedling and its data", async () => {
  const { name, chosen, welcome } = await visit();
  expect(name).toBe("Seedling");
  expect(chosen).toEqual([demo.hash]);
  expect(welcome).toEqual({ settled: true, done: true });
});

test("who removed what was opened is not given it again, and who kept it has it from storage", async () => {
  const first = await visit();
  await first.hone.model.remove(seedling.hash);
  first.hone.data.choose(demo.hash, false);
  expect(await visit({ sources: [demo] })).toMatchObject({ name: null, chosen: [], welcome: { done: true } });

  written.clear();
  await visit();
  const failing = { openModel: new Error("nothing is to be fetched") };
  expect(await visit({ models: [seedling], sources: [demo], failing })).toMatchObject({
    name: "Seedling",
    chosen: [demo.hash],
    model: { failure: null },
  });
});

test.each([
  ["a model", { models: [fakeModel] }],
  ["data", { sources: [fakeSource] }],
  ["a run", { runs: [run] }],
])("who brought %s before is given nothing", async (_what, settings) => {
  expect(await visit(settings)).toMatchObject({ name: null, chosen: [], welcome: { settled: true, done: false } });
});

test("what cannot be loaded is told in its place, and tried again on the next visit", async () => {
  served = false;
  const absent = { openModel: new Error("There is no config.json (404).") };
  const { model, data, welcome } = await visit({ failing: absent });
  expect(model.failure?.message).toBe(
    "Seedling could not be loaded from beside this page; any other model can be opened. There is no config.json (404).",
  );
  expect(data.failure?.message).toMatch(/small-world\.jsonl is not served beside the page \(404/);
  expect(welcome).toEqual({ settled: true, done: false });
  served = true;
  expect(await visit()).toMatchObject({ name: "Seedling", chosen: [demo.hash] });
});

test("an engine that does not start leaves the page as it is", async () => {
  expect(await visit({ failing: { start: new Error("no wasm") } })).toMatchObject({
    name: null,
    chosen: [],
    welcome: { settled: true, done: false },
  });
});

test("Seedling is selected where it is here, and opened where it is not", async () => {
  const { hone } = await visit({ models: [seedling], sources: [fakeSource] });
  await hone.model.openSeedling();
  expect(hone.store.getState().model.selected).toBe(seedling.hash);
});

test("Seedling has defaults of its own; every other model has the usual ones", () => {
  expect(defaultsFor({ name: "stories260K" }, "lora")).toEqual(defaultRecipe("lora"));
  expect(defaultsFor(undefined, "full")).toEqual(defaultRecipe("full"));
  expect(lastStage(defaultsFor({ name: "seedling" }, "lora")).learningRate).toBeGreaterThan(
    lastStage(defaultRecipe("lora")).learningRate,
  );
});
