/** The entries of onnxruntime-web in a page or worker that Vite serves or builds; all files come from our own origin. */

import asyncifyModule from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import asyncifyBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import jspiModule from "onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url";
import jspiBinary from "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import captureModule from "./captureModule.mjs?url";
import type { OrtEntries, OrtEntry } from "./provider.ts";
import { type WebGpuBuild, webgpuBuild } from "./webgpuBuild.ts";

// Absolute, because the thread workers of a worker import the module by URL.
const absolute = (address: string) => new URL(address, import.meta.url).href;

export const webgpuEntries: { readonly [build in WebGpuBuild]: OrtEntry } = {
  jspi: {
    load: () => import("onnxruntime-web/jspi"),
    files: { mjs: absolute(jspiModule), wasm: absolute(jspiBinary) },
    capture: null,
  },
  asyncify: {
    load: () => import("onnxruntime-web/webgpu"),
    files: { mjs: absolute(asyncifyModule), wasm: absolute(asyncifyBinary) },
    capture: null,
  },
};

export const browserEntries: OrtEntries = {
  wasm: {
    load: () => import("onnxruntime-web/wasm"),
    files: { mjs: absolute(wasmModule), wasm: absolute(wasmBinary) },
    capture: absolute(captureModule),
  },
  webgpu: webgpuEntries[webgpuBuild],
};
