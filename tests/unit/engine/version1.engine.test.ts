/**
 * Storage of version 1 under today's engine, on wasm in Node. Oracle: the lists, answers and resumed runs of version 1 in
 * Chromium, bit for bit (tests/fixtures/version1).
 */

import { beforeAll, describe, expect, test, vi } from "vitest";
import type { KeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import {
  type Contents,
  type Databases,
  databasesOf,
  type OpenBrowser,
  openBrowser,
  pageOf,
  type RunName,
  readDump,
  readExpected,
} from "../../support/version1.ts";
import { tabOn } from "../storage/backend.ts";

const disk = vi.hoisted(() => ({
  database(name: string): KeyValue {
    throw new Error(`${name} was opened before a browser was chosen.`);
  },
}));
vi.mock("../../../src/storage/indexedDb.ts", () => ({ indexedDbKeyValue: (name: string) => disk.database(name) }));

const dump = readDump();
const expected = readExpected();
const { ids } = expected;
const runFiles = Object.entries(expected.runFiles);
/** Unfinished runs with stored rows. */
const resumable: readonly RunName[] = ["full", "text", "pairs", "failed", "killed"];

/** Storage that deletes unreferenced chunks when it opens; the engine's does not in Node, which has no Web Locks. */
const collectingStorage = () =>
  openStorage(tabOn({ records: disk.database("hone-records"), chunks: disk.database("hone-chunks") }));

/** Today's engine on these databases; a fresh browser has none. */
async function browserWith(databases: Databases): Promise<OpenBrowser> {
  disk.database = databasesOf(databases);
  await collectingStorage();
  return openBrowser();
}

describe("a browser of version 1", () => {
  let browser: OpenBrowser;
  let contents: Contents;
  beforeAll(async () => {
    browser = await browserWith(dump.databases);
    contents = await browser.contents();
  });

  test("lists every run with its settings and curves; the one whose browser was killed is paused with the reason", () => {
    expect(contents.runs.find(({ id }) => id === ids.killed)).toMatchObject({
      status: "paused",
      reason: "The tab was closed at step 4; the last checkpoint is step 4.",
    });
    // Opening the storage changed the record of this run.
    const updatedAt = expect.any(String);
    expect(contents.runs).toEqual(expected.runs.map((run) => (run.id === ids.killed ? { ...run, updatedAt } : run)));
  });

  test("keeps checkpoints, models, datasets and the unfinished fetch, and no chunk is lost or damaged", () => {
    const { checkpoints, sizes, problems, audit, models, details, datasets, fetches } = expected;
    // A later version may add fields to these.
    expect(contents).toMatchObject({ models, details, datasets, fetches });
    expect(contents).toEqual({ ...contents, checkpoints, sizes, problems, audit });
    expect(contents.audit).toMatchObject({ chunks: 433, orphans: 0, damaged: 0 });
  });

  test("shows the settings, choices and conversations again", () => {
    const { page, conversations, presentConversation } = expected;
    expect(pageOf(dump)).toEqual({ page, conversations, presentConversation });
  });

  test("its checkpoints give the same greedy answers", async () => {
    const answers = [];
    for (const { text: _text, step: _step, finish: _finish, ...question } of expected.answers) {
      answers.push(await browser.ask(question));
    }
    expect(answers).toEqual(expected.answers);
  });

  test.each(runFiles)("reports the run of %s as already present", async (file, { runId, imported }) => {
    const name = expected.runs.find(({ id }) => id === runId)?.name;
    const notes = [`This browser already has this run, as "${name}".`];
    expect(await browser.importRun(file)).toEqual({ ...imported, added: false, notes });
    expect(await browser.contents()).toEqual(contents);
  });

  test.each(resumable)("its %s run resumes to the same end, bit for bit", async (name) => {
    const outcome = expected.resumed[ids[name]];
    expect(await browser.resume(ids[name], outcome?.from ?? 0)).toEqual(outcome);
  });

  test("keeps every chunk that a run needs after the others were resumed", async () => {
    const storage = await collectingStorage();
    expect(await storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
    const untouched = ({ runs }: Pick<Contents, "runs">) =>
      runs.filter(({ id }) => !resumable.some((name) => ids[name] === id));
    expect(untouched(await browser.contents())).toEqual(untouched(expected));
  });
});

describe("a run file of version 1 in a fresh browser", () => {
  test.each(runFiles)("%s is imported and resumes to the same end, bit for bit", async (file, then) => {
    const { runId, imported, checkpoints, datasets, resumed } = then;
    const browser = await browserWith({});
    await browser.openModel("Small Fox");
    expect(await browser.importRun(file)).toEqual(imported);
    const contents = await browser.contents();
    expect(contents.runs).toEqual(expected.runs.filter(({ id }) => id === runId));
    expect(contents.checkpoints).toEqual({ [runId]: checkpoints });
    expect(contents.datasets.map(({ name }) => name)).toEqual(datasets);
    expect(contents.audit).toMatchObject({ orphans: 0, damaged: 0 });
    expect(await browser.resume(runId, resumed.from)).toEqual(resumed);
  });
});
