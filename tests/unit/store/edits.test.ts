/** Edits of rows in the page's state, on the real services. Oracle: the dataset service, called past the page. */

import { expect, test, vi } from "vitest";
import { duplicate } from "../../../src/ui/runs/duplicate.ts";
import { keepBasics, keepRun } from "../../support/kept.ts";
import { eachOnADisk, openHone } from "../../support/openHone.ts";
import { refuse } from "../../support/services.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const kept = eachOnADisk(async (here) => {
  const basics = await keepBasics(here);
  return { ...basics, run: await keepRun(here, basics, "plain", { steps: 2, evaluateEvery: 2, checkpointEvery: 2 }) };
});

const row = (output: string) => JSON.stringify({ instruction: "Q?", output });

async function open(stubs = {}) {
  const here = await openHone(stubs);
  const { hash } = kept().source;
  here.hone.data.choose(hash, true);
  const edited = () => here.facts().data.chosen[0]?.edits?.map(({ row: at, value }) => [at, value]) ?? [];
  return { ...here, hash, edited };
}

test("an edit is in the choice at once, in storage, and after a reload; choosing the source again keeps it", async () => {
  const { hone, client, hash, edited } = await open();
  hone.edits.draft(hash, 3, { base: "{}", text: row("x"), pending: {} });
  expect(await hone.edits.save(hash, 3, row("Three."))).toBe(true);
  expect(edited()).toEqual([[3, row("Three.")]]);
  expect(hone.store.getState().edits.drafts).toEqual({});
  expect(await client.data.edits(hash)).toEqual([{ row: 3, value: row("Three.") }]);
  hone.data.choose(hash, false);
  hone.data.choose(hash, true);
  expect(edited()).toEqual([[3, row("Three.")]]);
  const again = await open();
  expect(again.edited()).toEqual([[3, row("Three.")]]);
});

test("undo and redo go through the steps, one row, several rows and all", async () => {
  const { hone, hash, edited, facts } = await open();
  await hone.edits.save(hash, 1, row("a"));
  await hone.edits.save(hash, 1, row("b"));
  await hone.edits.save(hash, 5, row("c"));
  await hone.edits.revert(hash, [1, 5]);
  expect(edited()).toEqual([]);
  expect(facts().data.chosen[0]).not.toHaveProperty("edits");
  await hone.edits.undo();
  expect(edited()).toEqual([
    [1, row("b")],
    [5, row("c")],
  ]);
  await hone.edits.undo();
  await hone.edits.undo();
  expect(edited()).toEqual([[1, row("a")]]);
  await hone.edits.redo();
  expect(edited()).toEqual([[1, row("b")]]);
  await hone.edits.save(hash, 2, row("d"));
  expect(facts().edits.undone).toEqual([]);
  for (let i = 0; i < 9; i++) await hone.edits.undo();
  expect(edited()).toEqual([]);
  for (let i = 0; i < 9; i++) await hone.edits.redo();
  expect(edited()).toEqual([
    [1, row("b")],
    [2, row("d")],
  ]);
});

test("steps without a change are none: the file's own value, and a revert of rows without edits", async () => {
  const { hone, hash, edited, facts } = await open();
  const own = JSON.stringify({ instruction: "What colour is number 4?", input: "", output: "Red." });
  expect(await hone.edits.save(hash, 4, own)).toBe(true);
  await hone.edits.revert(hash, [7, 8]);
  expect([edited(), facts().edits.done]).toEqual([[], []]);
});

test("many edits at once are saved in order", async () => {
  const { hone, hash, edited } = await open();
  await Promise.all(Array.from({ length: 20 }, (_, at) => hone.edits.save(hash, at, row(`${at}`))));
  expect(edited()).toHaveLength(20);
  await Promise.all([hone.edits.undo(), hone.edits.undo(), hone.edits.undo(), hone.edits.redo()]);
  expect(edited()).toHaveLength(18);
});

test("an edit that cannot be saved changes nothing: its draft stays, and the page shows why", async () => {
  const { hone, hash, edited, facts } = await open({ data: () => ({ editRows: refuse("No room is left.") }) });
  const draft = { base: "{}", text: row("x"), pending: {} };
  hone.edits.draft(hash, 3, draft);
  expect(await hone.edits.save(hash, 3, row("x"))).toBe(false);
  expect(edited()).toEqual([]);
  expect(facts().edits).toMatchObject({ failure: { message: "No room is left." }, done: [] });
  expect(Object.values(facts().edits.drafts)).toEqual([draft]);
});

test("deleting the dataset deletes its edits, drafts and steps", async () => {
  const { hone, client, hash, facts } = await open();
  await hone.edits.save(hash, 3, row("x"));
  hone.edits.draft(hash, 4, { base: "{}", text: row("y"), pending: {} });
  await hone.data.remove(hash);
  expect(facts().edits).toEqual({ saved: {}, drafts: {}, done: [], undone: [], failure: null });
  expect(await client.data.edits(hash)).toEqual([]);
});

test("a duplicated run brings its own edits; those before it come back by undo", async () => {
  const { hone, hash, edited, facts } = await open();
  await hone.edits.save(hash, 3, row("mine"));
  const [plain] = facts().runs.list;
  if (!plain) throw new Error("a run was expected");
  const [source] = plain.sources;
  if (!source) throw new Error("a source was expected");
  const run = { ...plain, sources: [{ ...source, edits: [{ row: 6, value: row("its") }] }] };
  expect(duplicate(hone, run)).toEqual([expect.stringContaining("Your edits of colours.jsonl were replaced")]);
  expect(edited()).toEqual([[6, row("its")]]);
  await vi.waitFor(() => expect(facts().edits.done).toHaveLength(2));
  await hone.edits.undo();
  expect(edited()).toEqual([[3, row("mine")]]);
  expect(duplicate(hone, plain)).toHaveLength(1);
  await vi.waitFor(() => expect(facts().edits.saved[hash]).toEqual([]));
  expect(edited()).toEqual([]);
  expect(duplicate(hone, plain)).toEqual([]);
});

test("options are part of the choice, and absent again when none is chosen", async () => {
  const { hone, hash, facts } = await open();
  hone.data.setOptions(hash, { specialTokens: true });
  expect(facts().data.chosen[0]?.options).toEqual({ specialTokens: true });
  hone.data.setOptions(hash, {});
  expect(facts().data.chosen[0]).not.toHaveProperty("options");
});

test("the rows of a chosen source are written with its edits", async () => {
  const { hone, hash } = await open();
  await hone.edits.save(hash, 0, row("Edited."));
  hone.data.exclude("x", { sources: [0], rows: [1] });
  const { content, rows, excluded } = await hone.edits.write(hash, "rows", new AbortController().signal);
  expect([rows, excluded]).toEqual([19, 1]);
  expect((await content.text()).split("\n")[0]).toBe(row("Edited."));
  hone.data.choose(hash, false);
  await expect(hone.edits.write(hash, "rows", new AbortController().signal)).rejects.toThrow("not chosen any more");
});
