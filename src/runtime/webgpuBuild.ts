/** The build of ONNX Runtime for WebGPU in this browser; service worker and page must choose the same one. */

export const webgpuBuilds = ["jspi", "asyncify"] as const;
export type WebGpuBuild = (typeof webgpuBuilds)[number];

/**
 * WebAssembly must wait for the GPU in the middle of a call. If the browser can suspend such a call (JavaScript Promise
 * Integration, `WebAssembly.Suspending`), the "jspi" build is 10 MB smaller and faster per launch. The "asyncify" build
 * saves its own stack and runs everywhere.
 */
export const webgpuBuild: WebGpuBuild = "Suspending" in WebAssembly ? "jspi" : "asyncify";
