/**
 * A run exported from one storage and imported into an empty one. Oracle: the run in the first storage. A file that is damaged
 * in any part must leave the second storage empty.
 */

import { strToU8, unzipSync, zipSync } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import { createExports } from "../../../src/engine/export.ts";
import { createJournal } from "../../../src/engine/journal.ts";
import type { Library } from "../../../src/engine/library.ts";
import { createRunService } from "../../../src/engine/runs.ts";
import type { TextService } from "../../../src/engine/textService.ts";
import { recordText } from "../../../src/export/runFile.ts";
import { sha256 } from "../../../src/hub/hash.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { acquireTrainingLock } from "../../../src/storage/lock.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { openStorage, type Storage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { readState } from "../../../src/training/state.ts";
import {
  adapterNumbers,
  adapterTensors,
  contents,
  loadWhole,
  loopStateAt,
  newDisk,
  runRecord,
  someCurves,
  tabOn,
} from "../storage/backend.ts";

const noModels = {} as Library;
const noTemplates = {} as TextService;

async function place() {
  const storage = await openStorage(tabOn(newDisk()));
  const told: EngineEvent[] = [];
  const emit = (event: EngineEvent) => void told.push(event);
  const service = createRunService(storage, createExports(storage, noModels, noTemplates, memoryScratch(), emit), emit);
  return { storage, told, ...service, ...service.calls };
}

/** So wide that the file of the tensors has two pieces with a hash of their own. */
const width = 90_000;
const pairs = Array.from({ length: 300 }, (_, i) => ({ instruction: `Say ${i} é.`, output: `${i}` }));

/** A run with rows and three checkpoints, of which step 20 is neither the newest nor the best. */
async function filled({ storage }: { readonly storage: Storage }): Promise<RunRecord> {
  const text = new TextEncoder().encode(JSON.stringify(pairs));
  const { summary } = await createRowStore(storage).read(bytesFromMemory("pairs.json", text), () => undefined);
  const best = { step: 10, loss: 0.5, sets: {} };
  const record = (step: number) =>
    runRecord("the run", step, {
      status: "paused",
      best,
      trainable: adapterNumbers(width),
      recipe: { ...runRecord("", 0).recipe, keepLast: 3 },
      sources: [{ name: "pairs.json", hash: summary.hash, mapping: null, excluded: [2] }],
    });
  for (const step of [10, 20, 30]) {
    await storage.checkpoints.save({
      record: record(step),
      state: loopStateAt(step),
      tensors: adapterTensors(step, width),
    });
  }
  await storage.runs.put(record(30), await storage.curves.writer("the run", null, someCurves));
  return record(30);
}

let first: Awaited<ReturnType<typeof place>>;
let record: RunRecord;
let archive: Blob;

beforeAll(async () => {
  first = await place();
  record = await filled(first);
  ({ archive } = await first.exportRun(record.id));
});

/** A checkpoint with the hash of each tensor: vitest compares megabytes for minutes. */
async function digested(storage: Storage, step: number) {
  const { tensors, step: saved, state: kept } = await loadWhole(storage, record.id, step);
  const digests: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(tensors)) digests[name] = await sha256(new Uint8Array(bytes));
  return { saved, state: readState(kept, null).state, digests };
}

const asFile = (content: BlobPart, name = "the-run.zip") => new File([content], name);

describe("export and import", () => {
  test("an import gives an equal record, equal checkpoints and equal rows", async () => {
    const second = await place();
    const { added, record: taken, notes } = await second.importRun(asFile(archive));
    expect({ added, notes }).toEqual({ added: true, notes: [] });
    // Also equal where a loss is NaN.
    expect(taken).toEqual(record);
    expect(await second.storage.runs.get(record.id)).toEqual(record);
    expect(await second.curvesOf(record.id)).toEqual(await first.curvesOf(record.id));
    expect(Number.isNaN((await second.curvesOf(record.id)).steps.loss[0])).toBe(true);
    // The newest and the best one.
    expect(await second.storage.checkpoints.steps(record.id)).toEqual([30, 10]);
    for (const step of [30, 10]) {
      expect(await digested(second.storage, step)).toEqual(await digested(first.storage, step));
    }
    const [hash = ""] = record.sources.map((source) => source.hash);
    const [mine, theirs] = await Promise.all(
      [first, second].map(async ({ storage }) => {
        const rows = await createRowStore(storage).open(hash);
        const records = [];
        for await (const piece of rows.pieces()) records.push(...piece.records);
        return { summary: rows.summary, records };
      }),
    );
    expect(theirs).toEqual(mine);
    expect(theirs?.records).toHaveLength(pairs.length);
    expect(await second.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
    expect(second.told.at(-1)).toEqual({ type: "runsChanged" });
  });

  test("the archive has plain files that another unzip reads, and names the base model", async () => {
    const held = unzipSync(new Uint8Array(await archive.arrayBuffer()));
    const { sources, model } = record;
    expect(Object.keys(held)).toEqual([
      "README.txt",
      "run.json",
      "checkpoints/30/tensors.safetensors",
      "checkpoints/30/state.json",
      "checkpoints/10/tensors.safetensors",
      "checkpoints/10/state.json",
      `data/${sources[0]?.hash}/0.json`,
      "manifest.json",
    ]);
    expect(new TextDecoder().decode(held["README.txt"])).toContain(`${model.name}, 10 parameters, hash ${model.hash}`);
    expect(new TextDecoder().decode(held["run.json"])).toBe(
      recordText((await first.storage.runs.get(record.id)) ?? record, someCurves),
    );
  });

  test("importing a run that is present changes nothing and says so, also when it was renamed", async () => {
    const second = await place();
    await second.importRun(asFile(archive));
    await second.editRun(record.id, { name: "Mine", note: "kept" });
    const again = await second.importRun(asFile(archive));
    expect(again).toMatchObject({ added: false, notes: ['This browser already has this run, as "Mine".'] });
    expect((await second.listRuns()).map(({ name, note }) => [name, note])).toEqual([["Mine", "kept"]]);
  });

  test("where another run has its id, the imported run gets a new id", async () => {
    const second = await place();
    await second.storage.checkpoints.save(contents(runRecord(record.id, 7), { w: Uint8Array.of(7) }));
    const { added, record: taken, notes } = await second.importRun(asFile(archive));
    expect(added).toBe(true);
    expect(notes).toEqual([expect.stringContaining("this one got a new id")]);
    expect(taken.id).not.toBe(record.id);
    expect({ ...taken, id: record.id }).toEqual(record);
    expect(await second.storage.checkpoints.steps(record.id)).toEqual([7]);
    expect(await second.storage.checkpoints.steps(taken.id)).toEqual([30, 10]);
    // A second import finds it by its content.
    expect(await second.importRun(asFile(archive))).toMatchObject({ added: false, record: { id: taken.id } });
  });

  test("each imported checkpoint has the curves up to its step", async () => {
    const point = (step: number) => ({
      ...{ step, loss: 1 / step, gradientNorm: 1, learningRate: 0.1, tokens: 9, supervisedTokens: 3, examples: 2 },
      seconds: step / 7,
    });
    const here = await place();
    const writer = await here.storage.curves.writer("r", null);
    for (const step of [600, 900]) {
      for (let at = step - 299; at <= step; at++) writer.addStep(point(at));
      writer.addEvaluation({ step, loss: 1 / step, sets: {} });
      const change: Partial<RunRecord> = {
        status: "paused",
        best: { step: 600, loss: 1 / 600, sets: {} },
        trainable: adapterNumbers(5),
        stages: runRecord("", 0).stages.map((stage) => ({ ...stage, steps: 500 })),
        totalSteps: 1000,
        resumeFrom: null,
      };
      const passes = step > 500 ? [{ pass: 0, position: 0, random: [1, 2, 3, 4] as const }] : [];
      const { sampler, ...state } = loopStateAt(step);
      await here.storage.checkpoints.save({
        record: runRecord("r", step, change),
        state: { ...state, sampler: { ...sampler, passes } },
        tensors: adapterTensors(step, 5),
        curves: writer,
      });
    }
    const { archive: file } = await here.exportRun("r");
    const there = await place();
    await there.importRun(asFile(file));
    expect(await there.curvesOf("r")).toEqual(await here.curvesOf("r"));
    for (const step of [600, 900]) {
      const opened = await here.storage.checkpoints.open("r", step);
      const kept = await there.storage.checkpoints.open("r", step);
      if (!opened?.curves || !kept) throw new Error(`step ${step} is not kept`);
      const { state: back, curves } = readState(kept.state, null);
      expect(curves).toEqual(await here.storage.curves.read("r", opened.curves));
      expect(back.progress).toMatchObject({ steps: { points: step - 300, last: { step, loss: 1 / step } } });
    }
    // Exported again: after an import the states have their curves in them.
    const { archive: again } = await there.exportRun("r");
    const third = await place();
    await third.importRun(asFile(again));
    expect(await third.curvesOf("r")).toEqual(await here.curvesOf("r"));
  });

  test("rows that are not stored any more are left out, and a note says so", async () => {
    const third = await place();
    await filled(third);
    await third.storage.datasets.delete(record.sources[0]?.hash ?? "");
    const { notes, archive: without } = await third.exportRun(record.id);
    expect(notes).toContain(
      "The rows of pairs.json are no longer stored in this browser, so the file does not contain them.",
    );
    const second = await place();
    expect(await second.importRun(asFile(without))).toMatchObject({ added: true });
    expect((await second.storage.datasets.list()).entries).toEqual([]);
  });

  test("a cancelled export and a cancelled import leave nothing", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(first.exportRun(record.id, controller.signal)).rejects.toThrow(/abort/i);
    const second = await place();
    await expect(second.importRun(asFile(archive), controller.signal)).rejects.toThrow(/abort/i);
    expect(await second.listRuns()).toEqual([]);
  });
});

/** The archive with one byte of a file changed, at offset `at` of the file's content. */
async function spoiltAt(content: Uint8Array, at: number): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(await archive.arrayBuffer());
  const head = content.subarray(0, 64);
  let place = 0;
  while (!head.every((byte, i) => whole[place + i] === byte)) place++;
  whole[place + at] = (whole[place + at] ?? 0) ^ 1;
  return whole;
}

async function rezipped(change: (files: Record<string, Uint8Array>) => void): Promise<Uint8Array<ArrayBuffer>> {
  const held = unzipSync(new Uint8Array(await archive.arrayBuffer()));
  change(held);
  return new Uint8Array(zipSync(held, { level: 0 }));
}

function edited(files: Record<string, Uint8Array>, change: Readonly<Record<string, unknown>>) {
  const manifest: unknown = JSON.parse(new TextDecoder().decode(files["manifest.json"]));
  files["manifest.json"] = strToU8(JSON.stringify({ ...(manifest as object), ...change }));
}

describe("a file that is not whole is refused, and changes nothing", () => {
  const named = async (name: RegExp) => {
    const held = unzipSync(new Uint8Array(await archive.arrayBuffer()));
    return Object.entries(held).find(([path]) => name.test(path))?.[1] ?? new Uint8Array(0);
  };
  const rows: [string, () => Promise<BlobPart>, RegExp][] = [
    [
      "a byte of a tensor",
      async () => spoiltAt(await named(/30.tensors/), 2 ** 22 + 999),
      /piece 2 of 2 of checkpoints\/30\/tensors\.safetensors does not match its hash/,
    ],
    [
      "a byte of the record",
      async () => spoiltAt(await named(/run\.json/), 40),
      /piece 1 of 1 of run\.json does not match its hash/,
    ],
    [
      "a byte of the rows",
      async () => spoiltAt(await named(/^data/), 100),
      /of data\/.*\/0\.json does not match its hash/,
    ],
    [
      "a byte of the state",
      async () => spoiltAt(await named(/30.state/), 9),
      /of checkpoints\/30\/state\.json does not match/,
    ],
    ["its end cut off", async () => archive.slice(0, archive.size - 30), /is no zip file, or is cut off/],
    ["its beginning cut off", async () => archive.slice(5000), /is no zip file, or is cut off/],
    ["an empty file", async () => "", /is no zip file/],
    ["a text", async () => "hello ".repeat(100), /is no zip file/],
    [
      "compressed",
      async () => new Uint8Array(zipSync(unzipSync(new Uint8Array(await archive.arrayBuffer())))),
      /holds README\.txt compressed/,
    ],
    [
      "another zip",
      async () => new Uint8Array(zipSync({ "a.txt": strToU8("a") }, { level: 0 })),
      /is no run of Hone: it has no manifest\.json/,
    ],
    ["no record", () => rezipped((files) => void delete files["run.json"]), /is damaged: it has no run\.json/],
    ["a foreign manifest", () => rezipped((files) => edited(files, { hone: "model" })), /is no run of Hone/],
    [
      "a broken manifest",
      () => rezipped((files) => void Object.assign(files, { "manifest.json": strToU8("{") })),
      /manifest\.json is no JSON/,
    ],
    [
      "a manifest without files",
      () => rezipped((files) => edited(files, { files: 3 })),
      /manifest\.json: files is 3, not a list of at most 20000/,
    ],
    [
      "a manifest that proves nothing",
      () => rezipped((files) => edited(files, { files: [] })),
      /its manifest has no hash of run\.json/,
    ],
    [
      "a newer file",
      () => rezipped((files) => edited(files, { format: 2 })),
      /written by a newer version of Hone \(format 2; this one reads up to 1\)\. Reload/,
    ],
    [
      "a newer record",
      () => rezipped((files) => edited(files, { recordFormat: 3 })),
      /saved by a newer version of Hone \(format 3; this one reads up to 2\)/,
    ],
  ];
  test.each(rows)("%s", async (_, change, message) => {
    const second = await place();
    await expect(second.importRun(asFile(await change()))).rejects.toThrow(message);
    expect(await second.listRuns()).toEqual([]);
    expect(await second.storage.audit()).toMatchObject({ chunks: 0 });
  });
});

describe("name and note of a run", () => {
  test("are changed, and the rest of the record is not", async () => {
    const { storage, editRun, told } = await place();
    await storage.runs.put({ ...runRecord("r", 3), status: "paused" });
    const { updatedAt, ...edited } = await editRun("r", { name: "Better" });
    const { updatedAt: before, ...rest } = { ...runRecord("r", 3), status: "paused" };
    expect(edited).toEqual({ ...rest, name: "Better" });
    expect(updatedAt > before).toBe(true);
    await editRun("r", { note: "" });
    expect(await storage.runs.get("r")).toMatchObject({ name: "Better", note: "" });
    expect(told).toEqual([{ type: "runsChanged" }, { type: "runsChanged" }]);
    await expect(editRun("none", { name: "x" })).rejects.toThrow("There is no run none in this browser.");
  });

  test("go to the journal while it trains, so that the next checkpoint saves them", async () => {
    const { storage, editRun, follow, told } = await place();
    const running = runRecord("r", 3);
    await storage.runs.put(running);
    const journal = createJournal(
      running,
      () => undefined,
      () => 0,
    );
    follow(journal);
    await editRun("r", { name: "Mine" });
    expect(journal.at(loopStateAt(4))).toMatchObject({ name: "Mine", step: 4 });
    expect(await storage.runs.get("r")).toMatchObject({ name: "run r" });
    expect(told).toEqual([]);
  });

  test("cannot be changed while another tab trains the run", async () => {
    const { storage, editRun } = await place();
    await storage.runs.put(runRecord("r", 3));
    const release = await acquireTrainingLock();
    await expect(editRun("r", { name: "x" })).rejects.toThrow('Run "run r" trains in another tab');
    release?.();
  });
});

test("a run's size counts chunks that its checkpoints share once", async () => {
  const sizes = await first.runSizes();
  const held = await first.storage.checkpoints.steps(record.id);
  expect(held).toEqual([30, 20, 10]);
  // Second moments are the same in all three.
  const wide = 4 * (4 * width + 12);
  const tails = [10, 20, 30].map(() => 2 * wide);
  const states = [10, 20, 30].map((step) => JSON.stringify(loopStateAt(step)).length);
  expect(sizes[record.id]).toBe([wide, ...tails, ...states].reduce((sum, part) => sum + part, 0));
});
