/** Contents of ONNX tensors in the lowered element types. */

import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType } from "onnx-buf";
import { bfloat16ToFloat32, float16ToFloat32 } from "../tensor/convert.ts";
import { cut } from "../tensor/quote.ts";
import type { ForeignTensor, LoweredDType } from "./foreign.ts";
import { GraphError } from "./graph.ts";

const { FLOAT, DOUBLE, FLOAT16, BFLOAT16, BOOL, INT64, UINT64, INT32, UINT32, INT16, UINT16, INT8, UINT8 } =
  TensorProto_DataType;

interface Encoding {
  /** Name of the element type in messages. */
  readonly name: string;
  readonly lowered: LoweredDType;
  readonly bytes: number;
  /** Reads element `i` of little-endian raw bytes. */
  read(view: DataView, at: number): number;
}

const half = new Float32Array(1);
const widened = (bits: number, widen: (bits: Uint16Array, out: Float32Array<ArrayBuffer>) => Float32Array) =>
  widen(Uint16Array.of(bits), half)[0] as number;

const encodings: ReadonlyMap<number, Encoding> = new Map(
  (
    [
      [FLOAT, "float32", "float32", 4, (v, at) => v.getFloat32(at, true)],
      [DOUBLE, "double", "float32", 8, (v, at) => v.getFloat64(at, true)],
      [FLOAT16, "float16", "float32", 2, (v, at) => widened(v.getUint16(at, true), float16ToFloat32)],
      [BFLOAT16, "bfloat16", "float32", 2, (v, at) => widened(v.getUint16(at, true), bfloat16ToFloat32)],
      [BOOL, "bool", "bool", 1, (v, at) => (v.getUint8(at) ? 1 : 0)],
      [INT64, "int64", "int32", 8, (v, at) => Number(v.getBigInt64(at, true))],
      [UINT64, "uint64", "int32", 8, (v, at) => Number(v.getBigUint64(at, true))],
      [INT32, "int32", "int32", 4, (v, at) => v.getInt32(at, true)],
      [UINT32, "uint32", "int32", 4, (v, at) => v.getUint32(at, true)],
      [INT16, "int16", "int32", 2, (v, at) => v.getInt16(at, true)],
      [UINT16, "uint16", "int32", 2, (v, at) => v.getUint16(at, true)],
      [INT8, "int8", "int32", 1, (v, at) => v.getInt8(at)],
      [UINT8, "uint8", "int32", 1, (v, at) => v.getUint8(at)],
    ] as const satisfies readonly (readonly [number, string, LoweredDType, number, Encoding["read"]])[]
  ).map(([code, name, lowered, bytes, read]) => [code, { name, lowered, bytes, read }]),
);

/** The file's name of an ONNX element type; `type 20` where it is none that we lower. */
export const dtypeName = (code: number): string => encodings.get(code)?.name ?? `type ${code}`;

/** The lowered type of a file's element type; null where we have none, as for strings. */
export function loweredDType(name: string): LoweredDType | null {
  for (const encoding of encodings.values()) if (encoding.name === name) return encoding.lowered;
  return null;
}

/** The lowered type of an ONNX element type code, as `Cast` names it; null where we have none. */
export const loweredCode = (code: number): LoweredDType | null => encodings.get(code)?.lowered ?? null;

const limits = { low: -(2 ** 31), high: 2 ** 31 - 1 };
/** Integers beyond int32 become its ends: files write "to the end" as 2⁶³ − 1. */
export const toInt32 = (value: number) => Math.min(limits.high, Math.max(limits.low, Math.trunc(value)));

const largest = 3.4028234663852886e38;
/** Shaders may not handle infinities, so they become the largest float32. */
export const toFloat32 = (value: number) => Math.min(largest, Math.max(-largest, value));

/** An array of the lowered type; values outside the type become its ends. */
export function loweredData(dtype: LoweredDType, values: ArrayLike<number>): ForeignTensor["data"] {
  if (dtype === "float32") return Float32Array.from(values, toFloat32);
  return dtype === "int32" ? Int32Array.from(values, toInt32) : Uint8Array.from(values, (value) => (value ? 1 : 0));
}

/** Reads a file that lies beside the model: `location` is its name, `offset` and `length` count bytes. */
export type ExternalData = (location: string, offset: number, length: number) => Uint8Array;

/** Reads a tensor. Throws a GraphError when its data does not fill its shape or has a type that we do not lower. */
export function readTensor(proto: TensorProto, external: ExternalData | null): ForeignTensor {
  const { name } = proto;
  const what = `tensor ${cut(name)}`;
  const encoding = encodings.get(proto.dataType);
  if (!encoding) throw new GraphError(`${what} has ONNX element type ${proto.dataType}, which no lowered graph has`);
  const shape = proto.dims.map(Number);
  if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0))
    throw new GraphError(
      `${what} has the shape [${shape.slice(0, 8).join(", ")}]; dimensions are whole and not negative`,
    );
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  const raw = rawOf(proto, count * encoding.bytes, external);
  if (raw) {
    if (raw.byteLength !== count * encoding.bytes)
      throw new GraphError(`${what}: ${raw.byteLength} bytes do not fill ${encoding.name}[${shape.join(", ")}]`);
    return { name, dtype: encoding.lowered, shape, data: decode(encoding, raw, count) };
  }
  const values = fieldOf(proto, encoding);
  if (values.length !== count)
    throw new GraphError(`${what}: ${values.length} values do not fill ${encoding.name}[${shape.join(", ")}]`);
  return { name, dtype: encoding.lowered, shape, data: loweredData(encoding.lowered, values) };
}

/** The bytes of the tensor; null where the file has its values as numbers. */
function rawOf(proto: TensorProto, length: number, external: ExternalData | null): Uint8Array | null {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const entry = (key: string) => proto.externalData.find((pair) => pair.key === key)?.value;
    const location = entry("location") ?? "";
    if (!external)
      throw new GraphError(
        `tensor ${cut(proto.name)} lies in the file ${cut(location)}; open it together with the model`,
      );
    return external(location, Number(entry("offset") ?? 0), Number(entry("length") ?? length));
  }
  return proto.rawData.byteLength > 0 ? proto.rawData : null;
}

/** Bytes of an element type, by its ONNX code, in the lowered type. Throws a GraphError for a type that we do not lower. */
export function widenedTensor(type: number, bytes: Uint8Array): ForeignTensor["data"] {
  const encoding = encodings.get(type);
  if (!encoding) throw new GraphError(`ONNX element type ${type} has no lowered form`);
  return decode(encoding, bytes, bytes.byteLength / encoding.bytes);
}

function decode(encoding: Encoding, raw: Uint8Array, count: number): ForeignTensor["data"] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (encoding.name === "float32" || encoding.name === "int32") {
    const { buffer } = new Uint8Array(raw);
    return encoding.name === "float32" ? finite(new Float32Array(buffer)) : new Int32Array(buffer);
  }
  if (encoding.name === "float16") {
    const { buffer } = new Uint8Array(raw);
    return finite(float16ToFloat32(new Uint16Array(buffer)));
  }
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = encoding.read(view, i * encoding.bytes);
  return loweredData(encoding.lowered, values);
}

function finite(values: Float32Array): Float32Array {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value > largest || value < -largest) values[i] = toFloat32(value);
  }
  return values;
}

/** The values of the protobuf field that the type uses. */
function fieldOf(proto: TensorProto, { name }: Encoding): ArrayLike<number> {
  if (name === "float32") return proto.floatData;
  if (name === "double") return proto.doubleData;
  if (name === "int64") return proto.int64Data.map(Number);
  if (name === "uint64" || name === "uint32") return proto.uint64Data.map(Number);
  if (name === "float16") return float16ToFloat32(Uint16Array.from(proto.int32Data));
  if (name === "bfloat16") return bfloat16ToFloat32(Uint16Array.from(proto.int32Data));
  return proto.int32Data;
}
