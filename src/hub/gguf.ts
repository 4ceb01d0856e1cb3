/**
 * A model in GGUF files as a folder in Hugging Face layout whose files are made when they are read. A function of the caller
 * knows the architectures and tokenizers, so this room knows neither.
 */

import { decodeBlocks } from "../gguf/blocks.ts";
import { type GgufHeader, readHeader, readNumbers, readTexts } from "../gguf/read.ts";
import { type AnyTensorType, GgufError, type GgufValue, tensorTypes } from "../gguf/types.ts";
import { type ByteSource, bytesFromMemory } from "../tensor/bytes.ts";
import { type Shape, sameShape, sizeOf } from "../tensor/dtype.ts";
import { cut, quote } from "../tensor/quote.ts";
import { cacheParts } from "./bytes.ts";
import { listSome, ModelError, messageOf, tensorName } from "./error.ts";
import type { ModelFiles } from "./files.ts";
import { type GgufChoice, ggufChoices, isGguf, partsOf } from "./ggufFiles.ts";
import { allTensors, openParts, requireSplit } from "./ggufParts.ts";
import { type GgufPart, type GgufPlace, type GgufWeights, ggufWeights, readableType } from "./ggufWeights.ts";
import { showShape } from "./safetensors.ts";
import type { OpenOptions } from "./url.ts";

/** The header of a model's GGUF files. */
export interface GgufFile {
  /** The name of the first file. */
  readonly name: string;
  readonly keys: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, { readonly type: AnyTensorType; readonly shape: Shape }>;
  /** An array of texts; null where the file has no such key. Throws GgufError for another type. */
  texts(key: string): Promise<string[] | null>;
  /** An array of numbers; null where the file has no such key. Throws GgufError for another type. */
  numbers(key: string): Promise<number[] | null>;
  /** All numbers of a small tensor. Throws GgufError for one that is absent, large or of another type than F32 and F16. */
  values(tensor: string): Promise<Float32Array>;
}

/** The parts of a folder in Hugging Face layout. */
export interface GgufModel {
  readonly config: object;
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
  /** Jinja; null where the file has none. */
  readonly chatTemplate: string | null;
  readonly generationConfig: object;
  /** Every tensor of the architecture. */
  readonly parts: readonly GgufPart[];
  /** Tensors that the config has instead, such as frequencies. */
  readonly inConfig: readonly string[];
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
}

/** Throws an error that names the key for a model that Hone cannot train. */
export type ReadGguf = (file: GgufFile) => Promise<GgufModel>;

export interface OpenGguf {
  /** The folder. */
  readonly files: ModelFiles;
  /** The GGUF files. */
  readonly originals: readonly ByteSource[];
  /** All bytes of each file before its data, in order: they name the model's config and tokenizer for its hash. */
  headers(signal?: AbortSignal): Promise<readonly Uint8Array<ArrayBuffer>[]>;
  readonly notes: readonly string[];
}

/** Bytes of a header from a network in memory while it is read; the largest published ones have about 20 million. */
const mostCached = 64 * 2 ** 20;

/** Numbers of a tensor that becomes a part of the config, as the divisors of frequencies. */
const mostInConfig = 100_000;

/** As `chooseGguf`; also knows one local file by its first bytes, as Ollama's files have no ending. */
export async function findGguf(files: ModelFiles, options: OpenOptions): Promise<GgufChoice | null> {
  const [only, ...others] = files.listing ?? [];
  if (files.origin !== null || only === undefined || others.length > 0 || isGguf(only)) return chooseGguf(files);
  const source = await files.open(only, options);
  const first = await source.slice(0, Math.min(4, source.byteLength), options.signal);
  return String.fromCharCode(...first) === "GGUF" ? { name: only, files: [only] } : null;
}

/** The GGUF model of these files; null for files in Hugging Face layout, which come first where a folder has both. */
export function chooseGguf({ listing, file }: ModelFiles): GgufChoice | null {
  if (file !== undefined && isGguf(file)) {
    const files = partsOf(file);
    return { name: files[0] ?? file, files };
  }
  const names = listing ?? [];
  const isWeights = (name: string) => name.endsWith(".safetensors") && !name.startsWith("adapter_");
  if (names.includes("config.json") && names.some(isWeights)) return null;
  return ggufChoices(names)[0] ?? null;
}

/** Opens headers alone. Throws a `ModelError` that names file, key or tensor, both values and the way out. */
export async function openGguf(
  files: ModelFiles,
  choice: GgufChoice,
  read: ReadGguf,
  options: OpenOptions,
): Promise<OpenGguf> {
  const { signal } = options;
  const sources = await openParts(files, choice, options);
  const headers: GgufHeader[] = [];
  // Local files are read again for less than a copy costs.
  const headed = sources.map((one) => (files.origin === null ? one : cacheParts(one, mostCached)));
  for (const one of headed) headers.push(await named(one.name, signal, () => readHeader(one, signal)));
  const [source, header] = [headed[0], headers[0]];
  if (!source || !header) throw new ModelError(`${cut(files.place, 120)} has no GGUF file.`);
  requireSplit(header, choice);
  const places = allTensors(sources, headers);
  const array = (key: string) => {
    const value = header.keys.get(key);
    if (value !== undefined && value.type !== "array") {
      throw new GgufError(`the key ${quote(key)} is ${quote(value.value)}, not an array; convert the model again.`);
    }
    return value;
  };
  const file: GgufFile = {
    name: source.name,
    keys: header.keys,
    tensors: places,
    async texts(key) {
      const value = array(key);
      return value ? readTexts(source, key, value, signal) : null;
    },
    async numbers(key) {
      const value = array(key);
      return value ? readNumbers(source, key, value, signal) : null;
    },
    async values(name) {
      const tensor = places.get(name);
      const size = sizeOf(tensor?.shape ?? []);
      if (!tensor || size > mostInConfig || (tensor.type !== "F32" && tensor.type !== "F16")) {
        throw new GgufError(`the tensor ${tensorName(name)} is no small list of numbers; convert the model again.`);
      }
      const bytes = await tensor.source.slice(tensor.start, tensor.end, signal);
      return decodeBlocks(tensor.type, bytes, new Float32Array(size));
    },
  };
  const model = await named(source.name, signal, () => read(file));
  const pairs = model.parts.map((part) => [part, placeOf(part, places, source.name)] as const);
  const weights = ggufWeights(pairs);
  requireUsed(places, model, source.name);
  const { listing } = files;
  const choices = ggufChoices(listing ?? []).length;
  return {
    files: folderOf(files, model, weights, choice.name),
    originals: sources,
    headers: async (headerSignal) => {
      const bytes: Uint8Array<ArrayBuffer>[] = [];
      for (const [i, one] of sources.entries())
        bytes.push(await one.slice(0, headers[i]?.dataStart ?? 0, headerSignal));
      return bytes;
    },
    notes: [
      ...model.notes,
      ...(choices > 1 ? [`Of the ${choices} GGUF models here, ${cut(choice.name, 80)} is open.`] : []),
      ...typeNotes(
        pairs.map(([, place]) => place),
        weights.byteLength,
      ),
    ],
  };
}

/** Does `work`; its error gets the file's name and becomes a `ModelError`. */
async function named<T>(name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof ModelError) throw cause;
    const message = messageOf(cause);
    throw new ModelError(message.startsWith(cut(name)) ? message : `${cut(name)}: ${message}`, { cause });
  }
}

function placeOf(part: GgufPart, places: ReturnType<typeof allTensors>, file: string): GgufPlace {
  const found = places.get(part.tensor);
  if (found === undefined) {
    throw new ModelError(
      `${cut(file, 80)} has no tensor ${tensorName(part.tensor)}, which its architecture needs; it has ` +
        `${listSome([...places.keys()], 2)}: download or convert it again.`,
    );
  }
  const type = readableType(found.type);
  if (type === null) {
    throw new ModelError(
      `${cut(file, 80)}: tensor ${tensorName(part.tensor)} is stored as ${found.type}, but Hone reads ` +
        `${Object.keys(tensorTypes).join(", ")}: choose the same model in one of them, such as Q8_0.`,
    );
  }
  const wanted = part.transposed ? part.shape.toReversed() : part.shape;
  if (!sameShape(found.shape, wanted)) {
    throw new ModelError(
      `${cut(file, 80)}: tensor ${tensorName(part.tensor)} has shape ${showShape(found.shape)}, but the file's keys require ` +
        `${showShape(wanted)}: download or convert it again.`,
    );
  }
  return { name: found.name, type, shape: found.shape, source: found.source, start: found.start };
}

/** Refuses a tensor that no part has: llama.cpp refuses it too, because the model may compute with it. */
function requireUsed(places: ReturnType<typeof allTensors>, { parts, inConfig }: GgufModel, file: string): void {
  const used = new Set([...parts.map(({ tensor }) => tensor), ...inConfig]);
  const unused = [...places.keys()].filter((name) => !used.has(name));
  if (unused.length === 0) return;
  throw new ModelError(
    `${cut(file, 80)} has tensors that its architecture does not have (${listSome(unused)}), so it is another kind of model: ` +
      "open the same model in its Hugging Face layout.",
  );
}

/** The types of the file, and the memory that numbers of few bits take when they are widened. */
function typeNotes(places: readonly GgufPlace[], wide: number): readonly string[] {
  const counts = new Map<string, number>();
  for (const { type } of places) counts.set(type, (counts.get(type) ?? 0) + 1);
  const blocks = places.filter(({ type }) => tensorTypes[type].size > 1);
  if (blocks.length === 0) return [];
  const others = blocks.filter(({ type }) => type !== "Q8_0" && type !== "Q4_0");
  const list = Array.from(counts, ([type, count]) => `${count} in ${type}`).join(", ");
  const megabytes = `${(wide / 1e6).toFixed(wide < 1e7 ? 1 : 0)} MB`;
  const kinds = [...new Set(others.map(({ type }) => type))].join(", ");
  const widenedNote =
    others.length === 0
      ? `Frozen weights keep these blocks; in 32 bits all weights take ${megabytes}.`
      : `Those in ${kinds} are widened: in 32 bits all weights take ${megabytes}.`;
  return [`Tensors of the file: ${list}. ${widenedNote}`];
}

const encoder = new TextEncoder();

/** The file's name without its ending and the number of its part. */
const stemOf = (file: string): string => file.replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, "");

function folderOf(files: ModelFiles, model: GgufModel, weights: GgufWeights, file: string): ModelFiles {
  const texts: readonly (readonly [string, string | null])[] = [
    ["config.json", JSON.stringify(model.config)],
    ["tokenizer.json", JSON.stringify(model.tokenizer)],
    ["tokenizer_config.json", JSON.stringify(model.tokenizerConfig)],
    ["chat_template.jinja", model.chatTemplate],
    ["generation_config.json", JSON.stringify(model.generationConfig)],
  ];
  const sources = new Map<string, ByteSource>([[weights.name, weights]]);
  for (const [name, text] of texts) if (text !== null) sources.set(name, bytesFromMemory(name, encoder.encode(text)));
  const find = (name: string) => {
    const source = sources.get(name);
    if (!source) throw new ModelError(`${cut(files.place, 120)} has no ${cut(name)}.`, { absent: true });
    return source;
  };
  return {
    ...{ name: files.name ?? stemOf(file), place: files.place, origin: files.origin },
    listing: [...sources.keys()],
    open: async (name) => find(name),
    measure: async (name) => find(name).byteLength,
  };
}
