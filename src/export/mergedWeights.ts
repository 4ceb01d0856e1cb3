/**
 * The weights of a merged model: every tensor of the base's files under its name and in its type, trained ones with their
 * new values, all others unchanged. Tensors are written one at a time into a scratch file, a few megabytes at a time.
 */

import { type Method, parametersOf } from "../artifacts/method.ts";
import { bytesPerFloat, decodeFloats, encodeFloats } from "../hub/elements.ts";
import type { ModelTensor } from "../hub/expected.ts";
import type { OpenModel } from "../hub/model.ts";
import { pieceBytes, piecesOf } from "../hub/pieces.ts";
import { layoutSafetensors, type TensorEntry } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { type FileTensor, transpose } from "../models/fileTensor.ts";
import type { Adapter } from "../nn/scope.ts";
import type { Scratch } from "../storage/scratch.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { ExportError, type OutFile, type TrainedTensors } from "./files.ts";
import { mergeAdapter } from "./merge.ts";
import { digestOf, type WantedTensor } from "./readBack.ts";

export interface WeightParts {
  /** The base model's files. */
  readonly opened: Pick<OpenModel, "tensors" | "stored" | "copies" | "pieces">;
  readonly model: ModelDefinition;
  readonly method: Method;
  readonly trained: TrainedTensors;
  /** The weights are written here. */
  readonly scratch: Scratch;
  /**
   * True: the model's own tensors alone, in float32, so that nothing is rounded. False, the default: every tensor of the base's
   * files in its type.
   */
  readonly exact?: boolean;
  /** Tensors written, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

type Values = Float32Array<ArrayBuffer>;
type Slices = AsyncIterable<Uint8Array<ArrayBuffer>>;

/** The new values of whole rows of a file's tensor, from its number `at` on. */
type Become = (base: Values, at: number) => Values;

/** A parameter with its tensor in the base's files and that tensor's entry there. */
interface StoredParameter {
  readonly name: string;
  readonly tensor: FileTensor;
  readonly entry: ModelTensor;
}

export interface WrittenWeights {
  readonly file: OutFile;
  /** By their names in the file. */
  readonly tensors: ReadonlyMap<string, WantedTensor>;
  readonly notes: readonly string[];
}

/** Throws ExportError when a number exceeds the base's type or the checkpoint lacks a parameter. */
export async function mergeWeights(parts: WeightParts): Promise<WrittenWeights> {
  const { opened, model, method, trained, scratch, exact = false, onProgress, signal } = parts;
  const out = await scratch.create("The merged model");
  const all: readonly TensorEntry[] = exact
    ? Array.from(opened.tensors.values(), inFloat32)
    : [...opened.stored.values()];
  const { head, places } = placesOf(all);
  out.write(head, 0);
  const tensors = new Map<string, WantedTensor>();
  const rounding = createRounding();
  const buffer = new Uint8Array(pieceBytes);

  /** Writes the bytes of a tensor. */
  const write = async ({ name, dtype, shape }: TensorEntry, slices: Slices) => {
    signal?.throwIfAborted();
    let at = places.get(name) ?? 0;
    const counted = async function* () {
      for await (const piece of inPieces(slices, buffer)) {
        out.write(piece, at);
        at += piece.length;
        yield { bytes: piece };
      }
    };
    tensors.set(name, { dtype, shape, sha256: await digestOf(counted()) });
    onProgress?.(tensors.size, all.length);
  };
  const writeUnchanged = async (entry: TensorEntry, from: TensorEntry = entry) =>
    write(entry, storedSlices(from, signal));

  const specs = parametersOf(model, method);
  /** The parameters that are stored in the base's files. */
  const stored = specs.flatMap(({ name, source }): StoredParameter[] => {
    const entry = source.kind === "checkpoint" && opened.tensors.get(source.tensor.name);
    return source.kind === "checkpoint" && entry ? [{ name, entry, tensor: source.tensor }] : [];
  });
  /** The base's values, a few rows of the file at a time. */
  const basePieces = async function* ({ tensor, entry }: StoredParameter) {
    for await (const { at, dtype, bytes } of opened.pieces(tensor.name, { unit: entry.shape.at(-1) || 1, signal })) {
      yield { at, base: decodeFloats(dtype, bytes, new Float32Array(bytes.length / bytesPerFloat[dtype])) };
    }
  };
  /** Writes `become` in place of the base's values, also in a copy of the tensor. */
  const change = async (one: StoredParameter, become: Become): Promise<void> => {
    const { tensor } = one;
    const entry = exact ? inFloat32(one.entry) : one.entry;
    const changed = async function* () {
      for await (const { at, base } of basePieces(one)) {
        const values = become(base, at);
        const bytes = encodeFloats(entry.dtype, values);
        rounding.add(entry, base, values, decodeFloats(entry.dtype, bytes, new Float32Array(values.length)));
        yield bytes;
      }
    };
    await write(entry, changed());
    const copy = exact ? undefined : opened.copies.get(tensor.name);
    if (copy) await writeAs(copy, one, become);
  };
  const writeAs = (copy: ModelTensor, one: StoredParameter, become: Become) => {
    const slices = async function* () {
      for await (const { at, base } of basePieces(one)) yield encodeFloats(copy.dtype, become(base, at));
    };
    return write(copy, slices());
  };

  if (method.kind === "full") {
    const byName = new Map(stored.map((one) => [one.name, one]));
    await trained(async (name, values) => {
      const one = byName.get(name);
      if (!one) return;
      const inFile = one.tensor.toFile(values);
      await change(one, (base, at) => inFile.subarray(at, at + base.length));
    });
  } else {
    const adapter = new Map<string, Values>();
    await trained((name, values) => void adapter.set(name, values));
    const adapted = new Set(specs.flatMap(({ name, source }) => (source.kind === "lora_A" ? [name] : [])));
    for (const one of stored) {
      const { name, tensor, entry } = one;
      const pair = name.replace(/weight$/, "lora_A.weight");
      if (adapted.has(pair)) {
        const [down, up] = [adapter.get(pair), adapter.get(name.replace(/weight$/, "lora_B.weight"))];
        if (!down || !up) throw incomplete(name);
        await change(one, mergedRows(one.tensor, down, up, method));
        continue;
      }
      if (exact) {
        await change(one, (base) => base);
        continue;
      }
      await writeUnchanged(entry);
      const copy = opened.copies.get(tensor.name);
      if (copy?.dtype === entry.dtype) await writeUnchanged(copy, entry);
      else if (copy) await writeAs(copy, one, (base) => base);
    }
  }

  for (const { name, entry } of stored) {
    if (!tensors.has(entry.name) && sizeOf(entry.shape) > 0) throw incomplete(name);
  }
  if (!exact) for (const [name, entry] of opened.stored) if (!tensors.has(name)) await writeUnchanged(entry);
  return { file: { name: "model.safetensors", content: await out.finish() }, tensors, notes: rounding.notes(method) };
}

/** The tensor in float32; its place is that of `layoutSafetensors`, which takes the length from start and end. */
const inFloat32 = (entry: ModelTensor): ModelTensor => ({
  ...entry,
  dtype: "F32",
  start: 0,
  end: sizeOf(entry.shape) * bytesPerFloat.F32,
});

/** The file's header and the byte offset of each tensor, known before any tensor is computed. */
function placesOf(tensors: readonly TensorEntry[]) {
  const { head, ordered } = layoutSafetensors(tensors, { format: "pt" });
  const places = new Map<string, number>();
  let at = head.length;
  for (const { name, start, end } of ordered) {
    places.set(name, at);
    at += end - start;
  }
  return { head, places };
}

/** Merges an adapter into rows of the file. A transposed file has Wᵀ, whose adapter is (BA)ᵀ = AᵀBᵀ. */
function mergedRows({ transposed, shape }: FileTensor, a: Values, b: Values, method: Adapter): Become {
  const [rows, columns] = shape as readonly [number, number];
  const { rank } = method;
  const [down, up] = transposed ? [transpose(b, columns, rank), transpose(a, rank, rows)] : [a, b];
  return (base, at) => {
    const row = at / columns;
    return mergeAdapter(base, down, up.subarray(row * rank, (row + base.length / columns) * rank), method);
  };
}

/** The same bytes in pieces as long as `piece`, each but the last. Each piece is `piece` itself, valid until the next. */
export async function* inPieces(slices: Slices, piece: Uint8Array<ArrayBuffer>): Slices {
  let filled = 0;
  for await (const slice of slices) {
    for (let at = 0; at < slice.length; ) {
      const part = slice.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < piece.length) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

async function* storedSlices(entry: TensorEntry, signal: AbortSignal | undefined) {
  for await (const { bytes } of piecesOf(entry, entry.source, signal)) yield bytes;
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
