/** Deleting with a way back, words of a run, and other tabs, on a fake engine. Oracle: what the fake engine keeps and was told. */

import { afterEach, expect, test, vi } from "vitest";
import { createEngineClient } from "../../../src/client/client.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { createHone } from "../../../src/store/hone.ts";
import { undoTime } from "../../../src/store/runs.ts";
import { fakeSource } from "../../support/fakeData.ts";
import { type FakeSettings, fakeModel, fakeRun, fakeWorkers } from "../../support/fakeEngine.ts";

const request = {
  name: "a run",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, excluded: [] }],
  recipe: defaultRecipe("lora"),
};
const old = { ...fakeRun(request, 12, 12, "2026-03-01T10:00:00.000Z"), status: "finished" as const };
const young = { ...fakeRun(request, 5, 12, "2026-03-02T10:00:00.000Z"), status: "paused" as const };

afterEach(() => void vi.useRealTimers());

async function opened(settings: Partial<FakeSettings> = {}) {
  const workers = fakeWorkers({ pace: 0, models: [fakeModel], sources: [fakeSource], runs: [old, young], ...settings });
  const client = createEngineClient(workers);
  const hone = createHone(client);
  await hone.engine.start("auto");
  // From here on: the engine takes its time to start.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const kept = async () => (await client.engine.listRuns()).map(({ id }) => id).sort();
  const shown = () => hone.store.getState().runs.list.map(({ id }) => id);
  return { client, hone, workers, kept, shown, facts: () => hone.store.getState() };
}

test("a deleted run is gone from the list at once and for good after a while", async () => {
  const { hone, kept, shown, facts } = await opened();
  hone.training.show(old.id);
  hone.runs.remove(old.id);
  expect(shown()).toEqual([young.id]);
  expect(facts().runs.leaving?.id).toBe(old.id);
  expect(facts().training.runId).toBeNull();
  await vi.advanceTimersByTimeAsync(undoTime - 1);
  expect(await kept()).toEqual([old.id, young.id]);
  await vi.advanceTimersByTimeAsync(1);
  expect(facts().runs.leaving).toBeNull();
  expect(await kept()).toEqual([young.id]);
  expect(shown()).toEqual([young.id]);
});

test("undo brings it back in its place, with its curves, and nothing is deleted later", async () => {
  const { hone, kept, shown } = await opened();
  hone.runs.remove(old.id);
  // A list that is asked for meanwhile does not bring it back by itself.
  await hone.runs.load();
  expect(shown()).toEqual([young.id]);
  hone.runs.undo();
  expect(shown()).toEqual([young.id, old.id]);
  await hone.runs.openCurves(old.id);
  expect(hone.series.of(old.id).steps.step).toHaveLength(12);
  await vi.advanceTimersByTimeAsync(2 * undoTime);
  expect(await kept()).toEqual([old.id, young.id]);
});

test("the next deletion ends the time of the one before", async () => {
  const { hone, kept, facts } = await opened();
  hone.runs.remove(old.id);
  hone.runs.remove(young.id);
  expect(facts().runs.leaving?.id).toBe(young.id);
  expect(await kept()).toEqual([young.id]);
  hone.runs.undo();
  await vi.advanceTimersByTimeAsync(2 * undoTime);
  expect(await kept()).toEqual([young.id]);
});

test("a deletion that is refused brings the run back with the reason", async () => {
  const { hone, shown, facts } = await opened({ failing: { deleteRun: new Error("It is training in another tab.") } });
  hone.runs.remove(old.id);
  await vi.advanceTimersByTimeAsync(undoTime);
  await vi.waitFor(() => expect(facts().runs.failure?.message).toBe("It is training in another tab."));
  expect(shown()).toEqual([young.id, old.id]);
});

test("a name is shown at once; one that is refused goes back with the reason", async () => {
  const { hone, facts } = await opened();
  const name = () => facts().runs.list.find(({ id }) => id === old.id)?.name;
  const saving = hone.runs.edit(old.id, { name: "better" });
  expect(name()).toBe("better");
  await saving;
  expect([name(), facts().runs.failure]).toEqual(["better", null]);
  vi.useRealTimers();
  const refusing = await opened({ failing: { editRun: new Error("It trains in another tab.") } });
  await refusing.hone.runs.edit(old.id, { name: "worse" });
  expect(refusing.facts().runs.list.find(({ id }) => id === old.id)?.name).toBe("a run");
  expect(refusing.facts().runs.failure?.message).toBe("It trains in another tab.");
});

test("a run that another tab trains is listed with live curves; its end brings the whole of it", async () => {
  const { hone, workers, facts, shown } = await opened();
  const record = { ...fakeRun(request, 1, 40, "2026-03-03T10:00:00.000Z"), id: "there" };
  const metrics = (step: number) => ({ ...(record.metrics[0] as (typeof record.metrics)[number]), step });
  workers.tell({ type: "othersTraining", training: true });
  workers.tell({ type: "elsewhere", event: { type: "run", record } });
  for (const step of [1, 2, 3]) {
    workers.tell({ type: "elsewhere", event: { type: "step", runId: "there", metrics: metrics(step), memory: 7 } });
  }
  workers.tell({
    type: "elsewhere",
    event: { type: "evaluation", runId: "there", metrics: { step: 3, loss: 2, sets: {} } },
  });
  await vi.waitFor(() => expect(hone.series.of("there").evaluations).toEqual([{ step: 3, loss: 2, sets: {} }]));
  expect(facts().training).toMatchObject({ phase: "idle", elsewhere: true });
  expect(shown()).toEqual(["there", young.id, old.id]);
  expect([...hone.series.of("there").steps.step]).toEqual([1, 2, 3]);
  workers.tell({ type: "elsewhere", event: { type: "run", record: { ...record, status: "paused" } } });
  workers.tell({ type: "othersTraining", training: false });
  await vi.waitFor(() => expect(facts().training.elsewhere).toBe(false));
  // The fake engine keeps no such run: the list is what is kept.
  await vi.waitFor(() => expect(shown()).toEqual([young.id, old.id]));
});

test("curves of a run that another tab trained are asked for again at its end, and an answer of before is not taken", async () => {
  const { hone, workers } = await opened();
  const curves = () => hone.series.of(young.id);
  await hone.runs.openCurves(young.id);
  expect(curves().steps.step).toHaveLength(5);
  const asked = vi.fn();
  hone.series.subscribe(asked);
  // Nothing is asked twice.
  await hone.runs.openCurves(young.id);
  expect(asked).not.toHaveBeenCalled();
  workers.tell({ type: "elsewhere", event: { type: "run", record: young } });
  await vi.waitFor(() => expect(curves().whole).toBe(false));
  // Who draws it asks at once; the answer that counts is the one of after the end.
  const first = hone.runs.openCurves(young.id);
  workers.tell({ type: "elsewhere", event: { type: "run", record: young } });
  await first;
  await vi.waitFor(() => expect([curves().whole, curves().steps.step.length]).toEqual([true, 5]));
});

test("curves that cannot be read are told, once", async () => {
  const { hone, facts } = await opened({ failing: { curvesOf: new Error("Part 0 of the curves cannot be read.") } });
  await hone.runs.openCurves(old.id);
  expect(facts().runs.failure?.message).toBe("Part 0 of the curves cannot be read.");
  hone.runs.remove(young.id);
  expect(facts().runs.failure).toBe(null);
  await hone.runs.openCurves(old.id);
  expect(facts().runs.failure).toBe(null);
});

test("runs that another tab renamed or deleted are asked for again", async () => {
  const { client, workers, facts, shown } = await opened();
  // As another tab does, past this page's store.
  await client.engine.deleteRun(old.id);
  await client.engine.editRun(young.id, { name: "renamed there" });
  expect(shown()).toEqual([young.id, old.id]);
  workers.tell({ type: "elsewhere", event: { type: "runsChanged" } });
  await vi.waitFor(() => expect(shown()).toEqual([young.id]));
  expect(facts().runs).toMatchObject({ failure: null, list: [{ name: "renamed there" }] });
});
