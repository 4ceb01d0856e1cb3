/** Trains a model for a few steps, writes it as GGUF in every type, and compares llama.cpp's answers with Hone's. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import type { LoadedModel } from "../../../src/engine/library.ts";
import { exportGgufAdapter } from "../../../src/export/exportGgufAdapter.ts";
import type { OutFile, TrainedTensors } from "../../../src/export/files.ts";
import { exportGguf } from "../../../src/export/gguf.ts";
import { expressTemplate, requireSameTemplate } from "../../../src/export/template.ts";
import { createGenerator } from "../../../src/generation/generate.ts";
import { greedySampling } from "../../../src/generation/sampling.ts";
import { type WrittenType, writtenTypes } from "../../../src/gguf/blocks.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { suggestTemplate } from "../../../src/templates/choose.ts";
import { tokenizerToGguf } from "../../../src/tokenizer/toGguf.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { disposeAll, initialAdapter, parameterPieces, uploadParameters } from "../../../src/training/parameters.ts";
import { compute, openFolder, rowsOf, train } from "../exported.ts";
import { nastyTexts } from "../nasty.ts";
import type { LlamaCpp, LlamaModel } from "./llama.ts";

/** Tokens of a greedy answer. */
const answerTokens = 48;
/**
 * Largest difference of two log-probabilities in F32. ggml looks GELU up in a table of float16, which rounds by 2⁻¹¹ in every
 * layer; a logit may have ten times that.
 */
function toleranceOf({ opened: { config }, definition }: LoadedModel): number {
  const names = [config.hidden_act, config.hidden_activation, config.activation_function, config.model_type];
  const isGelu = names.some((value) => typeof value === "string" && /gelu|gpt|gemma/.test(value));
  return 1e-4 + (isGelu ? 10 * definition.layers.length * 2 ** -11 : 0);
}

/** Every kind of piece in equal steps, without tokens in text: those have ids of their own. */
const texts = nastyTexts([]).filter((_, i, all) => i % Math.floor(all.length / 60) === 0);
/** Probabilities below this are not compared: float32 has too few digits of them. */
const smallest = 1e-6;

export interface GgufVerdict {
  readonly name: string;
  readonly what: WrittenType | "LoRA" | "refused";
  /** Texts whose tokens are the same, of all. */
  readonly texts: string;
  /** Greedy ids that are the same, of all. */
  readonly greedy: string;
  /** Largest difference of two log-probabilities; null where it was not measured. */
  readonly logProbability: number | null;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

async function write(folder: string, files: readonly OutFile[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const { name, content } of files) {
    writeFileSync(join(folder, name), new Uint8Array(await content.arrayBuffer()));
  }
  const gguf = files.find(({ name }) => name.endsWith(".gguf"));
  if (!gguf) throw new Error("The export has no GGUF file.");
  return join(folder, gguf.name);
}

/** Log-probabilities of a row of logits. */
function logSoftmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - largest);
  return Float64Array.from(logits, (value) => value - largest - Math.log(sum));
}

const count = (same: number, all: number) => `${same} of ${all}`;

/** Writes the tuned model in every type and its adapter, and compares them. A refusal is the one verdict. */
export async function compareGguf(
  runtime: Runtime,
  llama: LlamaCpp,
  name: string,
  folder: string,
  out: string,
): Promise<readonly GgufVerdict[]> {
  const model = await openFolder(folder);
  const { definition, opened, vocabulary } = model;
  const targets = linearsOf(definition).map(({ name: target }) => target);
  const method: Extract<Method, { kind: "lora" }> = { kind: "lora", rank: 4, alpha: 8, targets };
  const specs = parametersOf(definition, method);
  const adapter = initialAdapter(specs, 3);
  const parameters = await uploadParameters(
    runtime,
    specs,
    (spec) => adapter.get(spec.name) ?? parameterPieces(spec, opened.devicePieces),
  );
  const modelType = typeof opened.config.model_type === "string" ? opened.config.model_type : null;
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig, { modelType });
  const ofModel = { tokenizer, chatTemplate: opened.chatTemplate };
  const template = { choice: suggestTemplate(ofModel), systemPrompt: null };
  const templates = {
    express: async () => expressTemplate(template, ofModel),
    requireSame: async (written: Parameters<typeof requireSameTemplate>[2]) =>
      requireSameTemplate(template, ofModel, written),
    tokenizer: async (given: Parameters<typeof tokenizerToGguf>[0]) => tokenizerToGguf(given),
  };
  try {
    const base = {
      opened,
      vocabulary,
      templates,
      method,
      model: definition,
      name,
      systemPrompt: null,
      scratch: memoryScratch(),
    };
    const untrained: TrainedTensors = async (visit) => {
      for (const [tensor, values] of adapter) await visit(tensor, new Float32Array(values));
    };
    let plain: string;
    try {
      const { files } = await exportGguf({ ...base, trained: untrained, type: "F32" });
      plain = await write(join(out, "base"), files);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return [{ name, what: "refused", texts: "", greedy: "", logProbability: null, notes: [reason], faults: [] }];
    }
    await train(runtime, model, method, parameters);
    const [row = new Int32Array()] = rowsOf(tokenizer.ownSize, 1, 9);
    const { logits } = await compute(runtime, model, method, parameters, row);
    const generate = createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(definition, method, shape),
      contextLength: definition.contextLength,
    });
    const { stopIds } = await templates.express();
    const own = await generate({
      prompt: row,
      stopIds: [...stopIds, ...opened.stopIds],
      maxTokens: Math.min(answerTokens, definition.contextLength - row.length),
      sampling: greedySampling,
      seed: 0,
    });
    const trained: TrainedTensors = async (visit) => {
      for (const spec of specs) {
        const values = spec.trainable ? await parameters.get(spec.name)?.read() : null;
        if (values instanceof Float32Array) await visit(spec.name, new Float32Array(values));
      }
    };
    // A text that begins with a space has one more in llama.cpp: the notes say so.
    const prefixed = (await templates.tokenizer({ ...opened, modelType, rows: definition.vocabulary })).notes.some(
      (note) => note.startsWith("llama.cpp writes a space"),
    );
    const wanted = { row: [...row], ids: own.ids, stopped: own.finish === "stop", logits, model };
    const verdicts: GgufVerdict[] = [];
    for (const type of writtenTypes) {
      const { files, notes } = await exportGguf({ ...base, trained, type });
      const path = await write(join(out, type), files);
      const opening = await llama.open(path);
      const { source } = await templates.express();
      verdicts.push({ ...(await verdictOn(opening, wanted, type, source, prefixed)), name, notes });
    }
    const { files, notes } = await exportGgufAdapter({
      ...base,
      tensors: Array.from(opened.tensors, ([tensor, { shape }]) => ({ name: tensor, shape })),
      trained,
      baseModel: name,
    });
    const path = await write(join(out, "lora"), files);
    verdicts.push({ ...(await verdictOn(await llama.open(plain, path), wanted, "LoRA", null, prefixed)), name, notes });
    return verdicts;
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

interface Wanted {
  readonly row: readonly number[];
  readonly ids: readonly number[];
  /** Whether Hone's answer ended by itself. */
  readonly stopped: boolean;
  readonly logits: Float32Array;
  readonly model: LoadedModel;
}

/** Compares what llama.cpp computes with the file. In 8 and 4 bits the numbers are others, and only the tokens are compared. */
async function verdictOn(
  opening: LlamaModel,
  { row, ids, stopped, logits, model }: Wanted,
  what: WrittenType | "LoRA",
  template: string | null,
  prefixed: boolean,
): Promise<Omit<GgufVerdict, "name" | "notes">> {
  const faults: string[] = [];
  try {
    const { opened, definition } = model;
    const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig, {
      modelType: typeof opened.config.model_type === "string" ? opened.config.model_type : null,
    });
    const plain = { role: null, message: null, answer: false, supervised: false, weight: 0, kind: "content" } as const;
    const compared = texts.map((text) => (prefixed ? text.replace(/^[ ▁]+/, "") : text));
    const different = compared.filter((text) => {
      const [mine, theirs] = [tokenizer.encode([{ ...plain, text }]).ids, opening.tokenize(text)];
      return mine.length !== theirs.length || mine.some((id, i) => id !== theirs[i]);
    });
    if (different.length > 0)
      faults.push(`tokens of ${different.length} texts differ, first ${JSON.stringify(different[0])}`);
    if (template !== null && opening.chatTemplate !== template) faults.push("the chat template differs");
    const answer = await opening.greedy(row, answerTokens);
    // Hone leaves the token out that ends an answer.
    const theirs = answer.filter((id) => !opening.endsAnswer(id));
    const same = ids.filter((id, i) => theirs[i] === id).length;
    const isExact = what === "F32" || what === "F16" || what === "LoRA";
    if (isExact && same < ids.length)
      faults.push(`greedy ids differ from ${ids.findIndex((id, i) => theirs[i] !== id)} on`);
    const ended = answer.some((id) => opening.endsAnswer(id));
    if (isExact && ended !== stopped)
      faults.push(ended ? "it ends its answer, and Hone does not" : "it does not end its answer");
    let worst: number | null = null;
    if (what === "F32" || what === "LoRA") {
      const probabilities = await opening.probabilities(row);
      worst = 0;
      for (const [at, found] of probabilities.entries()) {
        const expected = logSoftmax(logits.subarray(at * definition.vocabulary, (at + 1) * definition.vocabulary));
        for (const [id, value] of found) {
          if (value < smallest) continue;
          worst = Math.max(worst, Math.abs(Math.log(value) - (expected[id] ?? Number.NaN)));
        }
      }
      if (!(worst <= toleranceOf(model))) faults.push(`log-probabilities differ by ${worst.toExponential(1)}`);
    }
    return {
      what,
      texts: count(texts.length - different.length, texts.length),
      greedy: count(same, ids.length),
      logProbability: worst,
      faults,
    };
  } finally {
    await opening.dispose();
  }
}
