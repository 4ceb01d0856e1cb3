/** Small models of one foreign operator, with inputs. */

import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import type { FileAttribute, FileDType, FileModel, FileTensor } from "./onnxFile.ts";

export interface OperatorCase {
  readonly title: string;
  /** The operator that the case is for. */
  readonly op: string;
  readonly model: FileModel;
  readonly feeds: Readonly<Record<string, FileTensor>>;
}

export interface Operand {
  readonly tensor: FileTensor;
  /** A constant of the file, because shapes and axes must be static. */
  readonly constant: boolean;
}

interface Options {
  readonly title?: string;
  readonly domain?: string;
  readonly opset?: number;
  readonly attributes?: Readonly<Record<string, FileAttribute>>;
  /** Element types of the outputs, null for one that is left out; one float32 by default. */
  readonly outputs?: readonly (FileDType | null)[];
}

const random = createRandom(22);

/** Uniform numbers in [low, high). */
export function f(shape: readonly number[], low = -1, high = 1): Operand {
  const data = Array.from({ length: sizeOf(shape) }, () => Math.fround(low + (high - low) * random.next()));
  return { tensor: { dtype: "float32", shape, data }, constant: false };
}

export const values = (shape: readonly number[], ...data: number[]): Operand => ({
  tensor: { dtype: "float32", shape, data: data.map(Math.fround) },
  constant: false,
});
export const i64 = (shape: readonly number[], ...data: number[]): Operand => ({
  tensor: { dtype: "int64", shape, data },
  constant: false,
});
export const bool = (shape: readonly number[], ...data: number[]): Operand => ({
  tensor: { dtype: "bool", shape, data },
  constant: false,
});
export const fixed = ({ tensor }: Operand): Operand => ({ tensor, constant: true });
/** A constant list of integers, such as a shape. */
export const list = (...data: number[]) => fixed(i64([data.length], ...data));
export const scalar = (value: number) => fixed(i64([], value));

export function one(op: string, inputs: readonly (Operand | null)[], options: Options = {}): OperatorCase {
  const { domain = "", attributes = {}, outputs = ["float32"], opset = 17 } = options;
  const named = inputs.flatMap((operand, i) => (operand ? [{ name: `x${i}`, ...operand }] : []));
  const given = named.filter(({ constant }) => !constant);
  const names = outputs.map((dtype, i) => (dtype === null ? "" : `y${i}`));
  return {
    title: options.title ? `${op}, ${options.title}` : op,
    op,
    feeds: Object.fromEntries(given.map(({ name, tensor }) => [name, tensor])),
    model: {
      opset,
      inputs: given.map(({ name, tensor }) => ({ name, dtype: tensor.dtype, dims: tensor.shape })),
      constants: Object.fromEntries(named.filter(({ constant }) => constant).map(({ name, tensor }) => [name, tensor])),
      outputs: outputs.flatMap((dtype, i) => (dtype ? [{ name: `y${i}`, dtype }] : [])),
      nodes: [
        {
          op,
          domain,
          inputs: inputs.map((operand, i) => (operand ? `x${i}` : "")),
          outputs: names,
          attributes,
        },
      ],
    },
  };
}

export const microsoft = "com.microsoft";
export const own = (op: string, inputs: readonly (Operand | null)[], options: Options = {}) =>
  one(op, inputs, { domain: microsoft, ...options });
