/** The entries of onnxruntime-web under Node, for scripts and tests; only the package's root has threads there. */

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { OrtEntries } from "./provider.ts";

const { resolve } = createRequire(import.meta.url);
const fileOf = (name: string) => pathToFileURL(resolve(`onnxruntime-web/ort-wasm-simd-threaded.${name}`)).href;

export const nodeEntries: OrtEntries = {
  wasm: {
    load: () => import("onnxruntime-web"),
    files: { mjs: fileOf("mjs"), wasm: fileOf("wasm") },
    capture: new URL("./captureModule.mjs", import.meta.url).href,
  },
  webgpu: null,
};
