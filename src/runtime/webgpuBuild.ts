/** Which build of ONNX Runtime computes on WebGPU here. Service worker and page ask alike, for both are of one browser. */

export const webgpuBuilds = ["jspi", "asyncify"] as const;
export type WebGpuBuild = (typeof webgpuBuilds)[number];

/**
 * WebAssembly waits for the GPU in the middle of a call. Where the browser can put such a call aside (JavaScript Promise
 * Integration, `WebAssembly.Suspending`), the build that leaves it to that is 10 MB smaller and takes less time per launch; the
 * other, which keeps its own stack, runs everywhere.
 */
export const webgpuBuild: WebGpuBuild = "Suspending" in WebAssembly ? "jspi" : "asyncify";
