/** Writes the header of a GGUF file, version 3. The caller streams the tensors' data after it. */

import {
  type ArrayData,
  byteLengthOf,
  bytesPerValue,
  defaultAlignment,
  type GgufData,
  type GgufTensor,
  layoutOf,
  type NumberType,
  type TensorHead,
  valueTypes,
} from "./types.ts";

export interface GgufLayout {
  /** All bytes before the data of the first tensor. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** The tensors in the given order, which is that of their bytes. */
  readonly tensors: readonly GgufTensor[];
  /** Bytes of the whole file. */
  readonly byteLength: number;
}

/** Zero bytes that follow a tensor of this length, so that the next one is aligned. */
export const paddingAfter = (byteLength: number): number =>
  Math.ceil(byteLength / defaultAlignment) * defaultAlignment - byteLength;

const version = 3;

/** ggml's limit, with the zero byte at its end. */
const longestTensorName = 63;

/**
 * The header of a file with these keys and tensors. Each tensor is followed by `paddingAfter` zero bytes, the last one too.
 * Throws RangeError for a name that appears twice or is longer than ggml's 63 bytes, more than four dimensions, rows that are
 * no whole blocks, a number that its type cannot have, and the key `general.alignment`, which stays 32.
 */
export function layoutGguf(keys: ReadonlyMap<string, GgufData>, tensors: readonly TensorHead[]): GgufLayout {
  if (keys.has("general.alignment")) throw new RangeError("general.alignment is always 32 in files that Hone writes.");
  const offsets: number[] = [];
  const lengths: number[] = [];
  const names = new Set<string>();
  let end = 0;
  for (const tensor of tensors) {
    const { name, type, shape } = tensor;
    if (names.has(name)) throw new RangeError(`The tensor name "${name}" appears twice.`);
    names.add(name);
    const byteLength = byteLengthOf(type, shape);
    if (byteLength === null) {
      throw new RangeError(
        `Tensor "${name}", ${type}[${shape.join(", ")}], has rows that are no blocks of ${layoutOf(type).size}.`,
      );
    }
    if (shape.length > 4) throw new RangeError(`Tensor "${name}" has ${shape.length} dimensions, above GGUF's 4.`);
    offsets.push(end);
    lengths.push(byteLength);
    end += byteLength + paddingAfter(byteLength);
  }
  const out = createWriter();
  out.bytes(new TextEncoder().encode("GGUF"));
  out.number("uint32", version);
  out.number("uint64", tensors.length);
  out.number("uint64", keys.size);
  for (const [key, data] of keys) {
    out.text(key);
    out.number("uint32", valueTypes[data.type]);
    writeValue(out, key, data);
  }
  tensors.forEach(({ name, type, shape }, i) => {
    const length = out.text(name);
    if (length > longestTensorName) {
      throw new RangeError(`The tensor name "${name}" has ${length} bytes, above ggml's ${longestTensorName}.`);
    }
    out.number("uint32", shape.length);
    for (const size of shape.toReversed()) out.number("uint64", size);
    out.number("uint32", layoutOf(type).id);
    out.number("uint64", offsets[i] as number);
  });
  const dataStart = out.length + paddingAfter(out.length);
  out.bytes(new Uint8Array(dataStart - out.length));
  const placed = tensors.map(({ name, type, shape }, i): GgufTensor => {
    const start = dataStart + (offsets[i] as number);
    return { name, type, shape, start, end: start + (lengths[i] as number) };
  });
  return { head: out.finish(), tensors: placed, byteLength: dataStart + end };
}

function writeValue(out: Writer, key: string, data: GgufData): void {
  if (data.type === "array") writeArray(out, key, data);
  else if (data.type === "string") out.text(data.value);
  else if (data.type === "bool") out.number("uint8", data.value ? 1 : 0);
  else named(key, () => out.number(data.type, data.value));
}

function writeArray(out: Writer, key: string, data: ArrayData): void {
  out.number("uint32", valueTypes[data.items]);
  out.number("uint64", data.values.length);
  if (data.items === "string") for (const text of data.values) out.text(text);
  else if (data.items === "bool") for (const value of data.values) out.number("uint8", value ? 1 : 0);
  else {
    const { items, values } = data;
    named(key, () => {
      for (let i = 0; i < values.length; i++) out.number(items, values[i] as number | bigint);
    });
  }
}

/** Names the key in the error of a number. */
function named(key: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`${key}: ${error.message}`, { cause: error });
    throw error;
  }
}

interface Writer {
  readonly length: number;
  bytes(bytes: Uint8Array): void;
  /** Little-endian. Throws RangeError where the type cannot have the number exactly; float32 is rounded. */
  number(type: NumberType, value: number | bigint): void;
  /** With its length; returns the number of its bytes. */
  text(text: string): number;
  finish(): Uint8Array<ArrayBuffer>;
}

const integerBits = { uint8: 8, int8: 8, uint16: 16, int16: 16, uint32: 32, int32: 32, uint64: 64, int64: 64 } as const;

function requireInteger(type: keyof typeof integerBits, value: number | bigint): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new RangeError(`${value} is no exact whole number.`);
  const [bits, whole] = [BigInt(integerBits[type]), BigInt(value)];
  const [least, most] = type.startsWith("u") ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  if (whole < least || whole > most) throw new RangeError(`${value} is outside ${type}.`);
  return whole;
}

function createWriter(): Writer {
  let buffer = new Uint8Array(64 * 2 ** 10);
  let view = new DataView(buffer.buffer);
  let length = 0;
  const encoder = new TextEncoder();
  const reserve = (bytes: number) => {
    const at = length;
    length += bytes;
    if (length > buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * buffer.length));
      larger.set(buffer);
      buffer = larger;
      view = new DataView(buffer.buffer);
    }
    return at;
  };
  const number = (type: NumberType, value: number | bigint) => {
    if (type === "float32" || type === "float64") {
      const at = reserve(bytesPerValue[type]);
      if (type === "float32") view.setFloat32(at, Number(value), true);
      else view.setFloat64(at, Number(value), true);
      return;
    }
    const whole = requireInteger(type, value);
    const at = reserve(bytesPerValue[type]);
    const low = Number(BigInt.asUintN(32, whole));
    if (bytesPerValue[type] === 1) view.setUint8(at, low & 255);
    else if (bytesPerValue[type] === 2) view.setUint16(at, low & 65_535, true);
    else if (bytesPerValue[type] === 4) view.setUint32(at, low, true);
    else view.setBigUint64(at, BigInt.asUintN(64, whole), true);
  };
  const bytes = (own: Uint8Array) => {
    const at = reserve(own.length);
    buffer.set(own, at);
  };
  return {
    get length() {
      return length;
    },
    bytes,
    number,
    text(text) {
      const encoded = encoder.encode(text);
      number("uint64", encoded.length);
      bytes(encoded);
      return encoded.length;
    },
    finish: () => buffer.slice(0, length),
  };
}
