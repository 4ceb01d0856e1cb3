/**
 * The browser data of version 1 (tests/fixtures/version1), opened with today's engine. All values are in version 1's format,
 * like expected.json.gz. When a record or a call changes, this file translates it and the tests stay the same.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";
import { expect } from "vitest";
import { createDatasetService } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { sha256 } from "../../src/hub/hash.ts";
import type { ModelDetails } from "../../src/protocol/engine.ts";
import type { EvaluationMetrics } from "../../src/run/metrics.ts";
import type { Recipe } from "../../src/run/recipe.ts";
import { type RunRecord, type WholeRecord, wholeRecord } from "../../src/run/record.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { type KeyValue, memoryKeyValue } from "../../src/storage/keyValue.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { parseConversations } from "../../src/store/history.ts";
import { withSaved } from "../../src/store/remember.ts";
import { initialState } from "../../src/store/state.ts";

type Entry = readonly [key: string, value: unknown];

/** Databases by name: the version, and the entries of each store. */
export type Databases = Readonly<
  Record<string, { readonly version: number; readonly stores: Readonly<Record<string, readonly Entry[]>> }>
>;

export interface Dump {
  readonly databases: Databases;
  readonly localStorage: Readonly<Record<string, string>>;
}

interface Version1Evaluation {
  readonly step: number;
  readonly loss: number;
  readonly byKind?: { readonly text?: number; readonly chat?: number };
}

/** Version 1 knew LoRA's memory with weights in float32 only. */
const detailsOfVersion1 = (details: ModelDetails) => ({
  ...details,
  needs: { ...details.needs, lora: details.needs.lora.float32 },
});

/** A run record of version 1; tests also compare fields that are not listed here. */
export interface Version1Run {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly updatedAt: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly metrics: readonly { readonly step: number; readonly seconds: number }[];
  readonly evaluations: readonly Version1Evaluation[];
  readonly best: Version1Evaluation | null;
  readonly samples: readonly object[];
  readonly watch: { readonly moments: readonly object[] } | null;
  readonly slowdowns: readonly object[];
  readonly resumeFrom: number | null;
  readonly [field: string]: unknown;
}

/** A resumed run at its end. Metrics begin after step `from`; `tensors` is the SHA-256 over its last checkpoint. */
export type Outcome = Pick<
  Version1Run,
  "status" | "reason" | "step" | "evaluations" | "best" | "samples" | "slowdowns" | "resumeFrom"
> & {
  readonly from: number;
  readonly metrics: readonly object[];
  readonly moments: readonly object[] | null;
  readonly tensors: string;
};

/** The data of a browser, as the engine lists it. */
export interface Contents {
  /** Newest first. */
  readonly runs: readonly Version1Run[];
  /** Checkpoints by run, newest first. */
  readonly checkpoints: Readonly<Record<string, readonly { readonly step: number; readonly best: boolean }[]>>;
  /** Bytes of checkpoints by run. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly models: readonly object[];
  /** Details of the first model. */
  readonly details: object | null;
  readonly datasets: readonly { readonly name: string }[];
  readonly fetches: readonly object[];
  readonly problems: readonly string[];
  readonly audit: object;
}

interface Version1Answer {
  readonly runId: string;
  readonly checkpoint: number;
  readonly question: string;
  readonly maxTokens: number;
  readonly text: string;
  readonly step: number;
  readonly finish: string;
}

interface Version1Conversation {
  readonly id: string;
  readonly startedAt: string;
  readonly sides: readonly object[];
  readonly turns: readonly {
    readonly question: string;
    readonly answers: Readonly<Record<string, { readonly text: string; readonly status: string }>>;
  }[];
}

export type RunName = "full" | "finished" | "text" | "pairs" | "early" | "cancelled" | "failed" | "slowed" | "killed";

interface Expected extends Contents {
  readonly ids: Readonly<Record<RunName, string>>;
  readonly page: object;
  readonly conversations: readonly Version1Conversation[];
  readonly presentConversation: string;
  readonly answers: readonly Version1Answer[];
  readonly runFiles: Readonly<
    Record<
      string,
      {
        readonly runId: string;
        readonly imported: object;
        readonly checkpoints: readonly object[];
        readonly datasets: readonly string[];
        readonly resumed: Outcome;
      }
    >
  >;
  readonly resumed: Readonly<Record<string, Outcome>>;
}

const fileOf = (name: string) => new URL(`../fixtures/version1/${name}`, import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(fileOf(name)));
const jsonOf = (name: string) => JSON.parse(gunzipSync(bytesOf(name)).toString());

/** Decodes bytes, which the dump writes as `{ "$bytes": base64 }`. */
function decode(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  if ("$bytes" in value && typeof value.$bytes === "string")
    return Uint8Array.from(Buffer.from(value.$bytes, "base64"));
  const unknown = Object.keys(value).find((key) => key.startsWith("$"));
  if (unknown) throw new Error(`browser.json.gz has a value of kind ${unknown}: add it to decode.`);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decode(inner)]));
}

/** The browser's contents with decoded bytes. */
export function readDump(): Dump {
  const { databases, localStorage }: Dump = jsonOf("browser.json.gz");
  const decoded = Object.entries(databases).map(([name, { version, stores }]) => {
    const entries = ([key, value]: Entry) => [key, decode(value)] as const;
    const values = Object.entries(stores).map(([store, list]) => [store, list.map(entries)] as const);
    return [name, { version, stores: Object.fromEntries(values) }] as const;
  });
  return { databases: Object.fromEntries(decoded), localStorage };
}

/** The lists, answers and training results of version 1. */
export const readExpected = (): Expected => jsonOf("expected.json.gz");

/** Path of a run file. */
export const runFilePath = (name: string): string => fileURLToPath(fileOf(name));

/** The model's files by name. */
export const modelFiles = (): Record<string, Uint8Array<ArrayBuffer>> => {
  const files = Object.entries(unzipSync(bytesOf("model.zip")));
  return Object.fromEntries(files.map(([name, bytes]) => [name, new Uint8Array(bytes)]));
};

/** The dump's databases in memory, by name; names unknown to version 1 are empty databases. */
export function databasesOf(databases: Databases): (name: string) => KeyValue {
  const open = new Map<string, KeyValue>();
  return (name) => {
    const database = open.get(name) ?? memoryKeyValue();
    if (!open.has(name)) void database.write(databases[name]?.stores.values ?? []);
    open.set(name, database);
    return database;
  };
}

/** Version 1 had losses by kind, and only one loss in a run with one stage. */
function version1Evaluation({ step, loss, sets }: EvaluationMetrics): Version1Evaluation {
  const { validation, "validation of text": text, "validation of chats": chat, ...others } = sets;
  if (Object.keys(others).length > 0) throw new Error(`Version 1 had no set ${Object.keys(others).join(", ")}.`);
  if (validation !== undefined) {
    if (validation !== loss) throw new Error(`The one set has loss ${validation}, all held-out rows have ${loss}.`);
    return { step, loss };
  }
  return { step, loss, byKind: { ...(text !== undefined && { text }), ...(chat !== undefined && { chat }) } };
}

/** Version 1 had one length, rate and schedule for both stages but for the text's, and λ at the sources. */
function version1Recipe({
  stages,
  bestBy,
  weights,
  compute,
  program,
  forgetting: _forgetting,
  ...recipe
}: Recipe): object {
  // Version 1 had no choice of these.
  expect([weights, compute, program]).toEqual(["float32", "float32", "whole"]);
  if (bestBy !== null) throw new Error(`Version 1 named no held-out set for the best checkpoint, not ${bestBy}.`);
  const [first, second] = stages;
  if (!first || stages.length > 2) throw new Error(`Version 1 had one stage or two, not ${stages.length}.`);
  const last = second ?? first;
  const { objective: _objective, sources: _sources, preference: _preference, ...form } = last;
  const { epochs, steps, learningRate, ...shared } = first;
  if (second) {
    expect([first.objective, steps, second.objective]).toEqual(["text", null, "chat"]);
    const { epochs: _epochs, steps: _steps, learningRate: _rate, ...chat } = second;
    expect({ ...shared, objective: "chat" }).toEqual(chat);
  }
  return {
    ...recipe,
    ...form,
    stages: second ? "text-first" : "together",
    textEpochs: second ? epochs : 1,
    textLearningRate: second && learningRate !== last.learningRate ? learningRate : null,
  };
}

/** A run in version 1's format; throws when that format cannot express it. */
export function version1Run(record: WholeRecord): Version1Run {
  const { recipe, sources, stages, evaluations, best } = record;
  const lambdas = recipe.stages.at(-1)?.sources ?? [];
  expect(lambdas.map(({ source }) => source)).toEqual(sources.map((_, index) => index));
  const two = stages.length > 1;
  if (!two) {
    expect(stages).toMatchObject([
      { objective: "mixed", steps: record.totalSteps, examples: record.examples.training },
    ]);
  }
  return {
    ...record,
    recipe: version1Recipe(recipe),
    sources: sources.map((source, index) => ({ ...source, lambda: lambdas[index]?.lambda })),
    stages: two ? stages.map(({ objective, ...stage }) => ({ kind: objective, ...stage })) : [],
    evaluations: evaluations.map(version1Evaluation),
    best: best && version1Evaluation(best),
  };
}

/** The result of a resumed run; `from` is the step from which it resumed. */
export function outcomeOf(run: Version1Run, from: number): Omit<Outcome, "tensors"> {
  const { status, reason, step, evaluations, best, samples, slowdowns, resumeFrom } = run;
  const metrics = run.metrics.filter((one) => one.step > from).map(({ seconds: _, ...rest }) => rest);
  const moments = run.watch?.moments ?? null;
  return { status, reason, step, from, metrics, evaluations, best, samples, moments, slowdowns, resumeFrom };
}

/** The state that the page restores from localStorage. */
export function pageOf({ localStorage }: Dump): Pick<Expected, "page" | "conversations" | "presentConversation"> {
  const { data, model, recipe, watching, engine, compare } = withSaved(initialState, localStorage["hone.page"] ?? null);
  const { conversations, open } = parseConversations(localStorage["hone.conversations"] ?? null);
  return {
    page: {
      chosen: data.chosen,
      selected: model.selected,
      recipe,
      watching,
      choice: engine.choice,
      question: compare.question,
      sampling: compare.entries,
    },
    conversations: conversations.map(({ id, startedAt, sides, turns }) => ({
      id,
      startedAt,
      sides,
      turns: turns.map(({ question, answers }) => ({
        question,
        answers: Object.fromEntries(
          Object.entries(answers).map(([side, { text, status }]) => [side, { text, status }] as const),
        ),
      })),
    })),
    presentConversation: open ?? "",
  };
}

export type OpenBrowser = Awaited<ReturnType<typeof openBrowser>>;

/** Today's engine and dataset service over this realm's storage, on wasm in Node. */
export async function openBrowser() {
  const storage = await openStorage();
  const data = createDatasetService(storage, () => undefined).during("");
  const engine = await createEngine(
    nodeEntries,
    () => undefined,
    async () => data,
  );
  await engine.start("wasm");

  /** A run with its curves. */
  const whole = async (record: RunRecord): Promise<Version1Run> =>
    version1Run(wholeRecord(record, await engine.curvesOf(record.id)));

  return {
    async contents(): Promise<Contents> {
      const list = await Promise.all((await engine.listRuns()).map(whole));
      // Version 1 told neither date nor loss of a checkpoint.
      const stepsOf = async (id: string) => (await engine.checkpointsOf(id)).map(({ step, best }) => ({ step, best }));
      const checkpoints = list.map(async ({ id }) => [id, await stepsOf(id)] as const);
      const models = await engine.listModels();
      const [hash] = models.map((model) => model.hash);
      return {
        runs: list,
        checkpoints: Object.fromEntries(await Promise.all(checkpoints)),
        sizes: await engine.runSizes(),
        models,
        details: hash === undefined ? null : detailsOfVersion1(await engine.modelDetails(hash)),
        datasets: await data.list(),
        fetches: await engine.listFetches(),
        problems: (await engine.report()).problems,
        audit: await storage.audit(),
      };
    },

    /** A checkpoint's greedy answer. */
    async ask({ runId, checkpoint, question, maxTokens }: Omit<Version1Answer, "text" | "step" | "finish">) {
      const record = (await engine.listRuns()).find(({ id }) => id === runId);
      if (!record) throw new Error(`There is no run ${runId}.`);
      const { text, step, finish } = await engine.answer({
        requestId: "",
        modelHash: record.model.hash,
        runId,
        checkpoint,
        template: record.recipe.template,
        systemPrompt: record.recipe.systemPrompt,
        messages: [{ role: "user", content: question }],
        sampling: { temperature: 0, topK: null, topP: null, maxTokens, seed: 42 },
      });
      return { runId, checkpoint, question, maxTokens, text, step, finish };
    },

    /** Resumes a run to its end. */
    async resume(runId: string, from: number): Promise<Outcome> {
      const run = await whole(await engine.resumeRun(runId));
      const view = await storage.checkpoints.open(runId, run.step);
      const digests: [string, string][] = [];
      for (const { name, byteLength, slice } of view?.tensors ?? []) {
        digests.push([name, await sha256(await slice(0, byteLength))]);
      }
      return { ...outcomeOf(run, from), tensors: await sha256(new TextEncoder().encode(JSON.stringify(digests))) };
    },

    async openModel(name: string): Promise<void> {
      const files = Object.entries(modelFiles()).map(([file, bytes]) => new File([bytes], file));
      await engine.openModel({ kind: "files", files, name });
    },

    async importRun(name: string) {
      const { record, added, notes } = await engine.importRun(new File([bytesOf(name)], name));
      return { runId: record.id, name: record.name, added, notes };
    },
  };
}
