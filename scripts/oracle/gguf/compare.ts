/** Exports a model as GGUF in every type and as a LoRA, and compares what llama.cpp computes with Hone. */

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { createLibrary, type LoadedModel } from "../../../src/engine/library.ts";
import { exportGgufAdapter } from "../../../src/export/exportGgufAdapter.ts";
import type { Bundle, TrainedTensors } from "../../../src/export/files.ts";
import { exportGguf } from "../../../src/export/gguf.ts";
import { expressTemplate, requireSameTemplate, type TemplateWriter } from "../../../src/export/template.ts";
import { type WrittenType, writtenTypes } from "../../../src/gguf/blocks.ts";
import { readHeader } from "../../../src/gguf/read.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { suggestTemplate } from "../../../src/templates/choose.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { tokenizerToGguf } from "../../../src/tokenizer/toGguf.ts";
import {
  disposeAll,
  initialAdapter,
  type ParameterTensors,
  parameterPieces,
  uploadParameters,
} from "../../../src/training/parameters.ts";
import { type Computed, compute, filesOf, rowsOf, train } from "../exported.ts";
import type { LlamaModel, LlamaRunner } from "./llama.ts";
import { compareTexts, type TextVerdict, tokenizerOf } from "./texts.ts";

/** Ids of a greedy answer. */
export const greedyTokens = 48;
const promptTokens = 8;

/**
 * Largest difference of a token's log-probability from Hone's on the same file. llama.cpp rounds activations to the type of
 * the weights before it multiplies.
 */
export const tolerances: Readonly<Record<WrittenType, number>> = { F32: 1e-4, F16: 5e-2, Q8_0: 0.5, Q4_0: 0.5 };

/** Largest mean divergence from Hone on the same blocks, in nats; the most measured is 7.6e-4. */
const mostDivergence = 2e-3;

/** llama.cpp has GELU as a table of 16 bits, and GPT-NeoX's as the approximation by tanh. */
const geluTolerance = 1e-2;
const hasGelu = (architecture: string) => /GPT|Gemma/.test(architecture);

/** What llama.cpp computed from one file, beside Hone. */
export interface Comparison {
  readonly what: WrittenType | "LoRA";
  readonly file: string;
  /**
   * From Hone on the same file, whose blocks it reads back: the largest difference of log-probabilities of tokens above one in a
   * million, and the mean divergence of a token's distribution, Σ p·ln(p/q) in nats.
   */
  readonly deviation: number;
  readonly divergence: number;
  /** The same from Hone on the model before its weights got the type of the file; null for the LoRA. */
  readonly fromFloat: { readonly deviation: number; readonly divergence: number } | null;
  /** Equal greedy ids of `answered`. After another choice between two equal ones all that follows differs. */
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
  readonly texts: TextVerdict;
  readonly comparisons: readonly Comparison[];
}

/** Opens a folder in Hugging Face layout, or a GGUF file. */
export async function openBase(path: string, name = basename(path)): Promise<LoadedModel> {
  const library = createLibrary(await openStorage(), () => undefined);
  const files = statSync(path).isDirectory() ? filesOf(path) : [new File([readFileSync(path)], basename(path))];
  return library.openModel({ kind: "files", files, name });
}

/** The template that Hone suggests, in this thread. */
export function templatesOf(model: LoadedModel): TemplateWriter {
  const ofModel = { tokenizer: tokenizerOf(model), chatTemplate: model.opened.chatTemplate };
  const template = { choice: suggestTemplate(ofModel), systemPrompt: null };
  return {
    express: async () => expressTemplate(template, ofModel),
    requireSame: async (written) => requireSameTemplate(template, ofModel, written),
    tokenizer: async (given) => tokenizerToGguf(given),
  };
}

/** Writes the files of an export and returns the path of its GGUF file. */
export async function writeBundle(folder: string, { files }: Bundle): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const { name, content } of files) writeFileSync(join(folder, name), new Uint8Array(await content.arrayBuffer()));
  return join(folder, files.find(({ name }) => name.endsWith(".gguf"))?.name ?? "");
}

/** The context of a file: beyond it, llama.cpp may compute another model. */
export async function contextOf(file: string): Promise<number> {
  const { keys } = await readHeader(bytesFromMemory(file, new Uint8Array(readFileSync(file))));
  const context = [...keys].find(([key]) => key.endsWith(".context_length"))?.[1];
  return context && context.type !== "array" ? Number(context.value) : 0;
}

const noTexts = { equal: 0, noted: 0, tokens: [], prompts: [] };

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
        paths.push({ type, file: await writeBundle(join(out, type), bundle) });
      }
    } catch (error) {
      return { name, refusal: messageOf(error), notes, texts: { ...noTexts, faults: [] }, comparisons };
    }
    const [first] = paths;
    const context = Math.min(await contextOf(first?.file ?? ""), 256);
    const [row = new Int32Array()] = rowsOf(definition.vocabulary, 1, 9);
    const asked = row.slice(0, Math.min(row.length, context));
    const float = (await compute(runtime, model, method, parameters, asked, 0)).logits;
    let texts: TextVerdict = { ...noTexts, faults: ["no file was written"] };
    for (const { type, file } of paths) {
      const again = await openBase(file);
      const theirs = await llama.open(file);
      if (type === "F32") {
        const tokenizers = { own: tokenizerOf(model), again: tokenizerOf(again) };
        texts = compareTexts(theirs, tokenizers, await templates.express(), notes);
      }
      const one = { what: type, file, row: asked, context, model, float };
      comparisons.push(await reopened(runtime, again, asked, context, (own) => compared(one, theirs, own)));
      await theirs.dispose();
    }
    await train(runtime, model, method, parameters);
    const lora = await writeBundle(
      join(out, "lora"),
      await exportGgufAdapter({
        ...common,
        baseModel: name,
        tensors: Array.from(opened.tensors, ([tensor, { shape }]) => ({ name: tensor, shape })),
      }),
    );
    const theirs = await llama.open(first?.file ?? "", lora);
    const own = await answered(runtime, model, method, parameters, asked, context);
    comparisons.push(
      await compared({ what: "LoRA", file: lora, row: asked, context, model, float: null }, theirs, own),
    );
    await theirs.dispose();
    return { name, refusal: null, notes, texts, comparisons };
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

interface Answered extends Computed {
  /** Hone's logit of one id after these, less that of another. */
  margin(ids: readonly number[], one: number, other: number): Promise<number>;
}

/** Hone's logits of a row, and its greedy answer to the row's beginning. */
async function answered(
  runtime: Runtime,
  model: LoadedModel,
  method: Method | null,
  parameters: ParameterTensors,
  row: Int32Array,
  context: number,
): Promise<Answered> {
  const { logits } = await compute(runtime, model, method, parameters, row, 0);
  const [prompt, count] = promptOf(row, context);
  const { ids } = await compute(runtime, model, method, parameters, prompt, count);
  return {
    logits,
    ids,
    async margin(before, one, other) {
      const found = await compute(runtime, model, method, parameters, Int32Array.from(before), 0);
      const last = found.logits.subarray(found.logits.length - model.definition.vocabulary);
      return (last[one] ?? 0) - (last[other] ?? 0);
    },
  };
}

/** The beginning of a row, and the number of ids that may follow within the context. */
export function promptOf(row: Int32Array, context: number): [Int32Array, number] {
  const prompt = row.slice(0, Math.max(1, Math.min(promptTokens, context >> 1)));
  return [prompt, Math.max(0, Math.min(greedyTokens, context - prompt.length))];
}

/** Does `work` with what Hone computes with an exported file. */
export async function reopened<T>(
  runtime: Runtime,
  model: LoadedModel,
  row: Int32Array,
  context: number,
  work: (own: Answered) => Promise<T>,
): Promise<T> {
  const specs = parametersOf(model.definition, null);
  const parameters = await uploadParameters(runtime, specs, (spec) => parameterPieces(spec, model.opened.devicePieces));
  try {
    return await work(await answered(runtime, model, null, parameters, row, context));
  } finally {
    disposeAll(parameters);
  }
}

interface Asked {
  readonly what: Comparison["what"];
  readonly file: string;
  readonly row: Int32Array;
  readonly context: number;
  readonly model: LoadedModel;
  /** Hone's logits of the model in float32. */
  readonly float: Float32Array | null;
}

async function compared({ what, file, row, context, model, float }: Asked, theirs: LlamaModel, own: Answered) {
  const { vocabulary, architecture } = model.definition;
  const [prompt, count] = promptOf(row, context);
  const ids = await theirs.greedy([...prompt], count);
  const greedy = ids.findIndex((id, i) => id !== own.ids[i]);
  const found = await theirs.logProbabilities([...row], vocabulary);
  const { deviation, divergence } = apart(own.logits, found, vocabulary);
  const exact = hasGelu(architecture) ? geluTolerance : tolerances.F32;
  const most = what === "LoRA" || what === "F32" ? exact : tolerances[what];
  const faults = deviation <= most ? [] : [`log-probabilities differ by ${deviation.toExponential(1)}, above ${most}`];
  if (greedy >= 0) {
    const [one = 0, other = 0] = [own.ids[greedy], ids[greedy]];
    const margin = await own.margin([...prompt, ...ids.slice(0, greedy)], one, other);
    if (!(margin <= 2 * most))
      faults.push(`greedy id ${greedy + 1} is ${other}, not ${one}, by ${margin.toPrecision(2)}`);
  }
  const fromFloat = float && apart(float, found, vocabulary);
  if (!(divergence <= mostDivergence))
    faults.push(`mean divergence is ${divergence.toExponential(1)} from equal blocks`);
  // Of other blocks than llama.cpp's, Hone would be as far as the float model.
  if (fromFloat && fromFloat.divergence > 1e-4 && divergence > fromFloat.divergence)
    faults.push(
      `llama.cpp is nearer to the float model (${fromFloat.divergence.toExponential(1)}) than to equal blocks`,
    );
  const equal = greedy < 0 ? ids.length : greedy;
  return { what, file, deviation, divergence, fromFloat, greedy: equal, answered: ids.length, ids, faults };
}

/** Probabilities below this are sums of rounding. */
const leastLog = Math.log(1e-6);

/** Largest difference of log-probabilities, and mean divergence of the rows; NaN counts as infinite. */
export function apart(
  logits: Float32Array,
  theirs: Float64Array,
  vocabulary: number,
): { readonly deviation: number; readonly divergence: number } {
  let [most, divergence] = [0, 0];
  for (let at = 0; at < logits.length; at += vocabulary) {
    const row = logits.subarray(at, at + vocabulary);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = Math.log(row.reduce((total, value) => total + Math.exp(value - largest), 0)) + largest;
    row.forEach((value, id) => {
      const own = value - sum;
      if (own < leastLog) return;
      const difference = Math.abs(own - (theirs[at + id] ?? Number.NaN));
      most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
      divergence += Math.exp(own) * (own - (theirs[at + id] ?? Number.NaN));
    });
  }
  return { deviation: most, divergence: divergence / (logits.length / vocabulary) };
}
