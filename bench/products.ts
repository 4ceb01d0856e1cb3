/** Chains of large matrix products: their best speed is a provider's matrix peak. */

import { graphArtifact } from "../scripts/harness/graphArtifact.ts";
import type { Artifact } from "../src/artifacts/contract.ts";
import { GraphBuilder } from "../src/onnx/builder.ts";
import type { Runtime } from "../src/runtime/types.ts";
import { squareMatrix } from "./step/engine.ts";

export type ProductOperator = "MatMul" | "Gemm" | "Gemm, B transposed";
export type ProductType = "float32" | "float16";

export interface Chain {
  readonly operator?: ProductOperator;
  readonly dtype?: ProductType;
  /** Rows and columns of the matrices. */
  readonly n: number;
  /** Products in the chain. */
  readonly count: number;
}

/** left·right·right… Reading back its first row alone waits for the result and copies little. */
export function chainArtifact({ operator = "MatMul", dtype = "float32", n, count }: Chain): Artifact {
  const b = new GraphBuilder("products");
  const right = b.input("right", dtype, [n, n]);
  let product = b.input("left", dtype, [n, n]);
  for (let i = 0; i < count; i++) {
    product =
      operator === "MatMul" ? b.matMul(product, right) : b.gemm(product, right, { transB: operator !== "Gemm" });
  }
  const row = b.gather(product, b.constant("int32", [1], Int32Array.of(0)));
  return graphArtifact("eval", `${operator} ${dtype} ${n} ${count}`, b.finish({ row }));
}

/** GFLOP of one chain. */
export const chainGflop = ({ n, count }: Pick<Chain, "n" | "count">) => (2 * n ** 3 * count) / 1e9;

export interface Peak {
  /** GFLOP/s of the best chain. */
  readonly gflops: number;
  /** GFLOP of all measured chains, and when they began and ended, in milliseconds since 1970. */
  readonly gflop: number;
  readonly began: number;
  readonly ended: number;
}

/** The speed of `tries` chains on two matrices, after one chain that is not counted. `matrix` has numbers of the chain's type. */
export async function matrixPeak(
  runtime: Pick<Runtime, "session" | "tensor">,
  { tries, ...chain }: Chain & { readonly tries: number },
  matrix: Float32Array | Uint16Array = squareMatrix(chain.n),
): Promise<Peak> {
  const { n, dtype = "float32" } = chain;
  const session = await runtime.session(chainArtifact(chain));
  const left = runtime.tensor("left", dtype, [n, n], matrix);
  const right = runtime.tensor("right", dtype, [n, n], matrix);
  const now = () => performance.timeOrigin + performance.now();
  try {
    await session.run({ left, right });
    const start = now();
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < tries; i++) {
      const began = now();
      await session.run({ left, right });
      best = Math.min(best, now() - began);
    }
    const gflop = chainGflop(chain);
    return { gflops: (1000 * gflop) / best, gflop: gflop * tries, began: start, ended: now() };
  } finally {
    left.dispose();
    right.dispose();
  }
}
