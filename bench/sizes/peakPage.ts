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

export interface Peak {
  /** GFLOP/s of the best chain. */
  readonly gflops: number;
  /** GFLOP of all measured chains, and when they began and ended, in milliseconds since 1970. */
  readonly gflop: number;
  readonly began: number;
  readonly ended: number;
}

/** The speed of a chain of large float32 products, after one warm-up. */
export async function matrixPeak({ provider, n, count, tries }: PeakRequest): Promise<Peak> {
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
    const start = performance.timeOrigin + performance.now();
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < tries; i++) {
      const began = performance.now();
      await session.run(inputs);
      best = Math.min(best, performance.now() - began);
    }
    const gflop = (2 * n ** 3 * count) / 1e9;
    const ended = performance.timeOrigin + performance.now();
    return { gflops: (1000 * gflop) / best, gflop: gflop * tries, began: start, ended };
  } finally {
    await runtime.dispose();
  }
}
