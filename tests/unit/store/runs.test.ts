/** Deleting with a way back, words of a run, and other tabs, on the real engine in Node. Oracle: what the engine keeps. */

import { afterEach, expect, test, vi } from "vitest";
import type { RunRecord } from "../../../src/run/record.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { undoTime } from "../../../src/store/runs.ts";
import { keepBasics } from "../../support/kept.ts";
import { eachOnADisk, openHone } from "../../support/openHone.ts";
import { recipeOf } from "../../support/recipe.ts";
import { refuse, type Stubs } from "../../support/services.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

/** A finished run of 12 steps, and a younger one that is paused after 5. */
const made = eachOnADisk(async (here) => {
  const { engine, onEvent } = here;
  const { model, source } = await keepBasics(here);
  const recipe = recipeOf("lora", { steps: 12, maxLength: 64, accumulation: 1, samplePrompts: 0, watchEvery: null });
  const request = { name: "a run", modelHash: model.hash, sources: [wholeSource(source.hash)], recipe };
  const old = await engine.startRun(request);
  onEvent((event) => {
    if (event.type === "step" && event.metrics.step === 5) void engine.pauseRun();
  });
  return { old, young: await engine.startRun(request) };
});

afterEach(() => void vi.useRealTimers());

async function opened(stubs: Stubs = {}) {
  const { old, young } = made();
  const { hone, client, tell, facts } = await openHone(stubs);
  // From here on: the engine takes its time to start.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const kept = async () => (await client.engine.listRuns()).map(({ id }) => id).sort();
  const shown = () => facts().runs.list.map(({ id }) => id);
  return { old, young, client, hone, tell, kept, shown, facts };
}

const inOrder = (...runs: readonly RunRecord[]) => runs.map(({ id }) => id).sort();

test("a deleted run is gone from the list at once and for good after a while", async () => {
  const { old, young, hone, kept, shown, facts } = await opened();
  hone.training.show(old.id);
  hone.runs.remove(old.id);
  expect(shown()).toEqual([young.id]);
  expect(facts().runs.leaving?.id).toBe(old.id);
  expect(facts().training.runId).toBeNull();
  await vi.advanceTimersByTimeAsync(undoTime - 1);
  expect(await kept()).toEqual(inOrder(old, young));
  await vi.advanceTimersByTimeAsync(1);
  expect(facts().runs.leaving).toBeNull();
  expect(await kept()).toEqual([young.id]);
  expect(shown()).toEqual([young.id]);
});

test("undo brings it back in its place, with its curves, and nothing is deleted later", async () => {
  const { old, young, hone, kept, shown } = await opened();
  hone.runs.remove(old.id);
  // A list that is asked for meanwhile does not bring it back by itself.
  await hone.runs.load();
  expect(shown()).toEqual([young.id]);
  hone.runs.undo();
  expect(shown()).toEqual([young.id, old.id]);
  await hone.runs.openCurves(old.id);
  expect(hone.series.of(old.id).steps.step).toHaveLength(12);
  await vi.advanceTimersByTimeAsync(2 * undoTime);
  expect(await kept()).toEqual(inOrder(old, young));
});

test("the next deletion ends the time of the one before", async () => {
  const { old, young, hone, kept, facts } = await opened();
  hone.runs.remove(old.id);
  hone.runs.remove(young.id);
  expect(facts().runs.leaving?.id).toBe(young.id);
  expect(await kept()).toEqual([young.id]);
  hone.runs.undo();
  await vi.advanceTimersByTimeAsync(2 * undoTime);
  expect(await kept()).toEqual([young.id]);
});

test("a deletion that is refused brings the run back with the reason", async () => {
  const { old, young, hone, shown, facts } = await opened({
    engine: () => ({ deleteRun: refuse("It is training in another tab.") }),
  });
  hone.runs.remove(old.id);
  await vi.advanceTimersByTimeAsync(undoTime);
  await vi.waitFor(() => expect(facts().runs.failure?.message).toBe("It is training in another tab."));
  expect(shown()).toEqual([young.id, old.id]);
});

test("a name is shown at once; one that is refused goes back with the reason", async () => {
  const { old, hone, facts } = await opened();
  const name = () => facts().runs.list.find(({ id }) => id === old.id)?.name;
  const saving = hone.runs.edit(old.id, { name: "better" });
  expect(name()).toBe("better");
  await saving;
  expect([name(), facts().runs.failure]).toEqual(["better", null]);
  vi.useRealTimers();
  const refusing = await opened({ engine: () => ({ editRun: refuse("It trains in another tab.") }) });
  await refusing.hone.runs.edit(old.id, { name: "worse" });
  expect(refusing.facts().runs.list.find(({ id }) => id === old.id)?.name).toBe("better");
  expect(refusing.facts().runs.failure?.message).toBe("It trains in another tab.");
});

test("a run that another tab trains is listed with live curves; its end brings the whole of it", async () => {
  const { old, young, hone, tell, facts, shown } = await opened();
  const createdAt = "2100-01-01T00:00:00.000Z";
  const record: RunRecord = { ...old, id: "there", createdAt, status: "running", step: 1, totalSteps: 40 };
  const metrics = (step: number) => ({
    step,
    loss: 2,
    gradientNorm: 1,
    learningRate: 1e-3,
    tokens: 100,
    supervisedTokens: 20,
    seconds: 0.1,
  });
  tell({ type: "othersTraining", training: true });
  tell({ type: "elsewhere", event: { type: "run", record } });
  for (const step of [1, 2, 3]) {
    tell({ type: "elsewhere", event: { type: "step", runId: "there", metrics: metrics(step), memory: 7 } });
  }
  const evaluation = { step: 3, loss: 2, sets: {} };
  tell({ type: "elsewhere", event: { type: "evaluation", runId: "there", metrics: evaluation } });
  await vi.waitFor(() => expect(hone.series.of("there").evaluations).toEqual([evaluation]));
  expect(facts().training).toMatchObject({ phase: "idle", elsewhere: true });
  expect(shown()).toEqual(["there", young.id, old.id]);
  expect([...hone.series.of("there").steps.step]).toEqual([1, 2, 3]);
  tell({ type: "elsewhere", event: { type: "run", record: { ...record, status: "paused" } } });
  tell({ type: "othersTraining", training: false });
  await vi.waitFor(() => expect(facts().training.elsewhere).toBe(false));
  // This engine keeps no such run: the list is what is kept.
  await vi.waitFor(() => expect(shown()).toEqual([young.id, old.id]));
});

test("curves of a run that another tab trained are asked for again at its end, and an answer of before is not taken", async () => {
  const { young, hone, tell } = await opened();
  const curves = () => hone.series.of(young.id);
  await hone.runs.openCurves(young.id);
  expect(curves().steps.step).toHaveLength(5);
  const asked = vi.fn();
  hone.series.subscribe(asked);
  // Nothing is asked twice.
  await hone.runs.openCurves(young.id);
  expect(asked).not.toHaveBeenCalled();
  tell({ type: "elsewhere", event: { type: "run", record: young } });
  await vi.waitFor(() => expect(curves().whole).toBe(false));
  // Who draws it asks at once; the answer that counts is the one of after the end.
  const first = hone.runs.openCurves(young.id);
  tell({ type: "elsewhere", event: { type: "run", record: young } });
  await first;
  await vi.waitFor(() => expect([curves().whole, curves().steps.step.length]).toEqual([true, 5]));
});

test("curves that cannot be read are told, once", async () => {
  const { old, young, hone, facts } = await opened({
    engine: () => ({ curvesOf: refuse("Part 0 of the curves cannot be read.") }),
  });
  await hone.runs.openCurves(old.id);
  expect(facts().runs.failure?.message).toBe("Part 0 of the curves cannot be read.");
  hone.runs.remove(young.id);
  expect(facts().runs.failure).toBe(null);
  await hone.runs.openCurves(old.id);
  expect(facts().runs.failure).toBe(null);
});

test("runs that another tab renamed or deleted are asked for again", async () => {
  const { old, young, client, tell, facts, shown } = await opened();
  // As another tab does, past this page's store.
  await client.engine.deleteRun(old.id);
  await client.engine.editRun(young.id, { name: "renamed there" });
  expect(shown()).toEqual([young.id, old.id]);
  tell({ type: "elsewhere", event: { type: "runsChanged" } });
  await vi.waitFor(() => expect(shown()).toEqual([young.id]));
  expect(facts().runs).toMatchObject({ failure: null, list: [{ name: "renamed there" }] });
});
