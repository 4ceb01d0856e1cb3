/** A product with a matrix too large to be widened at once, on wasm. Oracle: dot products in float64 with the stored numbers. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { builtArtifact } from "../../src/artifacts/artifact.ts";
import { Scope } from "../../src/nn/scope.ts";
import { product, widenedLimit } from "../../src/nn/weight.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { HostTensor, Runtime } from "../../src/runtime/types.ts";
import { encode, partsOf } from "../../src/tensor/storage.ts";
import { storedAs, storedValues } from "../support/precisions.ts";
import { numbers } from "../support/smallArtifacts.ts";

const columns = 64;
const rows = widenedLimit / columns + 33;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

test.each(["float16", "uint4"] as const)("%s", { timeout: 120_000 }, async (storage) => {
  const values = new Float32Array(rows * columns);
  // A linear congruential generator, because the matrix has 33 million numbers.
  let state = 7;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = state / 2 ** 33;
  }
  const parts = encode(storage, values, columns);
  const x = Float32Array.from({ length: columns }, (_, i) => Math.sin(i + 1));
  const feeds: Record<string, HostTensor> = { x: { dtype: "float32", shape: [1, columns], data: x } };
  partsOf(storage, [rows, columns]).forEach(({ suffix, dtype, shape }, i) => {
    feeds[`w.weight${suffix}`] = { dtype, shape, data: parts[i] as HostTensor["data"] };
  });

  const b = new GraphBuilder("large");
  const weight = Scope.root(b, null, storedAs(storage)).in("w").table([rows, columns]);
  const graph = b.finish({ y: product(b, b.input("x", "float32", [1, columns]), weight) });
  // Two pieces, and so no operand of all rows in float32.
  expect(graph.nodes.filter(({ op }) => op === "Gemm" || op === "MatMulNBits").length).toBe(2);
  const { y } = await (await runtime.session(builtArtifact("eval", storage, graph))).run(feeds);

  const stored = storedValues(storage, values, columns);
  const actual = numbers(y);
  expect(actual.length).toBe(rows);
  let worst = 0;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += (x[k] as number) * (stored[row * columns + k] as number);
    worst = Math.max(worst, Math.abs((actual[row] as number) - sum));
  }
  // 64 terms of at most 0.25: γ₆₄ = 64·2⁻²⁴ of their sum.
  expect(worst).toBeLessThan(64 * 2 ** -24 * 64 * 0.25);
});
