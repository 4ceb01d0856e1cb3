/**
 * Loads ONNX Runtime's WebAssembly module from the URL in `?module=` and stores it in the realm, so that wasmHeap.ts can put
 * tensors into its memory. This file is served unbundled, because ONNX Runtime imports it by URL.
 */

const address = new URL(import.meta.url).searchParams.get("module");

/** Replaces the factory that ONNX Runtime's own module file exports. @param {object} config */
export default async function create(config) {
  const { default: factory } = await import(/* @vite-ignore */ String(address));
  const module = await factory(config);
  Reflect.set(globalThis, Symbol.for("hone.onnxruntime"), module);
  return module;
}
