/** The entries of onnxruntime-web for a page or worker that Vite serves or builds: files of our own origin. */

import webgpuModule from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import captureModule from "./captureModule.mjs?url";
import type { OrtEntries } from "./provider.ts";

// A worker's thread workers import the module by address, so the addresses must be absolute.
const absolute = (address: string) => new URL(address, import.meta.url).href;

export const browserEntries: OrtEntries = {
  wasm: {
    load: () => import("onnxruntime-web/wasm"),
    files: { mjs: absolute(wasmModule), wasm: absolute(wasmBinary) },
    capture: absolute(captureModule),
  },
  // The Asyncify build: JSPI is smaller but not in every browser that has WebGPU.
  webgpu: {
    load: () => import("onnxruntime-web/webgpu"),
    files: { mjs: absolute(webgpuModule), wasm: absolute(webgpuBinary) },
    capture: null,
  },
};
