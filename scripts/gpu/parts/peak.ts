/** The measured matrix peak: chains of large square products, in float32 and float16. */

import { chainArtifact, matrixPeak, type ProductOperator, type ProductType } from "../../../bench/products.ts";
import { squareMatrix } from "../../../bench/step/engine.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import type { RunPart } from "../part.ts";
import { atMost, measured, skipped } from "../row.ts";

const products = 8;
const tries = 4;

/** The first row after one product, in float64. */
function firstRow(operator: ProductOperator, matrix: Float32Array, n: number): Float64Array {
  const row = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      const right = operator === "MatMul" ? matrix[k * n + j] : matrix[j * n + k];
      row[j] = (row[j] ?? 0) + (matrix[k] ?? 0) * (right ?? 0);
    }
  }
  return row;
}

async function measure(runtime: Runtime, operator: ProductOperator, dtype: ProductType, n: number) {
  // The numbers that float16 has, so that only the products' rounding differs.
  const halves = float32ToFloat16(squareMatrix(n));
  const matrix = float16ToFloat32(halves);
  const data = dtype === "float16" ? halves : matrix;
  const inputs = {
    left: runtime.tensor("left", dtype, [n, n], data),
    right: runtime.tensor("right", dtype, [n, n], data),
  };
  const once = await (await runtime.session(chainArtifact({ operator, dtype, n, count: 1 }))).run(inputs);
  const got = once.row?.data;
  const actual = got instanceof Uint16Array ? float16ToFloat32(got) : Float32Array.from(got ?? [], Number);
  const expected = firstRow(operator, matrix, n);
  const scale = Math.max(...expected.map(Math.abs));
  const deviation = Math.max(...expected.map((value, j) => Math.abs(value - (actual[j] ?? Number.NaN)))) / scale;

  for (const tensor of Object.values(inputs)) tensor.dispose();
  const { gflops } = await matrixPeak(runtime, { operator, dtype, n, count: products, tries }, data);
  await runtime.releaseSessions();
  return { gflops, deviation };
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
