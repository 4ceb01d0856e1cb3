/** The page's state on a fake engine behind a real message channel. Oracle: what the fake engine was told to do. */

import { expect, test } from "vitest";
import { createHone, type Hone } from "../../../src/store/hone.ts";
import { defaultRecipe } from "../../../src/store/recipe.ts";
import type { HoneState } from "../../../src/store/state.ts";
import { createEngineClient } from "../../../src/worker/client.ts";
import { type FakeSettings, fakeDataset, fakeModel, fakeRun, fakeWorker } from "../../support/fakeEngine.ts";

const request = {
  name: "a run",
  modelHash: fakeModel.hash,
  datasetHash: fakeDataset.hash,
  recipe: { ...defaultRecipe("lora"), steps: 12 },
};
const kept: FakeSettings = { pace: 1, models: [fakeModel], datasets: [fakeDataset] };

async function started(settings: FakeSettings) {
  const workers: ReturnType<typeof fakeWorker>[] = [];
  const client = createEngineClient(() => {
    const worker = fakeWorker(settings);
    workers.push(worker);
    return worker;
  });
  const hone = createHone(client);
  await hone.engine.start("auto");
  return { hone, facts: () => hone.store.getState(), crash: () => workers.at(-1)?.crash() };
}

/** Settles at the very change that makes it true, so that no timer decides what a test sees. */
function until(hone: Hone, isTrue: (state: HoneState) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = hone.store.subscribe((state) => {
      if (!isTrue(state)) return;
      stop();
      resolve();
    });
  });
}

function choose(hone: Hone) {
  hone.model.select(fakeModel.hash);
  hone.dataset.select(fakeDataset.hash);
}

test("starting loads what the browser keeps, curves apart from records", async () => {
  const { hone, facts } = await started({ ...kept, runs: [fakeRun(request, 7, 12)] });
  expect(facts().engine.status).toBe("ready");
  expect(facts().model.list).toEqual([fakeModel]);
  expect(facts().dataset.list).toEqual([fakeDataset]);
  const [run] = facts().runs.list;
  expect(run).toMatchObject({ name: "a run", step: 7 });
  expect(run).not.toHaveProperty("metrics");
  expect(hone.series.of(run?.id ?? "").steps).toHaveLength(7);
});

test("a run goes through its phases, and its figures land in the series", async () => {
  const { hone, facts } = await started(kept);
  choose(hone);
  const phases = new Set<string>();
  hone.store.subscribe(({ training }) => phases.add(training.phase));
  await hone.training.start(request.recipe, "a run");
  expect([...phases]).toEqual(["preparing", "running", "idle"]);
  const { runId, dropped, checkpoint, failure } = facts().training;
  expect(failure).toBeNull();
  expect(dropped).toHaveLength(1);
  expect(checkpoint).toBe(10);
  expect(facts().runs.list).toMatchObject([{ id: runId, status: "finished", step: 12 }]);
  expect(hone.series.of(runId ?? "").steps.map(({ step }) => step)).toEqual(
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
});

test("pause stops, resume goes on to the end; a second start meanwhile is not sent", async () => {
  const { hone, facts } = await started({ ...kept, pace: 5 });
  choose(hone);
  const first = hone.training.start(request.recipe, "a run");
  await until(hone, ({ training }) => training.phase === "running");
  await hone.training.start(request.recipe, "another");
  await hone.training.pause();
  await first;
  const run = facts().runs.list[0];
  expect(facts().runs.list).toHaveLength(1);
  expect(run?.status).toBe("paused");
  expect(run?.step).toBeLessThan(12);
  await hone.training.resume(run?.id ?? "");
  expect(facts().runs.list[0]).toMatchObject({ status: "finished", step: 12 });
});

test("a refused run shows the engine's words and frees the page", async () => {
  const { hone, facts } = await started({ ...kept, failing: { startRun: new RangeError("needs 9 GB, has 4 GB") } });
  choose(hone);
  await hone.training.start(request.recipe, "a run");
  expect(facts().training).toMatchObject({
    phase: "idle",
    failure: { name: "RangeError", message: "needs 9 GB, has 4 GB" },
  });
});

test("a file that cannot be read leaves the chosen pairs as they were", async () => {
  const { hone, facts } = await started(kept);
  choose(hone);
  await hone.dataset.open(new File([], "empty.json"));
  expect(facts().dataset.failure?.message).toBe("The file is empty. Choose one with at least one row.");
  expect(facts().dataset.selected).toBe(fakeDataset.hash);
});

test("opening a model can be cancelled without an error", async () => {
  const { hone, facts } = await started({ pace: 5 });
  const opening = hone.model.open({ kind: "url", base: "https://example.org/model/" });
  await until(hone, ({ engine }) => engine.progress !== null);
  hone.model.cancel();
  await opening;
  expect(facts().model).toMatchObject({ opening: false, failure: null, list: [] });
});

test("both answers stream and end; stopping leaves what was written", async () => {
  const { hone, facts } = await started({ ...kept, pace: 5 });
  choose(hone);
  hone.compare.type("Name three colours.");
  const question = {
    modelHash: fakeModel.hash,
    runId: "run-1",
    template: "hone" as const,
    systemPrompt: null,
    sampling: { temperature: 0, topK: null, topP: null, maxTokens: 16, seed: 1 },
  };
  const texts = new Set<string>();
  const stop = hone.store.subscribe(({ compare }) => texts.add(compare.base?.text ?? ""));
  await hone.compare.ask(question);
  stop();
  expect(texts).toContain("Once upon");
  expect(facts().compare.base).toMatchObject({ status: "done", answer: { finish: "length" } });
  expect(facts().compare.tuned).toMatchObject({ status: "done", text: "Red, yellow and blue." });

  const asking = hone.compare.ask(question);
  await until(hone, ({ compare }) => compare.base?.text === "Once");
  hone.compare.stop();
  await asking;
  expect(facts().compare).toMatchObject({ asking: false, base: { answer: { finish: "cancelled" } } });
  expect(facts().compare.tuned?.status).toBe("failed");
});

test("an engine that dies in a run says so; started again, it shows what it keeps", async () => {
  const { hone, facts, crash } = await started({ ...kept, pace: 5, runs: [fakeRun(request, 7, 12)] });
  choose(hone);
  const run = hone.training.start(request.recipe, "a run");
  await until(hone, ({ training }) => training.phase === "running");
  crash();
  await run;
  expect(facts().engine).toMatchObject({ status: "failed", failure: { name: "EngineStopped" } });
  expect(facts().training).toMatchObject({ phase: "idle", failure: { name: "EngineStopped" } });
  await hone.engine.start("auto");
  expect(facts().engine).toMatchObject({ status: "ready", failure: null });
  expect(facts().runs.list).toHaveLength(1);
});
