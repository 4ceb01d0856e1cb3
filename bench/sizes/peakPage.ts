/** The matrix peak of a provider: runs in the page that bench/sizes.ts opens after the run. */

import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { matrixPeak, type Peak } from "../products.ts";

export interface PeakRequest {
  readonly provider: "wasm" | "webgpu";
  /** Products of square matrices of this size, so many in a chain. */
  readonly n: number;
  readonly count: number;
  readonly tries: number;
}

/** The speed of chains of large float32 products. */
export async function measurePeak({ provider, ...chains }: PeakRequest): Promise<Peak> {
  const runtime = await createRuntime(provider, { entries: browserEntries });
  try {
    return await matrixPeak(runtime, { ...chains, operator: "Gemm" });
  } finally {
    await runtime.dispose();
  }
}
