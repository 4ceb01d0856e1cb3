/** The measured matrix peak: chains of large square products, in float32 and float16. */

import { squareMatrix } from "../../../bench/step/engine.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { graphArtifact } from "../../harness/graphArtifact.ts";
import type { RunPart } from "../part.ts";
import { atMost, measured, skipped } from "../row.ts";

const products = 8;
const tries = 4;

type Operator = "MatMul" | "Gemm, B transposed";
type Type = "float32" | "float16";

/** A chain of `count` products (n, n); the artifact returns the last one's first row. */
function chainOf(operator: Operator, dtype: Type, n: number, count: number) {
  const b = new GraphBuilder("products");
  const right = b.input("right", dtype, [n, n]);
  let product = b.input("left", dtype, [n, n]);
  for (let i = 0; i < count; i++) {
    product = operator === "MatMul" ? b.matMul(product, right) : b.gemm(product, right, { transB: true });
  }
  const row = b.gather(product, b.constant("int32", [1], Int32Array.of(0)));
  return graphArtifact("eval", `${operator} ${dtype} ${n} ${count}`, b.finish({ row }));
}

/** The first row after one product, in float64. */
function firstRow(operator: Operator, matrix: Float32Array, n: number): Float64Array {
  const row = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      const right = operator === "MatMul" ? matrix[k * n + j] : matrix[j * n + k];
      row[j] = (row[j] ?? 0) + (matrix[k] ?? 0) * (right ?? 0);
    }
  }
  return row;
}

async function measure(runtime: Runtime, operator: Operator, dtype: Type, n: number) {
  // The numbers that float16 has, so that only the products' rounding differs.
  const halves = float32ToFloat16(squareMatrix(n));
  const matrix = float16ToFloat32(halves);
  const data = dtype === "float16" ? halves : matrix;
  const inputs = {
    left: runtime.tensor("left", dtype, [n, n], data),
    right: runtime.tensor("right", dtype, [n, n], data),
  };
  const once = await (await runtime.session(chainOf(operator, dtype, n, 1))).run(inputs);
  const got = once.row?.data;
  const actual = got instanceof Uint16Array ? float16ToFloat32(got) : Float32Array.from(got ?? [], Number);
  const expected = firstRow(operator, matrix, n);
  const scale = Math.max(...expected.map(Math.abs));
  const deviation = Math.max(...expected.map((value, j) => Math.abs(value - (actual[j] ?? Number.NaN)))) / scale;

  const session = await runtime.session(chainOf(operator, dtype, n, products));
  await session.run(inputs);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < tries; i++) {
    const began = performance.now();
    await session.run(inputs);
    best = Math.min(best, performance.now() - began);
  }
  for (const tensor of Object.values(inputs)) tensor.dispose();
  await runtime.releaseSessions();
  return { gflops: (2 * n ** 3 * products) / best / 1e6, deviation };
}

export const run: RunPart = async ({ entries, scale, adapter, report }) => {
  const runtime = await createRuntime("webgpu", { entries });
  const n = scale.matrix;
  for (const dtype of ["float32", "float16"] as const) {
    if (dtype === "float16" && !adapter.shaderF16) {
      report(skipped("products in float16", "the adapter has no shader-f16"));
      continue;
    }
    for (const operator of ["MatMul", "Gemm, B transposed"] as const) {
      const { gflops, deviation } = await measure(runtime, operator, dtype, n);
      report(measured(`${operator}, ${dtype}, ${n} × ${n}`, gflops, "GFLOP/s"));
      // A sum of n products of random signs is off by about √n roundings of 2⁻²⁴ or 2⁻¹¹; ten times that is an error.
      const limit = 10 * Math.sqrt(n) * (dtype === "float32" ? 2 ** -24 : 2 ** -11);
      report(atMost(`${operator}, ${dtype}: deviation from float64`, deviation, Number(limit.toPrecision(2)), ""));
    }
  }
  await runtime.dispose();
};
