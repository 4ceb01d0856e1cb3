/** Votes as data, on the real services behind message channels, on wasm in Node. Oracle: votes counted by hand. */

import { afterEach, describe, expect, test, vi } from "vitest";
import type { VoteRecord } from "../../../src/run/results.ts";
import type { Choice } from "../../../src/store/ballots.ts";
import type { Side } from "../../../src/store/conversation.ts";
import { isVoted, promptsIn } from "../../../src/store/sampled.ts";
import { createSampledStore, type SampledPair } from "../../../src/store/sampledStore.ts";
import { pairOfVote, votedRows } from "../../../src/store/votedPairs.ts";
import { keepBasics, keepRun } from "../../support/kept.ts";
import { eachOnADisk, openHone } from "../../support/openHone.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const kept = eachOnADisk(async (here) => {
  const basics = await keepBasics(here);
  return { ...basics, run: await keepRun(here, basics) };
});

afterEach(() => void vi.unstubAllGlobals());

function fakeStorage(most = Number.POSITIVE_INFINITY) {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > most) throw new Error("full");
      items.set(key, value);
    },
  };
}

const voted = (choice: Choice, answers: readonly [string, string] = ["one", "two"]) => ({
  prompt: "p",
  answers,
  choice,
});
const linesOf = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe("rows of votes", () => {
  test("the better answer is chosen, wherever it stood; ties and empty answers are counted", () => {
    const votes = [
      voted("first"),
      voted("second"),
      voted("tie"),
      voted("first", ["one", " \n"]),
      voted("second", [" a\n", "b "]),
      voted("tie", ["", "x"]),
    ];
    const { text, ...counts } = votedRows(votes);
    expect(linesOf(text)).toEqual([
      { prompt: "p", chosen: "one", rejected: "two" },
      { prompt: "p", chosen: "two", rejected: "one" },
      { prompt: "p", chosen: "b", rejected: "a" },
    ]);
    expect(counts).toEqual({ pairs: 3, ties: 2, empty: 1 });
  });

  test.each<[Choice, boolean, string, string]>([
    ["first", true, "base", "tuned"],
    ["second", true, "tuned", "base"],
    ["first", false, "tuned", "base"],
    ["second", false, "base", "tuned"],
  ])("a vote for the %s answer, base model first: %s", (choice, baseFirst, chosen, rejected) => {
    const record: VoteRecord = {
      ...{ id: "v", runId: "r", step: 1, exam: null, prompt: "p", reference: "x", base: "base", tuned: "tuned" },
      ...{ baseFirst, choice, castAt: "2026-12-01T00:00:00.000Z" },
      sampling: { temperature: 0, topK: null, topP: null },
    };
    expect(linesOf(votedRows([pairOfVote(record)]).text)).toEqual([{ prompt: "p", chosen, rejected }]);
  });

  test("no vote is no row", () => {
    expect(votedRows([])).toEqual({ text: "", pairs: 0, ties: 0, empty: 0 });
  });
});

test("the pairs in localStorage: what cannot be read is skipped, and a full storage says so", () => {
  const pair: SampledPair = {
    ...{ id: "a", prompt: "p", answers: ["x", "y"], seeds: [1, 2], temperature: 1, of: "m", step: null },
    choice: "tie",
  };
  const storage = fakeStorage(400);
  const store = createSampledStore(storage);
  expect(store.read()).toEqual([]);
  expect(store.write([pair])).toBe(true);
  expect(store.read()).toEqual([pair]);
  storage.setItem("hone.sampledPairs", JSON.stringify([{ ...pair, choice: "third" }, pair, 7]));
  expect(store.read()).toEqual([pair]);
  storage.setItem("hone.sampledPairs", "{broken");
  expect(store.read()).toEqual([]);
  expect(store.write(Array(9).fill(pair))).toBe(false);
  expect(createSampledStore(null).write([])).toBe(false);
});

test("a line is a prompt; empty lines and repetitions are none", () => {
  expect(promptsIn(" a \n\nb\na\r\n")).toEqual(["a", "b"]);
});

const sampling = { temperature: 1, topK: null, topP: null, maxTokens: 8, seed: 5 };

function baseSide(): Side {
  const { model, run } = kept();
  const { template, systemPrompt } = run.recipe;
  return { name: "base", of: model.name, modelHash: model.hash, runId: null, checkpoint: null, template, systemPrompt };
}

test("two answers for each prompt, the same with the same seeds; votes outlive a reload and become a dataset", async () => {
  vi.stubGlobal("localStorage", fakeStorage());
  const { hone, facts } = await openHone();
  hone.sampled.type("Name a colour.\nName a fruit.\nName a bird.");
  await hone.sampled.draw(baseSide(), sampling);
  expect(facts().sampled.failure).toBeNull();
  const first = facts().sampled.pairs;
  expect(first.length + facts().sampled.alike).toBe(3);
  expect(first.map(({ seeds }) => seeds)).toEqual([
    [5, 6],
    [7, 8],
    [9, 10],
  ]);
  expect(first.every(({ answers: [a, b] }) => a.trim() !== b.trim())).toBe(true);

  await hone.sampled.draw(baseSide(), sampling);
  const again = facts().sampled.pairs.slice(3);
  expect(again.map(({ answers }) => answers)).toEqual(first.map(({ answers }) => answers));

  for (const choice of ["first", "tie", "second"] as const) hone.sampled.cast(choice);
  hone.sampled.cast("first");
  hone.sampled.undo();
  const choices = () => facts().sampled.pairs.map(({ choice }) => choice);
  expect(choices()).toEqual(["first", "tie", "second", null, null, null]);

  const reloaded = await openHone();
  expect(reloaded.facts().sampled.pairs).toEqual(facts().sampled.pairs);
  reloaded.hone.sampled.undo();
  reloaded.hone.sampled.cast("first");
  const votes = reloaded.facts().sampled.pairs.filter(isVoted);
  await reloaded.hone.sampled.use("Votes", votes);
  const { pairs, empty } = votedRows(votes);
  expect(reloaded.facts().sampled.used).toEqual({ name: "Votes", pairs, ties: 1, empty });
  expect(pairs + empty).toBe(2);
  const source = reloaded.facts().data.list.find(({ name }) => name === "Votes");
  expect(source).toMatchObject({ rows: pairs, detection: { mapping: { format: "preference" } } });
  expect(reloaded.facts().data.chosen.map(({ hash }) => hash)).toContain(source?.hash);

  reloaded.hone.sampled.clear();
  expect((await openHone()).facts().sampled.pairs).toEqual([]);
});

test("votes that are all ties make no dataset, and a stopped drawing keeps what it has", async () => {
  vi.stubGlobal("localStorage", fakeStorage());
  const { hone, facts } = await openHone();
  await hone.sampled.use("Votes", [voted("tie")]);
  expect(facts().sampled.used).toEqual({ name: "Votes", pairs: 0, ties: 1, empty: 0 });
  expect(facts().data.list.some(({ name }) => name === "Votes")).toBe(false);

  hone.sampled.type(Array.from({ length: 50 }, (_, i) => `Count to ${i}.`).join("\n"));
  hone.store.subscribe(({ sampled }) => {
    if (sampled.drawing?.done === 2) hone.sampled.stop();
  });
  await hone.sampled.draw(baseSide(), sampling);
  const { pairs, alike, drawing, failure } = facts().sampled;
  expect([drawing, failure]).toEqual([null, null]);
  expect(pairs.length + alike).toBeLessThanOrEqual(3);
  expect(pairs.length).toBeGreaterThan(0);
});
