/** The page's state on a fake engine behind a real message channel. Oracle: what the fake engine was told to do. */

import { expect, test } from "vitest";
import { createEngineClient } from "../../../src/client/client.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { presentConversation } from "../../../src/store/compare.ts";
import type { Side } from "../../../src/store/conversation.ts";
import { createHone, type Hone } from "../../../src/store/hone.ts";
import type { HoneState } from "../../../src/store/state.ts";
import { fakeChats, fakeSource } from "../../support/fakeData.ts";
import { type FakeSettings, fakeModel, fakeRun, fakeWorkers } from "../../support/fakeEngine.ts";
import { recipeWith } from "../../support/recipe.ts";

const request = {
  name: "a run",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, excluded: [] }],
  recipe: recipeWith(defaultRecipe("lora"), { steps: 12 }),
};
const kept: FakeSettings = { pace: 1, models: [fakeModel], sources: [fakeSource] };

async function started(settings: FakeSettings) {
  const workers = fakeWorkers(settings);
  const hone = createHone(createEngineClient(workers));
  await hone.engine.start("auto");
  return { hone, facts: () => hone.store.getState(), crash: workers.crash };
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
  hone.data.choose(fakeSource.hash, true);
}

test("starting loads what the browser keeps, and curves when somebody draws them", async () => {
  const { hone, facts } = await started({ ...kept, runs: [fakeRun(request, 7, 12)] });
  expect(facts().engine.status).toBe("ready");
  expect(facts().model.list).toEqual([fakeModel]);
  expect(facts().data.list).toEqual([fakeSource]);
  const [run] = facts().runs.list;
  expect(run).toMatchObject({ name: "a run", step: 7 });
  expect(run).not.toHaveProperty("metrics");
  const curves = () => hone.series.of(run?.id ?? "");
  expect([curves().whole, curves().steps.step.length]).toEqual([false, 0]);
  await hone.runs.openCurves(run?.id ?? "");
  expect([curves().whole, curves().steps.step.length, curves().evaluations.length]).toEqual([true, 7, 1]);
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
  await hone.runs.openCurves(runId ?? "");
  expect([...hone.series.of(runId ?? "").steps.step]).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
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

test("what cannot be read is told and changes no choice; what can is chosen beside the rest", async () => {
  const { hone, facts } = await started(kept);
  choose(hone);
  await hone.data.open([new File([], "empty.json")]);
  expect(facts().data.failures).toMatchObject([{ message: expect.stringContaining("is empty") }]);
  expect(facts().data.chosen.map(({ hash }) => hash)).toEqual([fakeSource.hash]);
  expect(await hone.data.paste("Pasted", "{")).toBe(false);
  expect(facts().data.failure?.message).toMatch(/^Pasted is broken JSON/);
  expect(await hone.data.paste("Pasted", '{"text":"a"}')).toBe(true);
  expect(facts().data).toMatchObject({ failure: null, failures: [], opening: false });
  expect(facts().data.chosen).toHaveLength(2);
});

test("reading can be cancelled without an error", async () => {
  const { hone, facts } = await started({ ...kept, pace: 5 });
  const opening = hone.data.open([new File(["[]"], fakeChats.name)]);
  await until(hone, ({ progress }) => progress.data !== null);
  hone.data.cancel();
  await opening;
  expect(facts().data).toMatchObject({ opening: false, failure: null, failures: [], chosen: [] });
});

test("an exclusion counts each row once, and its undo puts back only what it took", async () => {
  const { hone, facts } = await started(kept);
  choose(hone);
  const excluded = () => facts().data.chosen[0]?.excluded;
  hone.data.exclude("by hand", { sources: [0], rows: [9] });
  // Row 9 is out already; source 1 is not chosen.
  hone.data.exclude("a finding", { sources: [0, 0, 0, 1], rows: [30, 9, 4, 2] });
  expect(excluded()).toEqual([4, 9, 30]);
  expect(facts().data.exclusions.map(({ rows }) => rows)).toEqual([
    { [fakeSource.hash]: [9] },
    { [fakeSource.hash]: [30, 4] },
  ]);
  hone.data.undo(1);
  expect(excluded()).toEqual([9]);
  hone.data.include(fakeSource.hash, 9);
  expect(excluded()).toEqual([]);
  expect(facts().data.exclusions).toEqual([]);
});

test("the data worker is told the selected model, also after the engine was started again", async () => {
  const { hone, facts, crash } = await started(kept);
  hone.model.select(fakeModel.hash);
  await until(hone, ({ data }) => data.model === fakeModel.hash);
  crash();
  expect(facts().data.model).toBeNull();
  await hone.engine.start("auto");
  expect(facts().data.model).toBe(fakeModel.hash);
});

test("a later check ends an earlier one, and a failed one leaves the last report", async () => {
  const { hone, facts } = await started({ ...kept, pace: 5 });
  choose(hone);
  await until(hone, ({ data }) => data.model !== null);
  const { template, systemPrompt, mask, maxLength, truncation } = defaultRecipe("lora");
  const spec = {
    modelHash: fakeModel.hash,
    sources: facts().data.chosen,
    settings: { template, systemPrompt, mask, maxLength, truncation },
    mixture: "sampling" as const,
    validationShare: 0.1,
    seed: 1,
  };
  const first = hone.report.check(spec, "first");
  await Promise.all([first, hone.report.check(spec, "second")]);
  expect(facts().report).toMatchObject({ key: "second", checking: false, failure: null });
  const { report } = facts().report;
  // Rows 3 and 7 of every 40 cannot be used.
  expect(report?.examples).toBe(300 - 16);
  await hone.report.check({ ...spec, modelHash: "unknown" }, "third");
  expect(facts().report).toMatchObject({
    report,
    key: "second",
    failure: { message: expect.stringContaining("does not know this model") },
  });
});

test("opening a model can be cancelled without an error", async () => {
  const { hone, facts } = await started({ pace: 5 });
  const opening = hone.model.open({ kind: "url", base: "https://example.org/model/" });
  await until(hone, ({ progress }) => progress.engine !== null);
  hone.model.cancel();
  await opening;
  expect(facts().model).toMatchObject({ opening: false, failure: null, list: [] });
});

const words = {
  modelHash: fakeModel.hash,
  template: { kind: "built-in", name: "hone" } as const,
  systemPrompt: null,
};
const base: Side = { ...words, name: "base", of: fakeModel.name, runId: null, checkpoint: null };
const tuned: Side = { ...words, name: "tuned", of: "a run", runId: "run-1", checkpoint: null };
const other: Side = { ...tuned, name: "other", checkpoint: 4 };
const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 16, seed: 1 };
const lastTurn = ({ compare }: HoneState) => presentConversation(compare)?.turns.at(-1);

test("answers stream one after another and end; stopping leaves what was written", async () => {
  const { hone, facts } = await started({ ...kept, pace: 5 });
  choose(hone);
  hone.compare.type("Name three colours.");
  const texts = new Set<string>();
  const stop = hone.store.subscribe((state) => texts.add(lastTurn(state)?.answers.base?.text ?? ""));
  await hone.compare.ask([base, tuned, other], sampling);
  stop();
  expect(texts).toContain("Once upon");
  expect(lastTurn(facts())).toMatchObject({
    question: "Name three colours.",
    answers: {
      base: { status: "done", figures: { finish: "length", step: null, wrote: 7 } },
      tuned: { status: "done", text: "Red, yellow and blue." },
      other: { status: "done", text: "Red and green.", figures: { step: 4 } },
    },
  });

  hone.compare.type("And four?");
  const asking = hone.compare.ask([base, tuned, other], sampling);
  await until(hone, (state) => lastTurn(state)?.answers.base?.text === "Once");
  hone.compare.stop();
  await asking;
  expect(facts().compare.asking).toBe(false);
  expect(lastTurn(facts())?.answers).toMatchObject({
    base: { status: "done", figures: { finish: "cancelled" } },
    tuned: { status: "failed", text: "" },
  });
});

test("a conversation goes on with the same sides, each with its own answers; with others another begins", async () => {
  const { hone, facts } = await started(kept);
  const ask = (question: string, sides: readonly Side[]) => {
    hone.compare.type(question);
    return hone.compare.ask(sides, sampling);
  };
  await ask("One?", [base, tuned]);
  expect(facts().compare.question).toBe("");
  await ask("Two?", [base, tuned]);
  const first = presentConversation(facts().compare);
  expect(first?.turns.map(({ question }) => question)).toEqual(["One?", "Two?"]);
  // What the fake engine was asked stands in the prompt that it gives back.
  expect(first?.turns[1]?.answers.tuned?.prompt?.text).toBe(
    "<|user|>One?<|end|>\n<|assistant|>Red, yellow and blue.<|end|>\n<|user|>Two?<|end|>\n<|assistant|>",
  );
  expect(first?.turns[1]?.answers.base?.prompt?.text).toContain("<|assistant|>Once upon a time, a cat…<|end|>");
  await ask("Three?", [base, other]);
  expect(
    facts()
      .compare.conversations.map(({ turns }) => turns.length)
      .toSorted(),
  ).toEqual([1, 2]);
  hone.compare.open(first?.id ?? "");
  await ask("Four?", [base, tuned]);
  expect(presentConversation(facts().compare)).toMatchObject({ id: first?.id, turns: { length: 3 } });
});

test("a question that nobody could be asked stays in the box, and no conversation has it", async () => {
  const gone = new Error("This model is not kept in this browser any more.");
  const { hone, facts } = await started({ ...kept, failing: { openModel: gone } });
  hone.compare.type("Why?");
  await hone.compare.ask([base], sampling);
  expect(facts().compare).toMatchObject({
    question: "Why?",
    asking: false,
    present: null,
    failure: { message: gone.message },
  });
  expect(facts().compare.conversations).toEqual([]);
});

test("a removed conversation comes back in its place", async () => {
  const { hone, facts } = await started(kept);
  for (const question of ["One?", "Two?"]) {
    hone.compare.type(question);
    await hone.compare.ask([base], sampling);
    hone.compare.begin();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const before = facts().compare.conversations;
  expect(before.map(({ turns }) => turns[0]?.question)).toEqual(["Two?", "One?"]);
  hone.compare.remove(before[1]?.id ?? "");
  hone.compare.remove(before[0]?.id ?? "");
  expect(facts().compare.conversations).toEqual([]);
  hone.compare.undoRemove();
  hone.compare.undoRemove();
  expect(facts().compare.conversations).toEqual(before);
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
