/** The model's parameters on the device: training, evaluation and generation share one copy. */

import type { ParameterSpec } from "../artifacts/contract.ts";
import { createPieceEncoder } from "../hub/encode.ts";
import type { OpenModel } from "../hub/model.ts";
import { countOf, type DevicePiece } from "../hub/storedPieces.ts";
import type { FileTensor } from "../models/fileTensor.ts";
import type { DeviceTensor, Runtime } from "../runtime/types.ts";
import { describeType, sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { createRandom } from "../tensor/random.ts";
import { isQuantised } from "../tensor/storage.ts";

/** Port of a parameter → its tensor on the device. */
export type ParameterTensors = ReadonlyMap<string, DeviceTensor>;

/**
 * Start values of every adapter parameter in `specs`, drawn in the order of `specs` from one seeded generator.
 *
 * As in PEFT, A [rank, in_features] is `kaiming_uniform_(a = √5)`: uniform with bound √(2 / (1 + a²)) · √(3 / fan_in)
 * = 1 / √in_features. B is zero, so training starts at the base model (He et al. 2015; Hu et al. 2021).
 */
export function initialAdapter(specs: readonly ParameterSpec[], seed: number): Map<string, Float32Array<ArrayBuffer>> {
  const random = createRandom(seed);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, shape, source } of specs) {
    if (source.kind === "checkpoint") continue;
    const data = new Float32Array(sizeOf(shape));
    if (source.kind === "lora_A") {
      const bound = 1 / Math.sqrt(shape[shape.length - 1] ?? 1);
      for (let i = 0; i < data.length; i++) data[i] = (2 * random.next() - 1) * bound;
    }
    values.set(name, data);
  }
  return values;
}

/** Reads a parameter from the model's files; `read` returns a tensor as float32. Throws for a parameter of an adapter. */
export async function readParameter(
  spec: ParameterSpec,
  read: (tensor: string) => Promise<Float32Array<ArrayBuffer>>,
): Promise<Float32Array<ArrayBuffer>> {
  const tensor = fileTensorOf(spec);
  return tensor.toParameter(await read(tensor.name));
}

/** The tensor of the model's files. Throws for a parameter of an adapter. */
export function fileTensorOf({ name, source }: Pick<ParameterSpec, "name" | "source">): FileTensor {
  if (source.kind === "checkpoint") return source.tensor;
  throw new Error(`Parameter ${name} belongs to an adapter; the model's files do not contain it.`);
}

/** A parameter's numbers, row-major: all of them as float32, or pieces in order that together have all of them. */
export type Values = Float32Array | AsyncIterable<DevicePiece>;

/** A piece of a parameter's numbers must be a multiple of these many: whole rows for blocks, and whole 4 bytes on the device. */
export const pieceUnit = ({ storage, shape }: Pick<ParameterSpec, "storage" | "shape">): number =>
  isQuantised(storage) ? 4 * (shape.at(-1) ?? 1) : 4;

/** The pieces of a parameter in the model's files, for `uploadParameters`. Throws for a parameter of an adapter. */
export function parameterPieces(
  spec: ParameterSpec,
  pieces: OpenModel["devicePieces"],
  signal?: AbortSignal,
): AsyncIterable<DevicePiece> {
  const { name, transposed } = fileTensorOf(spec);
  return pieces(name, { unit: pieceUnit(spec), transposed, storage: spec.storage, signal });
}

/**
 * Uploads `specs` to the device one after another, piece by piece, so that JavaScript never has a whole large tensor in
 * memory. `onPiece` receives the stored bytes of each uploaded piece. Throws when a value is missing, has the wrong number of
 * elements, or cannot be stored as its spec says; then nothing stays on the device.
 */
export async function uploadParameters(
  runtime: Pick<Runtime, "tensor">,
  specs: readonly ParameterSpec[],
  read: (spec: ParameterSpec) => Values | undefined | Promise<Values | undefined>,
  onPiece: (bytes: number) => void = () => undefined,
): Promise<Map<string, DeviceTensor>> {
  const tensors = new Map<string, DeviceTensor>();
  const encodePiece = createPieceEncoder();
  try {
    for (const spec of specs) {
      const { name, shape, storage, ports } = spec;
      const values = await read(spec);
      if (values === undefined)
        throw new Error(`Parameter ${name} has no value: it is in neither the model nor the adapter.`);
      if (values instanceof Float32Array) requireSize(spec, values.length);
      const own = ports.map((port) => {
        const tensor = runtime.tensor(port.name, port.dtype, port.shape);
        tensors.set(port.name, tensor);
        return tensor;
      });
      let end = 0;
      for await (const piece of values instanceof Float32Array ? wholePiece(values) : values) {
        const count = countOf(piece);
        end = piece.at + count;
        if (end > sizeOf(shape)) requireSize(spec, end);
        const parts = named(spec, () =>
          encodePiece(piece, { storage, columns: shape.at(-1) ?? 1, scales: scalesOf(ports) }),
        );
        // Each number has the same share of every part.
        parts.forEach((part, i) => void own[i]?.write(part, (piece.at * part.length) / count));
        onPiece(piece.bytes.length);
      }
      requireSize(spec, end);
    }
  } catch (error) {
    disposeAll(tensors);
    throw error;
  }
  return tensors;
}

/** Does `encode`; its RangeError gets the parameter's name. */
function named<T>({ name }: ParameterSpec, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`Parameter ${cut(name)}: ${error.message}`, { cause: error });
  }
}

const scalesOf = (ports: ParameterSpec["ports"]) => (ports[1]?.dtype === "float16" ? "float16" : "float32");

function requireSize({ name, shape }: ParameterSpec, count: number): void {
  if (count === sizeOf(shape)) return;
  throw new Error(`Parameter ${name} has ${count} values, but the model needs ${describeType("float32", shape)}.`);
}

/** All values as one piece; none for an empty tensor. */
const wholePiece = ({ buffer, byteOffset, byteLength }: Float32Array): DevicePiece[] =>
  byteLength === 0
    ? []
    : [{ at: 0, dtype: "F32", bytes: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) }];

/** Frees every tensor of a map. */
export function disposeAll(tensors: ParameterTensors): void {
  for (const tensor of tensors.values()) tensor.dispose();
}
