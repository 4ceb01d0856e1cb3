/**
 * ONNX Runtime's training checkpoint, version 2 (ort_training_checkpoint.fbs, file identifier ODTC): parameters, optimizer
 * states and properties. Large tensors may lie in a second file, `<checkpoint>.data`.
 */

import { sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { type Field, type Fields, rootTable, type Table, writeFlatbuffer } from "./flatbuffer.ts";
import { GraphError } from "./graph.ts";

export interface CheckpointTensor {
  readonly name: string;
  /** ONNX's code of the element type; 1 is float32. */
  readonly type: number;
  readonly shape: readonly number[];
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

/** The optimizer's state of one parameter, such as momentum0 and momentum1. */
export interface ParameterState {
  readonly name: string;
  readonly optimizerMoments: readonly CheckpointTensor[];
}

export interface OptimizerGroup {
  readonly name: string;
  /** Updates done. */
  readonly step: number;
  readonly learningRate: number;
  readonly states: readonly ParameterState[];
}

export interface OrtCheckpoint {
  readonly trainable: readonly CheckpointTensor[];
  readonly frozen: readonly CheckpointTensor[];
  /** A nominal checkpoint has names and types, but no numbers. */
  readonly nominal: boolean;
  readonly groups: readonly OptimizerGroup[];
  readonly ints: ReadonlyMap<string, bigint>;
  readonly floats: ReadonlyMap<string, number>;
  readonly strings: ReadonlyMap<string, string>;
}

const identifier = "ODTC";
const version = 2;
/** A rank beyond this occurs in damaged files only. */
const mostDimensions = 64;

/** Bytes per element by ONNX's type code; strings and complex numbers are no parameters. */
const elementBytes: Readonly<Record<number, number>> = {
  1: 4,
  2: 1,
  3: 1,
  4: 2,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  10: 2,
  11: 8,
  12: 4,
  13: 8,
  16: 2,
};

/**
 * Reads a checkpoint; `external` is the content of `<checkpoint>.data`, where there is such a file. The tensors' bytes are views
 * of both. Throws a GraphError with the fault.
 */
export function readOrtCheckpoint(bytes: Uint8Array, external: Uint8Array | null = null): OrtCheckpoint {
  try {
    return readRoot(rootTable(bytes, identifier), external);
  } catch (error) {
    if (error instanceof GraphError)
      throw new GraphError(`this checkpoint cannot be read: ${error.message}`, { cause: error });
    if (error instanceof RangeError)
      throw new GraphError("this checkpoint is damaged: an offset lies outside the file", { cause: error });
    throw error;
  }
}

function readRoot(root: Table, external: Uint8Array | null): OrtCheckpoint {
  const found = root.int32(0);
  if (found !== version) throw new GraphError(`it has version ${found}, but Hone reads version ${version}`);
  const module = root.table(1);
  const nominal = module?.bool(2) ?? false;
  const outside = module?.bool(3) ?? false;
  if (outside && !external)
    throw new GraphError("its tensors lie in a second file, <checkpoint>.data; open both together");
  const tensors = (table: Table | null, field: number) =>
    (table?.tables(field) ?? []).map((one) => readTensorTable(one, nominal, external));
  const bag = root.table(3);
  const properties = <T>(field: number, value: (entry: Table) => T) =>
    new Map((bag?.tables(field) ?? []).map((entry) => [entry.text(0), value(entry)]));
  return {
    trainable: tensors(module, 0),
    frozen: tensors(module, 1),
    nominal,
    groups: root.tables(2).map((group) => ({
      name: group.text(0),
      step: Number(group.int64(1)),
      learningRate: group.float(2),
      states: group.tables(3).map((state) => ({ name: state.text(0), optimizerMoments: tensors(state, 1) })),
    })),
    ints: properties(0, (entry) => entry.int64(1)),
    floats: properties(1, (entry) => entry.float(1)),
    strings: properties(2, (entry) => entry.text(1)),
  };
}

function readTensorTable(table: Table, nominal: boolean, external: Uint8Array | null): CheckpointTensor {
  const name = table.text(0);
  const shape = table.int64s(2).map(Number);
  const type = table.int32(3);
  const what = `tensor ${cut(name)}`;
  if (shape.length > mostDimensions || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new GraphError(`${what} has the shape [${cut(shape.join(", "))}]`);
  const offset = table.int64(6, -1n);
  const bytes = table.bytes(4) ?? new Uint8Array();
  if (nominal) return { name, type, shape, bytes };
  const size = elementBytes[type];
  if (size === undefined) throw new GraphError(`${what} has ONNX element type ${type}, which no parameter has`);
  const length = sizeOf(shape) * size;
  const data = bytes.length === 0 && offset >= 0n ? fromOutside(what, external, Number(offset), length) : bytes;
  if (data.length !== length)
    throw new GraphError(`${what}: ${data.length} bytes do not fill [${cut(shape.join(", "))}] of ${size} bytes each`);
  return { name, type, shape, bytes: data };
}

function fromOutside(what: string, external: Uint8Array | null, offset: number, length: number): Uint8Array {
  if (!external) throw new GraphError(`${what} lies in a second file, <checkpoint>.data; open both together`);
  if (offset + length > external.byteLength)
    throw new GraphError(
      `${what}: bytes ${offset} to ${offset + length} lie outside the ${external.byteLength} of the data file`,
    );
  return external.subarray(offset, offset + length);
}

export interface WrittenCheckpoint {
  readonly checkpoint: Uint8Array<ArrayBuffer>;
  /** Content of `<checkpoint>.data`; null where everything is in the checkpoint itself. */
  readonly data: Uint8Array<ArrayBuffer> | null;
}

/** Smaller tensors stay in the checkpoint itself, as ONNX Runtime writes them. */
const smallestOutside = 64;

/**
 * Writes a checkpoint; with `outside`, its tensors lie in a second file. ONNX Runtime's offsets end at 2 GiB, so larger
 * checkpoints need that. Equal contents give equal bytes.
 */
export function writeOrtCheckpoint(
  { trainable, frozen, nominal, groups, ints, floats, strings }: OrtCheckpoint,
  outside = false,
): WrittenCheckpoint {
  const pieces: Uint8Array[] = [];
  let end = 0;
  const tensor = ({ name, type, shape, bytes }: CheckpointTensor): Fields => {
    const apart = outside && !nominal && bytes.byteLength >= smallestOutside;
    const offset = end;
    if (apart) {
      pieces.push(bytes);
      end += Math.ceil(bytes.byteLength / 16) * 16;
    }
    return [
      text(name),
      null,
      { kind: "int64s", value: shape.map(BigInt) },
      { kind: "int32", value: type },
      apart ? null : { kind: "bytes", value: bytes },
      null,
      apart ? { kind: "int64", value: BigInt(offset) } : null,
    ];
  };
  // ONNX Runtime refuses a checkpoint that leaves out an empty list.
  const tables = (value: readonly Fields[]): Field => ({ kind: "tables", value });
  const root: Fields = [
    { kind: "int32", value: version },
    {
      kind: "table",
      value: [
        tables(trainable.map(tensor)),
        tables(frozen.map(tensor)),
        { kind: "bool", value: nominal ? 1 : 0 },
        { kind: "bool", value: outside ? 1 : 0 },
      ],
    },
    tables(
      groups.map((group) => [
        text(group.name),
        { kind: "int64", value: BigInt(group.step) },
        { kind: "float", value: group.learningRate },
        tables(group.states.map(({ name, optimizerMoments }) => [text(name), tables(optimizerMoments.map(tensor))])),
      ]),
    ),
    {
      kind: "table",
      value: [
        tables(Array.from(ints, ([name, value]) => [text(name), { kind: "int64", value }])),
        tables(Array.from(floats, ([name, value]) => [text(name), { kind: "float", value }])),
        tables(Array.from(strings, ([name, value]) => [text(name), text(value)])),
      ],
    },
  ];
  const checkpoint = writeFlatbuffer(root, identifier);
  if (!outside) return { checkpoint, data: null };
  const data = new Uint8Array(end);
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += Math.ceil(piece.byteLength / 16) * 16;
  }
  return { checkpoint, data };
}

const text = (value: string): Field => ({ kind: "text", value });
