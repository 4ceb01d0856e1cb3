/** Exports a model as GGUF in every type and as a LoRA, and compares what llama.cpp computes with Hone. */

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { linearsOf, type Method, parametersOf } from "../../src/artifacts/method.ts";
import { createLibrary, type LoadedModel } from "../../src/engine/library.ts";
import { exportGgufAdapter } from "../../src/export/exportGgufAdapter.ts";
import type { Bundle, TrainedTensors } from "../../src/export/files.ts";
import { exportGguf } from "../../src/export/gguf.ts";
import { expressTemplate, requireSameTemplate, type TemplateWriter } from "../../src/export/template.ts";
import { type WrittenType, writtenTypes } from "../../src/gguf/blocks.ts";
import { readHeader } from "../../src/gguf/read.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { memoryScratch } from "../../src/storage/scratch.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { suggestTemplate } from "../../src/templates/choose.ts";
import { bytesFromMemory } from "../../src/tensor/bytes.ts";
import { tokenizerToGguf } from "../../src/tokenizer/toGguf.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import {
  disposeAll,
  initialAdapter,
  type ParameterTensors,
  parameterPieces,
  uploadParameters,
} from "../../src/training/parameters.ts";
import { type Computed, compute, filesOf, rowsOf, train } from "./exported.ts";
import { compareTexts } from "./ggufTexts.ts";
import type { LlamaModel, LlamaRunner } from "./llama.ts";

/** Ids of a greedy answer. */
export const greedyTokens = 48;
const promptTokens = 8;

/**
 * Largest difference of a token's log-probability from Hone's on the same file. llama.cpp rounds activations to the type of
 * the weights before it multiplies.
 */
export const tolerances: Readonly<Record<WrittenType, number>> = { F32: 1e-4, F16: 2e-2, Q8_0: 0.2, Q4_0: 0.3 };

/** What llama.cpp computed from one file, beside Hone. */
export interface Comparison {
  readonly what: WrittenType | "LoRA";
  readonly file: string;
  /** Largest difference of log-probabilities of tokens above one in a million. */
  readonly deviation: number;
  /** Equal greedy ids of `answered`. */
  readonly greedy: number;
  readonly answered: number;
  /** llama.cpp's greedy ids. */
  readonly ids: readonly number[];
  readonly faults: readonly string[];
}

export interface GgufVerdict {
  readonly name: string;
  /** Why Hone does not write the model; null where it does. */
  readonly refusal: string | null;
  readonly notes: readonly string[];
  /** Texts with equal tokens, and the differences of tokens and of the template. */
  readonly texts: { readonly equal: number; readonly faults: readonly string[] };
  readonly comparisons: readonly Comparison[];
}

/** Opens a folder in Hugging Face layout, or a GGUF file. */
export async function openBase(path: string, name = basename(path)): Promise<LoadedModel> {
  const library = createLibrary(await openStorage(), () => undefined);
  const files = statSync(path).isDirectory() ? filesOf(path) : [new File([readFileSync(path)], basename(path))];
  return library.openModel({ kind: "files", files, name });
}

export function tokenizerOf({ opened }: LoadedModel) {
  const { config, tokenizerJson, tokenizerConfig } = opened;
  const { model_type } = Object(config);
  return createTokenizer(tokenizerJson, tokenizerConfig, {
    modelType: typeof model_type === "string" ? model_type : null,
  });
}

/** The template that Hone suggests, in this thread. */
function templatesOf(model: LoadedModel): TemplateWriter {
  const ofModel = { tokenizer: tokenizerOf(model), chatTemplate: model.opened.chatTemplate };
  const template = { choice: suggestTemplate(ofModel), systemPrompt: null };
  return {
    express: async () => expressTemplate(template, ofModel),
    requireSame: async (written) => requireSameTemplate(template, ofModel, written),
    tokenizer: async (given) => tokenizerToGguf(given),
  };
}

/** Writes the files of an export and returns the path of its GGUF file. */
async function write(folder: string, { files }: Bundle): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const { name, content } of files) writeFileSync(join(folder, name), new Uint8Array(await content.arrayBuffer()));
  return join(folder, files.find(({ name }) => name.endsWith(".gguf"))?.name ?? "");
}

/** The context of a file: beyond it, llama.cpp may compute another model. */
async function contextOf(file: string): Promise<number> {
  const { keys } = await readHeader(bytesFromMemory(file, new Uint8Array(readFileSync(file))));
  const context = [...keys].find(([key]) => key.endsWith(".context_length"))?.[1];
  return context && context.type !== "array" ? Number(context.value) : 0;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Exports a model, and opens each file in llama.cpp. `out`: a folder for the files. */
export async function checkGguf(
  runtime: Runtime,
  llama: LlamaRunner,
  name: string,
  base: string,
  out: string,
): Promise<GgufVerdict> {
  const model = await openBase(base, name);
  const { definition, opened, vocabulary } = model;
  const targets = linearsOf(definition).map(({ name: target }) => target);
  const method: Method = { kind: "lora", rank: 4, alpha: 8, targets };
  const specs = parametersOf(definition, method);
  const adapter = initialAdapter(specs, 3);
  const parameters = await uploadParameters(
    runtime,
    specs,
    (spec) => adapter.get(spec.name) ?? parameterPieces(spec, opened.devicePieces),
  );
  const trained: TrainedTensors = async (visit) => {
    for (const spec of specs) {
      const values = spec.trainable ? await parameters.get(spec.name)?.read() : null;
      if (values instanceof Float32Array) await visit(spec.name, new Float32Array(values));
    }
  };
  const templates = templatesOf(model);
  const common = { model: definition, vocabulary, method, trained, templates, name, systemPrompt: null };
  const whole = (type: WrittenType) => exportGguf({ ...common, opened, type, scratch: memoryScratch() });
  const notes: string[] = [];
  const comparisons: Comparison[] = [];
  try {
    const paths: { readonly type: WrittenType; readonly file: string }[] = [];
    try {
      // B is zero, so these files have the base's weights.
      for (const type of writtenTypes) {
        const bundle = await whole(type);
        for (const note of bundle.notes) if (!notes.includes(note)) notes.push(note);
        paths.push({ type, file: await write(join(out, type), bundle) });
      }
    } catch (error) {
      return { name, refusal: messageOf(error), notes, texts: { equal: 0, faults: [] }, comparisons };
    }
    const [first] = paths;
    const context = Math.min(await contextOf(first?.file ?? ""), 256);
    const [row = new Int32Array()] = rowsOf(definition.vocabulary, 1, 9);
    const asked = row.subarray(0, Math.min(row.length, context));
    let texts: GgufVerdict["texts"] = { equal: 0, faults: ["no file was written"] };
    for (const { type, file } of paths) {
      const own = await reopened(runtime, file, asked, context);
      const theirs = await llama.open(file, { context });
      if (type === "F32") texts = await compareTexts(theirs, model, await templates.express());
      comparisons.push(await compared(type, file, theirs, own, asked, context, definition.vocabulary));
      await theirs.dispose();
    }
    await train(runtime, model, method, parameters);
    const lora = await write(
      join(out, "lora"),
      await exportGgufAdapter({
        ...common,
        baseModel: name,
        tensors: Array.from(opened.tensors, ([tensor, { shape }]) => ({ name: tensor, shape })),
      }),
    );
    const theirs = await llama.open(first?.file ?? "", { context, lora });
    const own = await answered(runtime, model, method, parameters, asked, context);
    comparisons.push(await compared("LoRA", lora, theirs, own, asked, context, definition.vocabulary));
    await theirs.dispose();
    return { name, refusal: null, notes, texts, comparisons };
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** Hone's logits of a row, and its greedy answer to the row's beginning. */
async function answered(
  runtime: Runtime,
  model: LoadedModel,
  method: Method | null,
  parameters: ParameterTensors,
  row: Int32Array,
  context: number,
): Promise<Computed> {
  const { logits } = await compute(runtime, model, method, parameters, row, 1);
  const { ids } = await compute(runtime, model, method, parameters, ...promptOf(row, context));
  return { logits, ids };
}

/** The beginning of a row, and the number of ids that may follow within the context. */
function promptOf(row: Int32Array, context: number): [Int32Array, number] {
  const prompt = row.subarray(0, Math.max(1, Math.min(promptTokens, context - 1)));
  return [prompt, Math.max(0, Math.min(greedyTokens, context - prompt.length))];
}

/** What Hone computes with an exported file. */
async function reopened(runtime: Runtime, file: string, row: Int32Array, context: number): Promise<Computed> {
  const model = await openBase(file);
  const specs = parametersOf(model.definition, null);
  const parameters = await uploadParameters(runtime, specs, (spec) => parameterPieces(spec, model.opened.devicePieces));
  try {
    return await answered(runtime, model, null, parameters, row, context);
  } finally {
    disposeAll(parameters);
  }
}

async function compared(
  what: Comparison["what"],
  file: string,
  theirs: LlamaModel,
  own: Computed,
  row: Int32Array,
  context: number,
  vocabulary: number,
): Promise<Comparison> {
  const [prompt, count] = promptOf(row, context);
  const ids = await theirs.greedy([...prompt], count);
  const other = ids.findIndex((id, i) => id !== own.ids[i]);
  const greedy = other < 0 ? ids.length : other;
  const deviation = apart(own.logits, await theirs.logProbabilities([...row], vocabulary), vocabulary);
  const most = tolerances[what === "LoRA" ? "F32" : what];
  const isQuantised = what === "Q8_0" || what === "Q4_0";
  return {
    ...{ what, file, deviation, greedy, answered: ids.length, ids },
    faults: [
      ...(deviation <= most ? [] : [`log-probabilities differ by ${deviation.toExponential(1)}, above ${most}`]),
      ...(greedy === ids.length || isQuantised ? [] : [`greedy ids differ from the ${greedy + 1}th on`]),
    ],
  };
}

/** Probabilities below this are sums of rounding. */
const leastLog = Math.log(1e-6);

/** Largest difference of log-probabilities; NaN counts as infinite. */
export function apart(logits: Float32Array, theirs: Float64Array, vocabulary: number): number {
  let most = 0;
  for (let at = 0; at < logits.length; at += vocabulary) {
    const row = logits.subarray(at, at + vocabulary);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = Math.log(row.reduce((total, value) => total + Math.exp(value - largest), 0)) + largest;
    row.forEach((value, id) => {
      const own = value - sum;
      if (own < leastLog) return;
      const difference = Math.abs(own - (theirs[at + id] ?? Number.NaN));
      most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
    });
  }
  return most;
}
