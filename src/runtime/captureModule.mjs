/**
 * Stands between ONNX Runtime and its WebAssembly module, so that wasmHeap.ts can keep tensors in the module's memory: loads the
 * module that `?module=` names and leaves it in the realm. Served as it is, because ONNX Runtime imports it by its address.
 */

const address = new URL(import.meta.url).searchParams.get("module");

/** The factory of ONNX Runtime's module, as the file of its own exports it. @param {object} config */
export default async function create(config) {
  const { default: factory } = await import(/* @vite-ignore */ String(address));
  const module = await factory(config);
  Reflect.set(globalThis, Symbol.for("hone.onnxruntime"), module);
  return module;
}
