/** The entries of native ONNX Runtime under Node: several times as fast as WebAssembly, where a person has installed it. */

import { availableParallelism } from "node:os";
import { nodeEntries } from "./nodeEntries.ts";
import type { OrtEntries, OrtModule } from "./provider.ts";

/** No package of the project, so that neither the compiler nor a bundler may look for it: npm install --no-save. */
const packageName: string = "onnxruntime-node";

const isMissing = (error: unknown) =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND");

/** The package's module, null where it is not installed. Throws when it is there and does not load. */
async function importNative(): Promise<OrtModule | null> {
  try {
    const module: OrtModule & { readonly default?: OrtModule } = await import(/* @vite-ignore */ packageName);
    // A CommonJS package: its exports are the default one under Node, and have none under a loader that sees through it.
    return module.default ?? module;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/**
 * Entries whose processor is native ONNX Runtime; null where the package `onnxruntime-node` is not installed. Throws when
 * it is installed and does not load here.
 */
export async function nativeEntries(): Promise<OrtEntries | null> {
  const ort = await importNative();
  if (ort === null) return null;
  const native = { version: ort.env.versions.node ?? "of unknown version", cores: availableParallelism() };
  return { wasm: { load: async () => ort, files: null, native }, webgpu: null };
}

/** The fastest processor that Node has here: native where it is installed, WebAssembly otherwise. */
export async function processorEntries(): Promise<OrtEntries> {
  return (await nativeEntries()) ?? nodeEntries;
}
