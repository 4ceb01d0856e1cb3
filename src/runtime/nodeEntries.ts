/** The entries of onnxruntime-web under Node, for scripts and tests; only the package's root has threads there. */

import type { OrtEntries } from "./provider.ts";

export const nodeEntries: OrtEntries = {
  wasm: { load: () => import("onnxruntime-web"), files: null },
  webgpu: null,
};
