/** Runs in the page of the kill test: starts a run in a real worker, and reports the stored data after a kill. */

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
  return Promise.race([begun, ended.then((record) => record.id)]);
}

let resuming: Promise<RunRecord> | null = null;

/** Resumes the run and resolves at once; `outcome` waits for its end. */
export async function resumeRun(runId: string): Promise<void> {
  await client.engine.start("wasm");
  resuming = client.engine.resumeRun(runId);
  resuming.catch(() => undefined);
}

export const outcome = async (): Promise<RunRecord | null> => resuming;

export const listRuns = async (): Promise<RunRecord[]> => client.engine.listRuns();

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
