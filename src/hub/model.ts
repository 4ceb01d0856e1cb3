/**
 * Opens a model in Hugging Face layout, and checks its files and headers before it reads any weight. A function of the
 * caller lists the tensors that the architecture expects, so this room knows no architecture.
 */

import type { TensorType } from "../gguf/types.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { readAhead, readJson } from "./bytes.ts";
import { readChatTemplates } from "./chatTemplate.ts";
import { bytesPerFloat, decodeFloats } from "./elements.ts";
import { ModelError, tensorName } from "./error.ts";
import { type Expect, expectedTensors, type ModelTensor } from "./expected.ts";
import { explainNoConfig, explainNoTokenizer } from "./explain.ts";
import type { ModelFiles } from "./files.ts";
import { findNotFinite, positionOf } from "./finite.ts";
import { findGguf, openGguf, type ReadGguf } from "./gguf.ts";
import { isGgufWeights } from "./ggufWeights.ts";
import { createModelHash } from "./hash.ts";
import { type HeadCheck, matchModel } from "./matched.ts";
import { type Piece, pieceBytes, piecesOf } from "./pieces.ts";
import { refuseQuantised } from "./quantised.ts";
import type { StoredDType, TensorEntry } from "./safetensors.ts";
import { stopIdsOf } from "./stops.ts";
import {
  type DevicePiece,
  type DevicePieceOptions,
  devicePieces,
  type StoredPiece,
  type StoredPieceOptions,
  storedPieces,
} from "./storedPieces.ts";
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
  /** The chat template as Jinja, with the one for tools in it (see chatTemplate.ts); null for none. */
  readonly chatTemplate: string | null;
  /** `generation_config.json`, null when there is none. */
  readonly generationConfig: Readonly<Record<string, unknown>> | null;
  /** Ids that end an answer, by `generation_config.json`, else by `config.json`. */
  readonly stopIds: readonly number[];
  /**
   * The expected tensors, in the order in which the architecture lists them, by its names. An entry has the name of the
   * files, which may have another prefix.
   */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  /** Every tensor of the files by its name there, used or not. */
  readonly stored: ReadonlyMap<string, TensorEntry>;
  /** The type of a tensor in the files, by the architecture's name. Throws RangeError when the model has none of that name. */
  typeOf(name: string): StoredDType | TensorType;
  /** Whether the head has its own weight although `config.json` ties it: the files have two that differ. */
  readonly untied: boolean;
  /** Second copies of tensors, by the architecture's name: a tied head that is stored besides the embedding. */
  readonly copies: ReadonlyMap<string, ModelTensor>;
  /** Numbers in the expected tensors. */
  readonly parameters: number;
  /** Bytes of all files together. */
  readonly byteLength: number;
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
  /** Every opened file; `openModel` on copies of these returns the same model. */
  readonly files: readonly ByteSource[];
  /** The same model in Hugging Face layout: these files, or those that are made from GGUF. */
  readonly folder: readonly ByteSource[];
  /** The stored numbers of one tensor in pieces of a few megabytes. Throws RangeError when the model has none of that name. */
  pieces(name: string, options?: StoredPieceOptions): AsyncGenerator<StoredPiece>;
  /** As `pieces`; where a GGUF file has the blocks of `storage`, these. */
  devicePieces(name: string, options: DevicePieceOptions): AsyncGenerator<DevicePiece>;
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
  /** Receives the stored bytes of each piece, which are finite numbers. */
  readonly onPiece?: (tensor: ModelTensor, bytes: Uint8Array<ArrayBuffer>) => void;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of one request when tensors are read in order. */
const windowBytes = 4 * pieceBytes;

export interface OpenModelOptions extends Omit<OpenOptions, "onNote"> {
  /** "all" by default. */
  readonly head?: HeadCheck;
  /** Reads GGUF; left out, a folder with GGUF files alone has no config. */
  readonly gguf?: ReadGguf;
}

/**
 * Opens and checks a model. Throws a `ModelError` that names file, tensor, both values and the way out, or the signal's
 * reason. Reads no weights, except those of a head that may be tied, and from a server that can only send whole files.
 */
export async function openModel(
  given: ModelFiles,
  expected: Expect,
  { head = "all", gguf: read, ...options }: OpenModelOptions = {},
): Promise<OpenModel> {
  const { signal } = options;
  const notes = new Set<string>();
  const opening: OpenOptions = { ...options, onNote: (note) => notes.add(note) };
  const choice = read ? await findGguf(given, opening) : null;
  const gguf = read && choice ? await openGguf(given, choice, read, opening) : null;
  const files = gguf?.files ?? given;
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
  refuseQuantised(config.value, files.name);
  // An unknown architecture is refused before anything else is fetched.
  expectedTensors(config.value, expected);
  const tokenizer = await required("tokenizer.json", () => explainNoTokenizer(files));
  const tokenizerConfig = await optional("tokenizer_config.json");
  if (tokenizerConfig === null) {
    notes.add("There is no tokenizer_config.json, so special tokens come from tokenizer.json and config.json.");
  }
  const templates = await readChatTemplates(files, tokenizerConfig?.value ?? null, opening);
  opened.push(...templates.files);
  const generationConfig = await optional("generation_config.json");
  const weights = await openWeights(files, opening);
  opened.push(...weights.files);
  for (const note of [...(gguf?.notes ?? []), ...weights.notes]) notes.add(note);
  const originals = gguf?.originals ?? opened;
  const matching = { place: files.place, modelName: files.name, head, signal };
  const { tensors, untied, copies, notes: more } = await matchModel(config.value, weights, expected, matching);
  for (const note of more) notes.add(note);

  const entryOf = (name: string): ModelTensor => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new RangeError(`The model has no tensor "${name}".`);
    return entry;
  };

  return {
    name: files.name ?? nameFrom(config.value),
    config: config.value,
    tokenizerJson: tokenizer.value,
    tokenizerConfig: tokenizerConfig?.value ?? null,
    chatTemplate: templates.text,
    generationConfig: generationConfig?.value ?? null,
    stopIds: stopIdsOf(generationConfig?.value ?? null, config.value),
    tensors,
    stored: weights.tensors,
    typeOf(name) {
      const { source, dtype, name: stored } = entryOf(name);
      return isGgufWeights(source) ? source.typeOf(stored) : dtype;
    },
    untied,
    copies,
    parameters: [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    byteLength: originals.reduce((sum, source) => sum + source.byteLength, 0),
    notes: [...notes],
    files: originals,
    folder: opened,
    pieces: (name, pieceOptions = {}) => storedPieces(entryOf(name), pieceOptions),
    devicePieces: (name, pieceOptions) => devicePieces(entryOf(name), pieceOptions),
    async read(name, readSignal) {
      const entry = entryOf(name);
      const values = new Float32Array(sizeOf(entry.shape));
      for await (const piece of piecesOf(entry, entry.source, readSignal)) decodeInto(values, entry, piece);
      return values;
    },
    async readAll({ onTensor, onPiece, onProgress, signal: readSignal } = {}) {
      const hash = createModelHash();
      const texts = gguf
        ? (await gguf.headers(readSignal)).map((bytes) => ["GGUF", bytes] as const)
        : ([
            ["config.json", config.bytes],
            ["tokenizer.json", tokenizer.bytes],
            ["tokenizer_config.json", tokenizerConfig?.bytes ?? null],
            ["chat_template.jinja", templates.hashed],
          ] as const);
      for (const [name, bytes] of texts) if (bytes !== null) await hash.file(name, bytes);
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
            requireFinite(entry, piece);
            onPiece?.(entry, piece.bytes);
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

/** Throws a `ModelError` for NaN, infinity, or a number above float32's range, with its place. */
function requireFinite({ name, dtype, shape, source }: ModelTensor, { at, bytes }: Piece): void {
  const found = findNotFinite(dtype, bytes);
  if (found === null) return;
  const place = positionOf(at / bytesPerFloat[dtype] + found.index, shape);
  throw new ModelError(
    `${cut(source.name)}: tensor ${tensorName(name)} has ${found.value} at ${place}, ` +
      "so every answer would be wrong: download the file again, or choose another checkpoint of the model.",
  );
}

function decodeInto(values: Float32Array<ArrayBuffer>, { dtype }: ModelTensor, { at, bytes }: Piece): void {
  const width = bytesPerFloat[dtype];
  decodeFloats(dtype, bytes, values.subarray(at / width, (at + bytes.length) / width));
}

/** A name for single files: the last part of the config's `_name_or_path`, else its `model_type`. */
function nameFrom(config: Readonly<Record<string, unknown>>): string {
  const { _name_or_path: path, model_type: type } = config;
  const last = typeof path === "string" ? path.split(/[\\/]/).findLast((part) => part !== "") : undefined;
  return cut(last ?? (typeof type === "string" && type !== "" ? type : "model"));
}
