/** Opens weights that another tool trained, as a run of no steps with one checkpoint: it can be compared, exported and trained on. */

import { type Method, parametersOf } from "../artifacts/method.ts";
import { readGgufAdapter } from "../export/ggufAdapter.ts";
import { readLineage } from "../export/lineage.ts";
import { readAdapter } from "../export/readAdapter.ts";
import { findTuned, type TunedFolder } from "../export/tunedFiles.ts";
import { readJson } from "../hub/bytes.ts";
import { readChatTemplates } from "../hub/chatTemplate.ts";
import { ModelError } from "../hub/error.ts";
import { openOptional } from "../hub/weights.ts";
import type { ImportedRun, TunedFiles } from "../protocol/engine.ts";
import { noCurves, noProgress } from "../run/curves.ts";
import type { RunOrigin } from "../run/origin.ts";
import { defaultRecipe, type Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { Storage } from "../storage/storage.ts";
import type { TensorSource } from "../storage/writeCheckpoint.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { initialState } from "../training/state.ts";
import type { Library, LoadedModel } from "./library.ts";
import { modelOfRequest } from "./precision.ts";
import type { TrainedTensor } from "./trained.ts";
import { createTrainedHash } from "./trainedHash.ts";
import { readTunedModel } from "./tunedModel.ts";
import { tokensNote } from "./tunedTokens.ts";

/** The trained weights of another tool, checked against the base model. */
export interface TunedWeights {
  readonly method: Method;
  readonly baseModel: string | null;
  readonly notes: readonly string[];
  /** Calls `visit` with each trained tensor once, and checks its numbers. */
  check(visit: (tensor: TrainedTensor) => Promise<void>): Promise<void>;
  /** A trained tensor by Hone's name. */
  read(name: string): Promise<Float32Array<ArrayBuffer>>;
}

export interface OpenTunedParts {
  readonly storage: Storage;
  readonly library: Library;
  readonly device: ProviderReport;
  onProgress(task: string, done: number, total: number | null): void;
}

/** After an error, which names file and field, or after a cancellation nothing stays in the storage. */
export async function openTuned(
  { storage, library, device, onProgress }: OpenTunedParts,
  request: TunedFiles,
  signal: AbortSignal | undefined,
): Promise<ImportedRun> {
  onProgress("Reading the weights", 0, null);
  const model = await library.model(request.modelHash, signal);
  const given = request.files.map(({ path, file }) => ({ path, open: async () => file }));
  const folder = await findTuned(request.name, given, signal);
  const weights = await readWeights(folder, model, signal);
  const specs = parametersOf(model.definition, weights.method).filter(({ trainable }) => trainable);
  const hash = createTrainedHash();
  let done = 0;
  await weights.check(async (tensor) => {
    signal?.throwIfAborted();
    await hash.add(tensor);
    onProgress("Checking the weights", ++done, specs.length);
  });
  const from = await readLineage(folder.files, signal);
  const origin: RunOrigin = {
    format: folder.format,
    file: cut(folder.name, longestName),
    hash: await hash.finish(),
    baseModel: weights.baseModel === null ? null : cut(weights.baseModel, longestName),
    notes: [
      ...baseNote(weights.baseModel, model.summary.name),
      ...weights.notes,
      ...(await tokenizerNotes(folder, model, signal)),
    ],
    ...(from && { from }),
  };
  const { runs } = await storage.runs.list();
  const twin = runs.find((run) => run.model.hash === model.summary.hash && run.origin?.hash === origin.hash);
  if (twin)
    return { record: twin, added: false, notes: [`This browser already has these weights, as "${twin.name}".`] };

  const template = (await templateOf(folder, model, signal)) ?? request.template;
  const usual = defaultRecipe(weights.method.kind);
  const automatic: Recipe = {
    ...usual,
    ...(weights.method.kind === "lora" && { lora: loraOf(weights.method) }),
    template,
    systemPrompt: request.systemPrompt,
    maxLength: Math.min(usual.maxLength, model.summary.contextLength),
  };
  const { recipe } = await modelOfRequest(library, { modelHash: request.modelHash, recipe: automatic }, device, signal);
  const now = new Date().toISOString();
  const record: RunRecord = {
    id: crypto.randomUUID(),
    name: origin.file,
    note: "",
    createdAt: now,
    updatedAt: now,
    status: "finished",
    reason: null,
    model: { name: model.summary.name, hash: model.summary.hash, parameters: model.summary.parameters },
    sources: [],
    recipe,
    provider: device.provider,
    trainable: specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    examples: { training: 0, validation: 0 },
    stages: recipe.stages.map(({ objective }) => ({ objective, steps: 0, examples: 0, supervisedTokens: null })),
    totalSteps: 0,
    step: 0,
    seconds: 0,
    progress: noProgress,
    best: null,
    samples: [],
    watch: null,
    slowdowns: [],
    resumeFrom: null,
    origin,
  };
  let stored = 0;
  const tensors = specs.map(
    ({ name, shape }): TensorSource => ({
      name,
      dtype: "float32",
      shape,
      read() {
        onProgress("Storing the weights", ++stored, specs.length);
        return weights.read(name);
      },
    }),
  );
  const checkpoint = { step: 0, savedAt: now, state: beforeSteps(recipe), tensors };
  const results = { exams: [], votes: [] };
  await storage.checkpoints.adopt(
    { record, curves: noCurves, checkpoints: [checkpoint], datasets: [], results },
    signal,
  );
  return { record, added: true, notes: origin.notes };
}

/** Characters of a name from foreign files. */
const longestName = 200;

const loraOf = ({ rank, alpha, targets }: Extract<Method, { kind: "lora" }>) => ({ rank, alpha, targets });

/** The loop's state before any step. */
const beforeSteps = ({ stages }: Recipe): object =>
  initialState({ epoch: 0, cursor: 0, random: [0, 0, 0, 1], passes: [], drawn: 0, stages: stages.length });

async function readWeights(
  folder: TunedFolder,
  model: LoadedModel,
  signal: AbortSignal | undefined,
): Promise<TunedWeights> {
  if (folder.format === "model") return readTunedModel(folder.files, model, signal);
  const { definition, opened } = model;
  const adapter =
    folder.format === "gguf"
      ? await readGgufAdapter(await folder.files.open(folder.name), definition, signal)
      : await readAdapter(folder.files, definition, (name) => opened.read(name, signal), signal);
  const shapes = parametersOf(definition, adapter.method).filter(({ trainable }) => trainable);
  const read = async (name: string) => adapter.tensors.get(name) ?? new Float32Array(0);
  return {
    ...adapter,
    read,
    async check(visit) {
      for (const { name, shape } of shapes) await visit({ name, shape, data: await read(name) });
    },
  };
}

/** The folder's template where it has one: the model's own where the texts are equal. */
async function templateOf(
  { format, files }: TunedFolder,
  { opened }: LoadedModel,
  signal: AbortSignal | undefined,
): Promise<TemplateChoice | null> {
  if (format === "gguf") return null;
  const options = signal ? { signal } : {};
  const config = await openOptional(files, "tokenizer_config.json", options);
  const tokenizerConfig = config instanceof ModelError ? null : (await readJson(config, signal)).value;
  const { text } = await readChatTemplates(files, tokenizerConfig, options);
  if (text === null) return null;
  return text === opened.chatTemplate ? { kind: "model" } : { kind: "custom", source: text };
}

async function tokenizerNotes(
  { files }: TunedFolder,
  { opened }: LoadedModel,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const source = await openOptional(files, "tokenizer.json", signal ? { signal } : {});
  if (source instanceof ModelError) return [];
  const note = tokensNote((await readJson(source, signal)).value, opened.tokenizerJson);
  return note === null ? [] : [note];
}

/** A name of the base model that is not the open model's: a folder's name or an id may differ for the same model. */
function baseNote(named: string | null, own: string): string[] {
  const last = (name: string) =>
    name
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1)
      ?.toLowerCase();
  if (named === null || last(named) === last(own)) return [];
  return [`Its files name the base model ${cut(named)}; it is open on ${cut(own)}, whose layers have the same shapes.`];
}
