/** Runs in a blank page of tests: starts a run in a real worker, and reports the stored data after a kill or a clearing. */

import { createEngineClient, pageWorkers } from "../../src/client/client.ts";
import { sha256 } from "../../src/hub/hash.ts";
import type { Recipe } from "../../src/run/recipe.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { wholeSource } from "../../src/run/source.ts";
import { openStorage } from "../../src/storage/storage.ts";

const client = createEngineClient(pageWorkers);

let steps = 0;
const waiting: (() => void)[] = [];
client.onEvent((event) => {
  if (event.type !== "step") return;
  steps++;
  for (const wake of waiting.splice(0)) wake();
});

export const stepsSoFar = async (): Promise<number> => steps;

/** Resolves once this page has received `count` steps. */
export async function stepsTaken(count: number): Promise<void> {
  while (steps < count) await new Promise<void>((resolve) => waiting.push(resolve));
}

async function fetchFile(address: string, name: string): Promise<File> {
  return new File([await (await fetch(address)).blob()], name);
}

export interface KillRun {
  /** URLs of the model's folder and of the pairs. */
  readonly model: string;
  readonly pairs: string;
  readonly recipe: Recipe;
}

/** The run that was started or resumed last in this page. */
let training: Promise<RunRecord> | null = null;

/** Starts a run and returns its id once it is saved; the run continues in the worker. */
export async function startRun({ model, pairs, recipe }: KillRun): Promise<string> {
  const { engine, data } = client;
  await engine.start("wasm");
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  const files = await Promise.all(names.map((name) => fetchFile(`${model}${name}`, name)));
  const { hash: modelHash } = await engine.openModel({ kind: "files", files, name: "model" });
  const { sources: opened, failures } = await data.open([await fetchFile(pairs, "pairs.json")]);
  if (failures[0]) throw new Error(failures[0].message);
  const sources = opened.map(({ hash }) => wholeSource(hash));
  const begun = new Promise<string>((resolve) => {
    client.onEvent((event) => {
      if (event.type === "run") resolve(event.record.id);
    });
  });
  const ended = engine.startRun({ name: "killed", modelHash, sources, recipe });
  training = ended;
  ended.catch(() => undefined);
  return Promise.race([begun, ended.then((record) => record.id)]);
}

/** Resumes the run and resolves at once; `outcome` waits for its end. */
export async function resumeRun(runId: string): Promise<void> {
  await client.engine.start("wasm");
  training = client.engine.resumeRun(runId);
  training.catch(() => undefined);
}

export const outcome = async (): Promise<RunRecord | null> => training;

/** What the engine cannot read, or found to be lost, as the page shows it. */
export const problems = async (): Promise<readonly string[]> => (await client.engine.report()).problems;

export const listRuns = async (): Promise<RunRecord[]> => client.engine.listRuns();

/** What a browser is killed in besides training: it goes on in the worker while this page waits for nothing. */
export type Action =
  | { readonly do: "open"; readonly model: string; readonly variant: number }
  | { readonly do: "import"; readonly file: string }
  | { readonly do: "export"; readonly runId: string }
  | { readonly do: "exam"; readonly runId: string; readonly modelHash: string };

let acting: Promise<unknown> = Promise.resolve();

/** Begins an action, with its files read already, and returns at once. */
export async function begin(action: Action): Promise<void> {
  const { engine } = client;
  switch (action.do) {
    case "open": {
      const files = await variantOf(action.model, action.variant);
      acting = engine.openModel({ kind: "files", files, name: `variant ${action.variant}` });
      break;
    }
    case "import": {
      const file = await fetchFile(action.file, "run.zip");
      acting = engine.importRun(file);
      break;
    }
    case "export":
      acting = engine.exportRun(action.runId);
      break;
    case "exam": {
      await engine.start("wasm");
      const { runId, modelHash } = action;
      const subject = { modelHash, runId, checkpoint: null, template: { kind: "built-in", name: "hone" } } as const;
      const questions = Array.from({ length: 20 }, (_, i) => ({
        prompt: `What did Lily see ${i}?`,
        expected: "A cat.",
      }));
      acting = engine.examine({ ...subject, systemPrompt: null, questions, texts: ["Lily saw a cat. It was red."] });
    }
  }
  acting.catch(() => undefined);
}

/** Waits for the end of the action. */
export async function actionEnd(): Promise<void> {
  await acting;
}

/** A model whose weights differ from those of another variant in each of their chunks. */
async function variantOf(model: string, variant: number): Promise<File[]> {
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  const files = await Promise.all(names.map((name) => fetchFile(`${model}${name}`, name)));
  const weights = new Uint8Array((await files.pop()?.arrayBuffer()) ?? []);
  const view = new DataView(weights.buffer);
  for (let at = weights.length - 4; at > 2 ** 20; at -= 2 ** 20) view.setFloat32(at, variant / 1000, true);
  return [...files, new File([weights], "model.safetensors")];
}

/** A run as one file, in base64. */
export async function runFile(runId: string): Promise<string> {
  const bytes = new Uint8Array(await (await client.engine.exportRun(runId)).archive.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Deletes every run but one and every model but one. */
export async function tidy({
  runId,
  modelHash,
}: {
  readonly runId: string;
  readonly modelHash: string;
}): Promise<void> {
  const { engine } = client;
  for (const { id } of await engine.listRuns()) if (id !== runId) await engine.deleteRun(id);
  for (const { hash } of await engine.listModels()) if (hash !== modelHash) await engine.deleteModel(hash);
}

/** Length and number of the values that fill Chromium's log: short enough to lie in it, and longer together than a log is. */
const filler = { length: 30_000, count: 150 };

/**
 * Has Chromium begin a new log of what it stores. LevelDB appends to a log that a kill has torn, and a second kill there makes it
 * throw away every database of the page.
 */
export async function freshLog(): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open("kill-filler");
    opening.onupgradeneeded = () => void opening.result.createObjectStore("values");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  for (let index = 0; index < filler.count; index++) {
    const transaction = database.transaction("values", "readwrite");
    transaction.objectStore("values").put(crypto.getRandomValues(new Uint8Array(filler.length)), 0);
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }
  database.close();
}

/** What is in this browser's storage, every byte of it read. */
export interface Audit {
  readonly orphans: number;
  readonly damaged: number;
  /** What cannot be read, a sentence each. */
  readonly problems: readonly string[];
  /** Folders of files that were being written. */
  readonly scratch: number;
  readonly runs: number;
  readonly models: number;
}

/** Patience for what a dead tab left in the private file system to be swept away, in milliseconds. */
const sweepPatience = 10_000;

async function scratchFolders(): Promise<number> {
  const top = await navigator.storage.getDirectory();
  const folder = await top.getDirectoryHandle("hone-exports").catch(() => null);
  if (!folder) return 0;
  let count = 0;
  for await (const _ of (folder as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }).keys()) count++;
  return count;
}

export async function audit(): Promise<Audit> {
  // The engine sweeps when it starts.
  await client.engine.listRuns();
  const storage = await openStorage();
  const problems = [...storage.problems];
  const reading = async (what: string, work: () => Promise<void>) => {
    await work().catch((error: unknown) => problems.push(`${what}: ${error}`));
  };
  const { runs, problems: unlisted } = await storage.runs.list();
  problems.push(...unlisted);
  for (const { id, resumeFrom } of runs) {
    await reading(`curves of ${id}`, async () => void (await storage.runs.curves(id)));
    const steps = await storage.checkpoints.steps(id);
    if (resumeFrom && !steps.includes(resumeFrom)) problems.push(`${id} has no checkpoint of step ${resumeFrom}`);
    for (const step of steps) {
      await reading(`step ${step} of ${id}`, async () => {
        await storage.checkpoints.load(id, step, async (_, read) => void (await read()));
      });
    }
  }
  const kinds = [storage.models, storage.datasets];
  for (const kind of kinds) {
    const { entries, problems: unread } = await kind.list();
    problems.push(...unread);
    for (const { hash, name } of entries) {
      await reading(name, async () => {
        for (const file of (await kind.open(hash)) ?? []) await file.slice(0, file.byteLength);
      });
    }
  }
  const until = performance.now() + sweepPatience;
  let scratch = await scratchFolders();
  while (scratch > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    scratch = await scratchFolders();
  }
  const { orphans, damaged } = await storage.audit();
  const models = (await storage.models.list()).entries.length;
  return { orphans, damaged, problems, scratch, runs: runs.length, models };
}

export interface Remains {
  readonly steps: readonly number[];
  readonly orphans: number;
  readonly damaged: number;
  /** SHA-256 of each tensor of the newest checkpoint. */
  readonly tensors: Readonly<Record<string, string>>;
}

/** The stored data of a run. */
export async function remains(runId: string): Promise<Remains> {
  const storage = await openStorage();
  const tensors: Record<string, string> = {};
  await storage.checkpoints.load(runId, "latest", async ({ name }, read) => {
    tensors[name] = await sha256(await read());
  });
  const audit = await storage.audit();
  return { steps: await storage.checkpoints.steps(runId), orphans: audit.orphans, damaged: audit.damaged, tensors };
}
