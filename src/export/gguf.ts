/**
 * A trained model as one GGUF file with its Modelfile: the merged weights, in the file's type, are written a few megabytes at
 * a time. The file is read back and compared.
 */

import { encodeBlocks, type WrittenType } from "../gguf/blocks.ts";
import { readHeader } from "../gguf/read.ts";
import { byteLengthOf, type GgufData, type GgufTensor, type TensorHead, tensorTypes } from "../gguf/types.ts";
import { layoutGguf } from "../gguf/write.ts";
import { bytesFromBlob } from "../hub/bytes.ts";
import { bytesPerFloat, decodeFloats } from "../hub/elements.ts";
import type { ModelTensor } from "../hub/expected.ts";
import type { OpenModel } from "../hub/model.ts";
import { pieceBytes } from "../hub/pieces.ts";
import { readSafetensors } from "../hub/safetensors.ts";
import { storedPieces } from "../hub/storedPieces.ts";
import type { GgufName } from "../models/ggufNames.ts";
import { toGguf, type WrittenForm } from "../models/toGguf.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import type { Shape } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import { type Bundle, ExportError, readBackError } from "./files.ts";
import { ggufKeys } from "./ggufKeys.ts";
import { inPieces, mergeWeights, type WeightParts } from "./mergedWeights.ts";
import { modelfile, runText } from "./modelfile.ts";
import { digestOf } from "./readBack.ts";
import type { TemplateWriter } from "./template.ts";

export interface GgufParts extends WeightParts {
  readonly opened: WeightParts["opened"] &
    Pick<OpenModel, "config" | "tokenizerJson" | "tokenizerConfig" | "generationConfig" | "stopIds">;
  readonly vocabulary: Vocabulary;
  readonly templates: TemplateWriter;
  readonly type: WrittenType;
  /** The model's name, for people; the file's is made of it. */
  readonly name: string;
  readonly systemPrompt: string | null;
}

type Values = Float32Array<ArrayBuffer>;

/** A tensor of the file, from one of the merged weights or from the config. */
interface Planned extends TensorHead {
  readonly type: WrittenType;
  readonly from: { readonly entry: ModelTensor; readonly change: GgufName } | Values;
}

/**
 * Throws ConfigError and Error where llama.cpp has no such model or tokenizer; ExportError for a number that the type cannot
 * have, or when the file, read back, differs.
 */
export async function exportGguf(parts: GgufParts): Promise<Bundle> {
  const { opened, model, templates, type, name, scratch, onProgress, signal } = parts;
  const template = await templates.express();
  const stopIds = [...new Set([...template.stopIds, ...opened.stopIds])];
  const named = Array.from(opened.tensors, ([tensor, { shape }]) => ({ name: tensor, shape }));
  // What cannot be expressed is refused before anything is computed.
  const form = await toGguf(model, named);
  const { tokenizerJson, tokenizerConfig, config } = opened;
  const modelType = typeof config.model_type === "string" ? config.model_type : null;
  const tokenizer = await templates.tokenizer({ tokenizerJson, tokenizerConfig, modelType, rows: model.vocabulary });
  const weights = await mergeWeights({ ...parts, exact: true });
  const source = bytesFromBlob(weights.file.name, weights.file.content);
  const planned = await plannedTensors(parts, form, source);
  const keys = ggufKeys({ form, tokenizer, template, stopIds, type, name });
  const { head, tensors, byteLength } = layoutGguf(keys, planned);
  const out = await scratch.create("The GGUF file");
  out.write(head, 0);
  const digests: string[] = [];
  for (const [i, tensor] of tensors.entries()) {
    signal?.throwIfAborted();
    digests.push(await writeTensor(planned[i] as Planned, tensor, out, signal));
    onProgress?.(i + 1, tensors.length);
  }
  const content = await out.finish();
  const file = `${fileStem(name)}-${type}.gguf`;
  if (content.size !== byteLength) throw readBackError(file, `${content.size} bytes`, `${byteLength} bytes`);
  await requireGguf(bytesFromBlob(file, content), keys, tensors, digests, signal);
  const stops = stopIds.map((id) => parts.vocabulary.show(id));
  const notes = [...template.notes, ...weights.notes, ...form.notes, ...tokenizer.notes];
  const text = (contents: string) => new Blob([contents], { type: "text/plain" });
  return {
    files: [
      { name: file, content },
      { name: "Modelfile", content: text(modelfile({ from: `./${file}`, stops, system: parts.systemPrompt })) },
      { name: "README.txt", content: text(runText({ file, name, notes, adapter: null })) },
    ],
    notes,
    tensors: tensors.length,
  };
}

/** A name without what shells and file systems take for something else. */
export const fileStem = (name: string): string =>
  cut(
    name
      .normalize("NFC")
      .replace(/[^\p{L}\p{N}._-]+/gu, "-")
      .replace(/^[-.]+|[-.]+$/g, "") || "model",
    60,
  ).replace("…", "");

/** Numbers of one dimension and positions stay exact; a row of no whole blocks has 16 bits, and so has what llama.cpp looks up. */
function typeOf(tensor: string, shape: Shape, type: WrittenType): WrittenType {
  if (shape.length < 2 || tensor === "position_embd.weight") return "F32";
  if (type === "F32" || type === "F16") return type;
  if (byteLengthOf(type, shape) === null) return "F16";
  // Embedding and head lose most by few bits.
  const isTable = tensor === "token_embd.weight" || tensor === "output.weight";
  return type === "Q4_0" && isTable ? "Q8_0" : type;
}

async function plannedTensors(parts: GgufParts, form: WrittenForm, source: ByteSource): Promise<readonly Planned[]> {
  const { tensors: stored } = await readSafetensors(source, parts.signal);
  const ofConfig = form.extra.map(
    ({ name, values }): Planned => ({ name, shape: [values.length], type: "F32", from: values }),
  );
  const ofModel = Array.from(parts.opened.tensors, ([name, tensor]): Planned => {
    const { name: inFile, shape } = tensor;
    const change = form.names(name);
    const entry = stored.get(inFile);
    if (!change || !entry)
      throw new ExportError(`The merged model has no tensor ${cut(name, 80)}. Report this fault of Hone.`);
    const own = change.transposed ? shape.toReversed() : shape;
    const type = typeOf(change.tensor, own, parts.type);
    return {
      name: change.tensor,
      shape: own,
      type,
      from: { entry: { ...tensor, dtype: "F32", start: entry.start, end: entry.end, source }, change },
    };
  });
  return [...ofConfig, ...ofModel];
}

/** Writes a tensor with the zeros after it, and returns the digest of its bytes in order. */
async function writeTensor(
  planned: Planned,
  { start, end }: GgufTensor,
  out: { write(bytes: Uint8Array<ArrayBuffer>, at: number): void },
  signal: AbortSignal | undefined,
): Promise<string> {
  const { type, shape, from, name } = planned;
  const columns = shape.at(-1) ?? 1;
  const encoded = (values: Values, width: number) => {
    try {
      requireRepresentable(name, type, values);
      return encodeBlocks(type, values, width);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ExportError(`${name} as ${type}: ${cause.message} Choose another type.`, { cause });
    }
  };
  const padding = new Uint8Array((32 - (end % 32)) % 32);
  if (from instanceof Float32Array) {
    const bytes = encoded(from, columns);
    out.write(bytes, start);
    out.write(padding, end);
    return digestOf(one(bytes));
  }
  const { entry, change } = from;
  const { rows, add, transposed } = change;
  // A permuted vector has rows of one number.
  const width = rows && shape.length === 1 ? 1 : columns;
  const { size, bytes: blockBytes } = tensorTypes[type];
  const rowBytes = (width / size) * blockBytes;
  /** The tensor's bytes, kept whole where its rows move: a part of one tensor in memory. */
  const moved = rows ? new Uint8Array(end - start) : null;
  const pieces = async function* () {
    for await (const { at, dtype, bytes } of storedPieces(entry, { unit: width, transposed, signal })) {
      const values = decodeFloats(dtype, bytes, new Float32Array(bytes.length / bytesPerFloat[dtype]));
      if (add !== 0) for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) - add;
      const block = encoded(values, width);
      if (!rows || !moved) {
        out.write(block, start + (at / width) * rowBytes);
        yield block;
        continue;
      }
      for (let row = 0; row < values.length / width; row++) {
        moved.set(block.subarray(row * rowBytes, (row + 1) * rowBytes), rows(at / width + row) * rowBytes);
      }
    }
    if (!moved) return;
    out.write(moved, start);
    yield moved;
  };
  // In equal pieces, so that the digest does not depend on how the tensor was written.
  const digest = await digestOf(asPieces(inPieces(pieces(), new Uint8Array(pieceBytes))));
  out.write(padding, end);
  return digest;
}

async function* one(bytes: Uint8Array<ArrayBuffer>) {
  yield { bytes };
}

async function* asPieces(slices: AsyncIterable<Uint8Array<ArrayBuffer>>) {
  for await (const bytes of slices) yield { bytes };
}

const largestHalf = 65_504;

/** Float16 ends at 65,504; what is beyond would become infinite. */
function requireRepresentable(name: string, type: WrittenType, values: Values): void {
  if (type !== "F16") return;
  const wrong = values.find((value) => Math.abs(value) > largestHalf);
  if (wrong === undefined) return;
  throw new ExportError(
    `${name} has ${wrong.toPrecision(4)}, but float16 ends at 65,504: choose F32, or Q8_0 where rows have whole blocks.`,
  );
}

/** Throws ExportError unless the file has these keys, and these tensors with these bytes. */
export async function requireGguf(
  source: ByteSource,
  keys: ReadonlyMap<string, GgufData>,
  tensors: readonly GgufTensor[],
  digests: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const header = await readHeader(source, signal);
  const same = (what: string, found: unknown, wanted: unknown) => {
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (a !== b) throw readBackError(what, cut(a, 80), cut(b, 80));
  };
  same("the list of keys", [...header.keys.keys()], [...keys.keys()]);
  same(
    "the list of tensors",
    [...header.tensors.keys()],
    tensors.map(({ name }) => name),
  );
  for (const [i, { name, type, shape, start, end }] of tensors.entries()) {
    const found = header.tensors.get(name);
    same(`tensor ${name}`, found && [found.type, found.shape, found.start, found.end], [type, shape, start, end]);
    const slices = async function* () {
      for (let at = start; at < end; at += pieceBytes) {
        yield { bytes: await source.slice(at, Math.min(end, at + pieceBytes), signal) };
      }
    };
    same(`the hash of the bytes of ${name}`, await digestOf(slices()), digests[i]);
  }
}
