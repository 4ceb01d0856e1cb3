/** The page's state on the real services behind message channels, on wasm in Node. Oracle: the engine, asked past the page. */

import { afterEach, expect, test, vi } from "vitest";
import { presentConversation } from "../../../src/store/compare.ts";
import type { Side } from "../../../src/store/conversation.ts";
import type { Hone } from "../../../src/store/hone.ts";
import type { HoneState } from "../../../src/store/state.ts";
import { keepBasics, keepRun } from "../../support/kept.ts";
import { eachOnADisk, openHone, until } from "../../support/openHone.ts";
import { recipeOf, recipeWith } from "../../support/recipe.ts";
import { faultyRows } from "../../support/rows.ts";
import { untilCancelled } from "../../support/services.ts";
import { asFiles, jsonLines, sizedModel, tinyRows } from "../../support/tinyLlama.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

/** "First try" has learnt to answer "Red."; the fifth row has no answer. */
const kept = eachOnADisk(async (here) => {
  const basics = await keepBasics(here);
  const run = await keepRun(here, basics);
  const rows = [...tinyRows(4), { instruction: "And this one?", input: "", output: "" }, ...tinyRows(16)];
  const { sources } = await here.data.open([new File([jsonLines(rows)], "rows.jsonl")]);
  const babbler = await here.engine.openModel({
    kind: "files",
    files: asFiles(sizedModel({ max_position_embeddings: 2048 })),
    name: "babbler",
  });
  return { ...basics, run, rows: sources[0]?.hash ?? "", babbler };
});

const recipe = recipeOf("lora", { steps: 12, maxLength: 64, accumulation: 1, checkpointEvery: 10, samplePrompts: 0 });

function choose(hone: Hone) {
  hone.model.select(kept().model.hash);
  hone.data.choose(kept().rows, true);
}

afterEach(() => void vi.unstubAllGlobals());

test("starting loads what the browser keeps, and curves when somebody draws them", async () => {
  const { hone, facts } = await openHone();
  const { model, source, run, babbler } = kept();
  expect(facts().engine.status).toBe("ready");
  expect(
    facts()
      .model.list.map(({ hash }) => hash)
      .toSorted(),
  ).toEqual([model.hash, babbler.hash].toSorted());
  expect(facts().data.list).toContainEqual(source);
  const [entry] = facts().runs.list;
  expect(entry).toMatchObject({ id: run.id, name: "First try", step: 30 });
  expect(entry).not.toHaveProperty("metrics");
  const curves = () => hone.series.of(run.id);
  expect([curves().whole, curves().steps.step.length]).toEqual([false, 0]);
  await hone.runs.openCurves(run.id);
  expect([curves().whole, curves().steps.step.length, curves().evaluations.length]).toEqual([true, 30, 4]);
});

test("a run goes through its phases, and its figures land in the series", async () => {
  const { hone, facts } = await openHone();
  choose(hone);
  const phases = new Set<string>();
  hone.store.subscribe(({ training }) => phases.add(training.phase));
  await hone.training.start(recipe, "a run");
  expect([...phases]).toEqual(["preparing", "running", "idle"]);
  const { runId, dropped, checkpoint, failure } = facts().training;
  expect(failure).toBeNull();
  expect(dropped).toMatchObject([{ line: 5 }]);
  expect(checkpoint).toBe(12);
  expect(facts().runs.list[0]).toMatchObject({ id: runId, status: "finished", step: 12 });
  await hone.runs.openCurves(runId ?? "");
  expect([...hone.series.of(runId ?? "").steps.step]).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
});

test("pause stops, resume goes on to the end; a second start meanwhile is not sent", async () => {
  const { hone, facts } = await openHone();
  choose(hone);
  const long = recipeWith(recipe, { steps: 100, watchEvery: null });
  const first = hone.training.start(long, "a run");
  await until(hone, ({ training }) => training.phase === "running");
  await hone.training.start(long, "another");
  await hone.training.pause();
  await first;
  const [run] = facts().runs.list;
  expect(facts().runs.list.map(({ name }) => name)).toEqual(["a run", "First try"]);
  expect(run?.status).toBe("paused");
  expect(run?.step).toBeLessThan(100);
  await hone.training.resume(run?.id ?? "");
  expect(facts().runs.list[0]).toMatchObject({ status: "finished", step: 100 });
});

test("a refused run shows the engine's words and frees the page", async () => {
  const { hone, facts } = await openHone();
  choose(hone);
  await hone.training.start(recipeWith(recipe, { maxLength: 4096 }), "a run");
  expect(facts().training).toMatchObject({
    phase: "idle",
    failure: { message: expect.stringMatching(/4096 tokens, but the model's context holds 512/) },
  });
});

test("what cannot be read is told and changes no choice; what can is chosen beside the rest", async () => {
  // Node's channel makes a Blob without a name of a File, so the refusal is a stub.
  const failures = [{ name: "empty.json", message: "empty.json is empty." }];
  const { hone, facts } = await openHone({ data: () => ({ open: async () => ({ sources: [], failures }) }) });
  choose(hone);
  await hone.data.open([new File([], "empty.json")]);
  expect(facts().data.failures).toMatchObject([{ message: expect.stringContaining("is empty") }]);
  expect(facts().data.chosen.map(({ hash }) => hash)).toEqual([kept().rows]);
  expect(await hone.data.paste("Pasted", "{")).toBe(false);
  expect(facts().data.failure?.message).toMatch(/^Pasted.*broken JSON/);
  expect(await hone.data.paste("Pasted", '{"text":"a"}')).toBe(true);
  expect(facts().data).toMatchObject({ failure: null, failures: [], opening: false });
  expect(facts().data.chosen).toHaveLength(2);
});

test("reading can be cancelled without an error", async () => {
  const { hone, facts } = await openHone();
  const many = Array.from({ length: 100_000 }, (_, i) => `{"instruction":"Question ${i}?","output":"Answer ${i}."}`);
  const opening = hone.data.paste("many.jsonl", many.join("\n"));
  await until(hone, ({ progress }) => progress.data !== null);
  hone.data.cancel();
  await opening;
  expect(facts().data).toMatchObject({ opening: false, failure: null, failures: [], chosen: [] });
});

test("an exclusion counts each row once, and its undo puts back only what it took", async () => {
  const { hone, facts } = await openHone();
  choose(hone);
  const excluded = () => facts().data.chosen[0]?.excluded;
  hone.data.exclude("by hand", { sources: [0], rows: [9] });
  // Row 9 is out already; source 1 is not chosen.
  hone.data.exclude("a finding", { sources: [0, 0, 0, 1], rows: [30, 9, 4, 2] });
  expect(excluded()).toEqual([4, 9, 30]);
  expect(facts().data.exclusions.map(({ rows }) => rows)).toEqual([{ [kept().rows]: [9] }, { [kept().rows]: [30, 4] }]);
  hone.data.undo(1);
  expect(excluded()).toEqual([9]);
  hone.data.include(kept().rows, 9);
  expect(excluded()).toEqual([]);
  expect(facts().data.exclusions).toEqual([]);
});

test("the data worker is told the selected model, also after the engine was started again", async () => {
  const { hone, facts, crash } = await openHone();
  const { hash } = kept().model;
  hone.model.select(hash);
  await until(hone, ({ data }) => data.model === hash);
  const ending = crash();
  expect(facts().data.model).toBeNull();
  await ending;
  await hone.engine.start("auto");
  expect(facts().data.model).toBe(hash);
});

test("a later check ends an earlier one, and a failed one leaves the last report", async () => {
  const { hone, facts } = await openHone();
  hone.model.select(kept().model.hash);
  await until(hone, ({ data }) => data.model !== null);
  await hone.data.paste("faulty.jsonl", jsonLines(faultyRows(300)));
  const { template, systemPrompt, mask, maxLength, truncation } = recipeOf("lora");
  const spec = {
    modelHash: kept().model.hash,
    sources: facts().data.chosen,
    settings: { template, systemPrompt, mask, maxLength, truncation },
    mixture: "weight" as const,
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
    failure: { message: expect.stringContaining("No model is open") },
  });
});

test("opening a model can be cancelled without an error", async () => {
  const { hone, facts } = await openHone();
  // An address that never answers.
  vi.stubGlobal("fetch", (_address: URL, { signal }: { readonly signal?: AbortSignal }) => untilCancelled(signal));
  const before = facts().model.list;
  const opening = hone.model.open({ kind: "url", base: "https://example.org/model/" });
  await until(hone, ({ progress }) => progress.engine !== null);
  hone.model.cancel();
  await opening;
  expect(facts().model).toMatchObject({ opening: false, failure: null, selected: null, list: before });
});

const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 16, seed: 1 };
const lastTurn = ({ compare }: HoneState) => presentConversation(compare)?.turns.at(-1);

/** Who is asked: the base model, the run, and the run's checkpoint of step 20. */
function sides(): { readonly base: Side; readonly tuned: Side; readonly other: Side } {
  const { model, run } = kept();
  const words = { modelHash: model.hash, template: run.recipe.template, systemPrompt: null };
  const base: Side = { ...words, name: "base", of: model.name, runId: null, checkpoint: null };
  const tuned: Side = { ...words, name: "tuned", of: run.name, runId: run.id, checkpoint: null };
  return { base, tuned, other: { ...tuned, name: "other", checkpoint: 20 } };
}

test("answers stream one after another and end; stopping leaves what was written", async () => {
  const { hone, facts } = await openHone();
  const { base, tuned, other } = sides();
  hone.compare.type("Name three colours.");
  const texts = new Set<string>();
  const stop = hone.store.subscribe((state) => texts.add(lastTurn(state)?.answers.base?.text ?? ""));
  await hone.compare.send([base, tuned, other], sampling);
  stop();
  expect([...texts]).toEqual(expect.arrayContaining(["", "B", "Bl", "Blu", "Blue", "Blue."]));
  expect(lastTurn(facts())).toMatchObject({
    question: "Name three colours.",
    answers: {
      base: { status: "done", text: "Blue.", figures: { finish: "stop", step: null, wrote: 5 } },
      tuned: { status: "done", text: "Red.", figures: { finish: "stop", step: 30, wrote: 4 } },
      other: { status: "done", figures: { step: 20 } },
    },
  });

  // One that goes on and on.
  const babbler: Side = { ...base, modelHash: kept().babbler.hash, of: "babbler" };
  hone.compare.type("And four?");
  const answering = hone.compare.send([babbler, tuned], { ...sampling, maxTokens: 2000 });
  await until(hone, (state) => (lastTurn(state)?.answers.base?.text ?? "") !== "");
  hone.compare.stop();
  await answering;
  expect(facts().compare.answering).toBe(false);
  expect(lastTurn(facts())?.answers).toMatchObject({
    base: { status: "done", figures: { finish: "cancelled" } },
    tuned: { status: "failed", text: "" },
  });
});

test("a conversation goes on with the same sides, each with its own answers; with others another begins", async () => {
  const { hone, facts } = await openHone();
  const { base, tuned, other } = sides();
  const ask = (question: string, asked: readonly Side[]) => {
    hone.compare.type(question);
    return hone.compare.send(asked, sampling);
  };
  await ask("One?", [base, tuned]);
  expect(facts().compare.question).toBe("");
  await ask("Two?", [base, tuned]);
  const first = presentConversation(facts().compare);
  expect(first?.turns.map(({ question }) => question)).toEqual(["One?", "Two?"]);
  expect(first?.turns[1]?.answers.tuned?.prompt?.text).toBe(
    "<s><|user|>One?<|end|>\n<|assistant|>Red.<|end|>\n<|user|>Two?<|end|>\n<|assistant|>",
  );
  expect(first?.turns[1]?.answers.base?.prompt?.text).toContain("<|assistant|>Blue.<|end|>");
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
  const { hone, client, facts } = await openHone();
  // As another tab does, past this page's store.
  await client.engine.deleteModel(kept().model.hash);
  hone.compare.type("Why?");
  await hone.compare.send([sides().base], sampling);
  expect(facts().compare).toMatchObject({
    question: "Why?",
    answering: false,
    present: null,
    failure: { message: expect.stringMatching(/^This model is not kept in this browser any more/) },
  });
  expect(facts().compare.conversations).toEqual([]);
});

test("a removed conversation comes back in its place", async () => {
  const { hone, facts } = await openHone();
  for (const question of ["One?", "Two?"]) {
    hone.compare.type(question);
    await hone.compare.send([sides().base], sampling);
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
  const { hone, facts, crash } = await openHone();
  choose(hone);
  const run = hone.training.start(recipeWith(recipe, { steps: 10_000, watchEvery: null }), "cut off");
  await until(hone, ({ training }) => training.checkpoint !== null);
  const ending = crash();
  await run;
  expect(facts().engine).toMatchObject({ status: "failed", failure: { name: "EngineStopped" } });
  expect(facts().training).toMatchObject({ phase: "idle", failure: { name: "EngineStopped" } });
  await ending;
  await hone.engine.start("auto");
  expect(facts().engine).toMatchObject({ status: "ready", failure: null });
  expect(facts().runs.list).toMatchObject([
    { name: "cut off", status: "paused", reason: expect.stringMatching(/^The tab was closed at step \d+/) },
    { name: "First try", status: "finished" },
  ]);
});
