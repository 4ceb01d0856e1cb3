/**
 * A trained model in Hugging Face layout: the base's own files with the trained tensors, and the run's template and
 * stop tokens. Each tensor is stored once: a tied head is the embedding and is not repeated. Tensors are written one at
 * a time into a scratch file, read back and compared.
 */

import { type Method, parametersOf } from "../artifacts/method.ts";
import { decodeFloats, encodeFloats } from "../hub/elements.ts";
import type { ModelTensor } from "../hub/expected.ts";
import { sha256 } from "../hub/hash.ts";
import type { OpenModel } from "../hub/model.ts";
import { layoutSafetensors } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { FileTensor } from "../models/fileTensor.ts";
import type { Scratch } from "../storage/scratch.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import { type Bundle, ExportError, jsonFile, type OutFile, type TrainedTensors } from "./files.ts";
import { mergeAdapter } from "./merge.ts";
import { requireModel, type WantedModel, type WantedTensor } from "./readBack.ts";
import type { ExportedTemplate, TemplateWriter } from "./template.ts";

export interface MergedParts {
  /** The base model's files. */
  readonly opened: Pick<OpenModel, "config" | "tensors" | "files" | "read" | "tokenizerConfig" | "generationConfig">;
  readonly model: ModelDefinition;
  readonly vocabulary: Vocabulary;
  readonly method: Method;
  readonly trained: TrainedTensors;
  readonly templates: TemplateWriter;
  /** The weights are written here. */
  readonly scratch: Scratch;
  /** Tensors written, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Throws ExportError when the template cannot be exported, when no token stops an answer, when a number exceeds the
 * base's type, or when the files, read back, differ; the signal's reason when cancelled.
 */
export async function exportMerged(parts: MergedParts): Promise<Bundle> {
  const { opened, model, templates } = parts;
  const template = await templates.express();
  const weights = await mergeWeights(parts);
  const texts = await textFiles(parts, template);
  const files = [...texts, weights.file];
  const wanted: WantedModel = { model, config: opened.config, template, templates, tensors: weights.tensors };
  await requireModel(files, wanted, parts.signal);
  return { files, notes: [...template.notes, ...weights.notes], tensors: weights.tensors.size };
}

type Values = Float32Array<ArrayBuffer>;

/** A parameter with its tensor in the base's files and that tensor's entry there. */
interface StoredParameter {
  readonly name: string;
  readonly tensor: FileTensor;
  readonly entry: ModelTensor;
}

interface Written {
  readonly file: OutFile;
  readonly tensors: ReadonlyMap<string, WantedTensor>;
  readonly notes: readonly string[];
}

async function mergeWeights(parts: MergedParts): Promise<Written> {
  const { opened, model, method, trained, scratch, onProgress, signal } = parts;
  const out = await scratch.create("The merged model");
  const { head, places } = placesOf([...opened.tensors.values()]);
  out.write(head, 0);
  const tensors = new Map<string, WantedTensor>();
  const rounding = createRounding();
  const keep = async ({ name, dtype, shape }: ModelTensor, bytes: Uint8Array<ArrayBuffer>) => {
    signal?.throwIfAborted();
    tensors.set(name, { dtype, shape, sha256: await sha256(bytes) });
    out.write(bytes, places.get(name) ?? 0);
    onProgress?.(tensors.size, opened.tensors.size);
  };
  const specs = parametersOf(model, method);
  /** The parameters that are stored in the base's files. */
  const stored = specs.flatMap(({ name, source }): StoredParameter[] => {
    const entry = source.kind === "checkpoint" && opened.tensors.get(source.tensor.name);
    return source.kind === "checkpoint" && entry ? [{ name, entry, tensor: source.tensor }] : [];
  });
  /** Writes `become` of a parameter in place of the base's values. */
  const change = async ({ entry, tensor }: StoredParameter, become: (base: Values) => Values): Promise<void> => {
    const base = await opened.read(entry.name, signal);
    const values = tensor.toFile(become(tensor.toParameter(base)));
    const bytes = encodeFloats(entry.dtype, values);
    rounding.add(entry, base, values, decodeFloats(entry.dtype, bytes, new Float32Array(values.length)));
    await keep(entry, bytes);
  };

  if (method.kind === "full") {
    const byName = new Map(stored.map((one) => [one.name, one]));
    await trained(async (name, values) => {
      const one = byName.get(name);
      if (one) await change(one, () => values);
    });
  } else {
    const adapter = new Map<string, Values>();
    await trained((name, values) => void adapter.set(name, values));
    const adapted = new Set(specs.flatMap(({ name, source }) => (source.kind === "lora_A" ? [name] : [])));
    for (const one of stored) {
      const { name, entry } = one;
      const pair = name.replace(/weight$/, "lora_A.weight");
      if (!adapted.has(pair)) {
        await keep(entry, await entry.source.slice(entry.start, entry.end, signal));
        continue;
      }
      const [down, up] = [adapter.get(pair), adapter.get(name.replace(/weight$/, "lora_B.weight"))];
      if (!down || !up) throw incomplete(name);
      await change(one, (base) => mergeAdapter(base, down, up, method));
    }
  }

  for (const [name, entry] of opened.tensors) {
    if (tensors.has(name)) continue;
    if (sizeOf(entry.shape) > 0) throw incomplete(name);
    await keep(entry, new Uint8Array(0));
  }
  return { file: { name: "model.safetensors", content: await out.finish() }, tensors, notes: rounding.notes(method) };
}

/** The file's header and the byte offset of each tensor, known before any tensor is computed. */
function placesOf(tensors: readonly ModelTensor[]) {
  const { head, ordered } = layoutSafetensors(tensors, { format: "pt" });
  const places = new Map<string, number>();
  let at = head.length;
  for (const { name, start, end } of ordered) {
    places.set(name, at);
    at += end - start;
  }
  return { head, places };
}

const incomplete = (name: string) =>
  new ExportError(
    `The checkpoint has no values for ${name}, a trained parameter: resume the run until its next checkpoint, then export that.`,
  );

/** Above this share of rounding in the trained change, the notes report it. */
const muchRounded = 0.1;

/** Root mean squares of the trained change and of the part that the base's type loses. */
function createRounding() {
  let changed = 0;
  let lost = 0;
  const types = new Set<string>();
  return {
    add({ name, dtype }: ModelTensor, base: Float32Array, exact: Float32Array, stored: Float32Array) {
      for (let i = 0; i < exact.length; i++) {
        const value = exact[i] as number;
        const rounded = stored[i] as number;
        if (!Number.isFinite(rounded)) {
          throw new ExportError(
            `The merged ${name} contains ${value}, which the base model's type ${dtype} cannot represent: export the adapter, or ` +
              "open the base model in F32 and train again.",
          );
        }
        changed += (value - (base[i] as number)) ** 2;
        lost += (rounded - value) ** 2;
      }
      types.add(dtype);
    },
    notes(method: Method): string[] {
      if (changed === 0) return ["The merged model equals its base: training has not changed a number yet."];
      const share = Math.sqrt(lost / changed);
      if (share < muchRounded) return [];
      const whole = method.kind === "lora" ? "the adapter is exact" : "a base model in F32 would be exact";
      return [
        `The merged weights have the base model's type, ${[...types].join(" and ")}: rounding adds an error of ` +
          `${Math.round(100 * share)} % of the trained change; ${whole}.`,
      ];
    },
  };
}

/** `config.json` and `tokenizer.json` are the base's, byte for byte. */
async function textFiles({ opened, vocabulary, model, signal }: MergedParts, template: ExportedTemplate) {
  const asOpened = async (name: string): Promise<OutFile> => {
    const source = opened.files.find((file) => file.name === name);
    if (!source) throw new ExportError(`The base model no longer has ${name}: open it again, then export.`);
    return { name, content: new Blob([await source.slice(0, source.byteLength, signal)]) };
  };
  const { bos } = vocabulary;
  const before: Readonly<Record<string, unknown>> = opened.tokenizerConfig ?? {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: model.contextLength,
    ...(bos && { bos_token: bos.text }),
  };
  // Programs that know neither templates nor generation_config.json stop at the tokenizer's own end token. A template
  // that contains `eos_token` would change with it, so there the token stays.
  const keepsEnd = vocabulary.eos?.text === template.stopToken || /\beos_token\b/.test(template.source);
  const tokenizerConfig = {
    ...before,
    ...(!keepsEnd && { eos_token: template.stopToken }),
    chat_template: template.source,
  };
  const specials = Object.entries(tokenizerConfig).filter(([name]) => /^(?:bos|eos|unk|pad)_token$/.test(name));
  // With this flag transformers would rebuild the file from config.json, without these stop tokens.
  const { _from_model_config: _, ...generation } = opened.generationConfig ?? {};
  const [only, ...others] = template.stopIds;
  return [
    await asOpened("config.json"),
    jsonFile("generation_config.json", {
      ...(bos && { bos_token_id: bos.id }),
      ...generation,
      eos_token_id: others.length === 0 ? only : template.stopIds,
    }),
    await asOpened("tokenizer.json"),
    jsonFile("tokenizer_config.json", tokenizerConfig),
    jsonFile("special_tokens_map.json", Object.fromEntries(specials)),
  ];
}
