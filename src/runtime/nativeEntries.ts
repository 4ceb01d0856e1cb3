/** The entries of native ONNX Runtime under Node, an optional package several times as fast as WebAssembly. */

import { availableParallelism } from "node:os";
import { nodeEntries } from "./nodeEntries.ts";
import type { OrtEntries, OrtModule } from "./provider.ts";

/** Typed as string, so that compiler and bundler do not resolve it; it is installed with npm install --no-save. */
const packageName: string = "onnxruntime-node";

const isMissing = (error: unknown) =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND");

/** The package's module; null when it is not installed. Throws when it is installed but does not load. */
async function importNative(): Promise<OrtModule | null> {
  try {
    const module: OrtModule & { readonly default?: OrtModule } = await import(/* @vite-ignore */ packageName);
    // A CommonJS package: Node puts its exports in `default`, other loaders give them directly.
    return module.default ?? module;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/**
 * Entries that compute on the processor with native ONNX Runtime; null when `onnxruntime-node` is not installed. Throws when
 * it is installed but does not load.
 */
export async function nativeEntries(): Promise<OrtEntries | null> {
  const ort = await importNative();
  if (ort === null) return null;
  const native = { version: ort.env.versions.node ?? "of unknown version", cores: availableParallelism() };
  return { wasm: { load: async () => ort, files: null, native }, webgpu: null };
}

/** The fastest entries under Node: native ONNX Runtime if installed, else WebAssembly. */
export async function processorEntries(): Promise<OrtEntries> {
  return (await nativeEntries()) ?? nodeEntries;
}
