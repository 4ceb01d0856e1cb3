/** The matrix peak of a provider: runs in the page that bench/sizes.ts opens after the run. */

import { graphArtifact } from "../../scripts/harness/graphArtifact.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { squareMatrix } from "../step/engine.ts";

export interface PeakRequest {
  readonly provider: "wasm" | "webgpu";
  /** Products of square matrices of this size, so many in a chain. */
  readonly n: number;
  readonly count: number;
  readonly tries: number;
}

/** GFLOP/s of a chain of large float32 products: the best of `tries`, after one warm-up. */
export async function matrixPeak({ provider, n, count, tries }: PeakRequest): Promise<number> {
  const runtime = await createRuntime(provider, { entries: browserEntries });
  try {
    const b = new GraphBuilder("products");
    const right = b.input("right", "float32", [n, n]);
    let product = b.input("left", "float32", [n, n]);
    for (let i = 0; i < count; i++) product = b.gemm(product, right);
    // Reading back one row waits for the result and copies little.
    const row = b.gather(product, b.constant("int32", [1], Int32Array.of(0)));
    const session = await runtime.session(graphArtifact("eval", `products ${n} ${count}`, b.finish({ row })));
    const inputs = {
      left: runtime.tensor("left", "float32", [n, n], squareMatrix(n)),
      right: runtime.tensor("right", "float32", [n, n], squareMatrix(n)),
    };
    await session.run(inputs);
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < tries; i++) {
      const began = performance.now();
      await session.run(inputs);
      best = Math.min(best, performance.now() - began);
    }
    return (2 * n ** 3 * count) / best / 1e6;
  } finally {
    await runtime.dispose();
  }
}
