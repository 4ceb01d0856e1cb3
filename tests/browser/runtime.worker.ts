/** A module worker that does what the engine's worker does with the runtime, for the browser tests. */

import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { multiplyAdd } from "../unit/runtime/tinyArtifacts.ts";

self.onmessage = async ({ data: provider }: MessageEvent<"webgpu" | "wasm">) => {
  try {
    const runtime = await createRuntime(provider, { entries: browserEntries });
    const session = await runtime.session(multiplyAdd(2));
    const one = runtime.tensor("one", "float32", [2], Float32Array.of(1, 1));
    const y = runtime.tensor("y", "float32", [2]);
    const a = { dtype: "float32", shape: [2], data: Float32Array.of(3, 4) } as const;
    await session.run({ a, b: a, c: one }, { y });
    self.postMessage({ report: runtime.report, y: await y.read() });
    await runtime.dispose();
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
