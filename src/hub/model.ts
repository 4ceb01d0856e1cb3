/**
 * Opens a model in Hugging Face layout, and checks its files and headers before it reads any weight. A function of the
 * caller lists the tensors that the architecture expects, so this room knows no architecture.
 */

import type { ByteSource } from "../tensor/bytes.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { readAhead, readJson } from "./bytes.ts";
import { chatTemplateOf, readChatTemplate } from "./chatTemplate.ts";
import { decodeFloats } from "./elements.ts";
import { listSome, ModelError } from "./error.ts";
import { type ExpectedTensor, expectedTensors, type ModelTensor, matchTensors } from "./expected.ts";
import { ggufMessage, type ModelFiles } from "./files.ts";
import { createModelHash, hashPieceBytes } from "./hash.ts";
import type { TensorEntry } from "./safetensors.ts";
import type { OpenOptions } from "./url.ts";
import { openOptional, openWeights } from "./weights.ts";

export interface OpenModel {
  readonly name: string;
  /** `config.json`, unchanged. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `tokenizer.json`, unchanged. */
  readonly tokenizerJson: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json`, null when there is none. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>> | null;
  /** The chat template as Jinja: `chat_template.jinja`, else `chat_template` of `tokenizer_config.json`; null for none. */
  readonly chatTemplate: string | null;
  /** `generation_config.json`, null when there is none. */
  readonly generationConfig: Readonly<Record<string, unknown>> | null;
  /** The expected tensors, in the order in which the architecture lists them. */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  /** Numbers in the expected tensors. */
  readonly parameters: number;
  /** Bytes of all files together. */
  readonly byteLength: number;
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
  /** Every opened file; `openModel` on copies of these returns the same model. */
  readonly files: readonly ByteSource[];
  /** One tensor as float32, row-major. Throws RangeError when the model has none of that name. */
  read(name: string, signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>>;
  /**
   * Reads every tensor once, in the order of the files, and returns the model's hash (see hash.ts). `onTensor` receives the
   * values as float32, in a new array each time; only one window of bytes is in memory besides. Progress counts the stored
   * bytes of the tensors. The signal can cancel between any two pieces of a few megabytes.
   */
  readAll(options?: ReadAllOptions): Promise<string>;
}

export interface ReadAllOptions {
  readonly onTensor?: (name: string, values: Float32Array<ArrayBuffer>) => void | Promise<void>;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of one request when tensors are read in order. */
const windowBytes = 4 * hashPieceBytes;

/**
 * Opens and checks a model. `expected` maps the parsed `config.json` to the tensors that its architecture needs, and
 * throws for an unknown architecture. Throws a `ModelError` that names file, tensor, both values and the way out, or the
 * signal's reason. Reads no weights, except from a server that can only send whole files.
 */
export async function openModel(
  files: ModelFiles,
  expected: (config: Readonly<Record<string, unknown>>) => readonly ExpectedTensor[],
  options: Omit<OpenOptions, "onNote"> = {},
): Promise<OpenModel> {
  const { signal } = options;
  const notes = new Set<string>();
  const opening: OpenOptions = { ...options, onNote: (note) => notes.add(note) };
  const opened: ByteSource[] = [];
  const required = async (name: string, explain: () => string) => {
    const source = await openOptional(files, name, opening);
    if (source instanceof ModelError) throw files.listing === null ? source : new ModelError(explain());
    opened.push(source);
    return readJson(source, signal);
  };
  const optional = async (name: string) => {
    const source = await openOptional(files, name, opening);
    if (source instanceof ModelError) return null;
    opened.push(source);
    return readJson(source, signal);
  };

  const config = await required("config.json", () => explainNoConfig(files));
  const wanted = expectedTensors(config.value, expected);
  const tokenizer = await required("tokenizer.json", () => explainNoTokenizer(files));
  const tokenizerConfig = await optional("tokenizer_config.json");
  if (tokenizerConfig === null) {
    notes.add("There is no tokenizer_config.json, so special tokens come from tokenizer.json and config.json.");
  }
  const templateFile = await openOptional(files, "chat_template.jinja", opening);
  const template = templateFile instanceof ModelError ? null : await readChatTemplate(templateFile, signal);
  if (!(templateFile instanceof ModelError)) opened.push(templateFile);
  const generationConfig = await optional("generation_config.json");
  const weights = await openWeights(files, opening);
  opened.push(...weights.files);
  for (const note of weights.notes) notes.add(note);

  const tensors = matchTensors(wanted, weights.tensors, files.place);
  const unused = [...weights.tensors.keys()].filter((name) => !tensors.has(name));
  if (unused.length > 0) notes.add(`Tensors of the files that this architecture does not use: ${listSome(unused)}.`);

  return {
    name: files.name ?? nameFrom(config.value),
    config: config.value,
    tokenizerJson: tokenizer.value,
    tokenizerConfig: tokenizerConfig?.value ?? null,
    chatTemplate: template?.text ?? chatTemplateOf(tokenizerConfig?.value ?? null),
    generationConfig: generationConfig?.value ?? null,
    tensors,
    parameters: wanted.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    byteLength: opened.reduce((sum, source) => sum + source.byteLength, 0),
    notes: [...notes],
    files: opened,
    async read(name, readSignal) {
      const entry = tensors.get(name);
      if (entry === undefined) throw new RangeError(`The model has no tensor "${name}".`);
      const values = new Float32Array(sizeOf(entry.shape));
      for await (const piece of piecesOf(entry, entry.source, readSignal)) decodeInto(values, entry, piece);
      return values;
    },
    async readAll({ onTensor, onProgress, signal: readSignal } = {}) {
      const hash = createModelHash();
      await hash.file("config.json", config.bytes);
      await hash.file("tokenizer.json", tokenizer.bytes);
      if (tokenizerConfig !== null) await hash.file("tokenizer_config.json", tokenizerConfig.bytes);
      if (template !== null) await hash.file("chat_template.jinja", template.bytes);
      const total = [...tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0);
      let done = 0;
      onProgress?.(done, total);
      for (const source of weights.files) {
        const inOrder = [...tensors.values()].filter((entry) => entry.source === source);
        inOrder.sort((a, b) => a.start - b.start);
        const ahead = readAhead(source, windowBytes);
        for (const entry of inOrder) {
          const values = onTensor && new Float32Array(sizeOf(entry.shape));
          const digest = hash.tensor(entry);
          for await (const piece of piecesOf(entry, ahead, readSignal)) {
            await digest.add(piece.bytes);
            if (values) decodeInto(values, entry, piece);
            done += piece.bytes.length;
            onProgress?.(done, total);
          }
          if (values) await onTensor?.(entry.name, values);
        }
      }
      readSignal?.throwIfAborted();
      return hash.finish();
    },
  };
}

interface Piece {
  /** Offset within the tensor, in bytes. */
  readonly at: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The stored bytes of a tensor, a few megabytes at a time. */
async function* piecesOf(
  { start, end }: TensorEntry,
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  for (let from = start; from < end; from += hashPieceBytes) {
    signal?.throwIfAborted();
    yield { at: from - start, bytes: await source.slice(from, Math.min(from + hashPieceBytes, end), signal) };
  }
}

function decodeInto(values: Float32Array<ArrayBuffer>, { dtype }: ModelTensor, { at, bytes }: Piece): void {
  const width = dtype === "F32" ? 4 : 2;
  decodeFloats(dtype, bytes, values.subarray(at / width, (at + bytes.length) / width));
}

/** A name for single files: the last part of the config's `_name_or_path`, else its `model_type`. */
function nameFrom(config: Readonly<Record<string, unknown>>): string {
  const { _name_or_path: path, model_type: type } = config;
  const last = typeof path === "string" ? path.split(/[\\/]/).findLast((part) => part !== "") : undefined;
  return cut(last ?? (typeof type === "string" && type !== "" ? type : "model"));
}

export function explainNoConfig(files: ModelFiles): string {
  const { listing } = files;
  const place = cut(files.place, 120);
  const names = listing ?? [];
  const gguf = names.find((name) => /\.gguf$/i.test(name));
  if (gguf !== undefined) return ggufMessage(gguf);
  if (names.includes("adapter_config.json")) {
    return `${place} has an adapter (adapter_config.json) without its base model: open the base model.`;
  }
  return (
    `${place} has no config.json, only ${listSome(names)}: choose the folder of a downloaded model, ` +
    "with config.json, tokenizer.json and model.safetensors."
  );
}

export function explainNoTokenizer({ place, listing }: ModelFiles): string {
  const other = (listing ?? []).find((name) => ["tokenizer.model", "vocab.json", "spiece.model"].includes(name));
  const remedy =
    other === undefined
      ? "add it from the source of the model."
      : `Hone does not read ${other}: load it with AutoTokenizer of transformers and save it with save_pretrained, ` +
        "which writes tokenizer.json.";
  return `${cut(place, 120)} has no tokenizer.json, which turns text into tokens; ${remedy}`;
}
