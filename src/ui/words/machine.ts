/** Texts about the engine: provider, cost, failure and restart. */

import { bytes, plural } from "../format.ts";

export const engineWords = {
  title: "Engine",
  providers: { webgpu: "WebGPU", wasm: "WebAssembly" },
  starting: "Starting",
  stopped: "Stopped",
  choose: "Provider",
  choices: { auto: "Best available", webgpu: "WebGPU", wasm: "WebAssembly" },
  noGpu: "Training without a GPU is many times slower. Choose a small model and few steps.",
  threads: (threads: number) => plural(threads, "thread"),
  /** Follows the provider. */
  stored: (usage: number) => ` · ${bytes(usage)} stored in this browser`,
  notRunning: "No engine is running.",
  isStarting: "The engine is starting…",
} as const;

export const engineFailureWords = {
  stopped: "The engine is not running",
  lost: "The GPU was lost",
  startAgain: "Start the engine again",
  openAgain: "Open the GPU again",
} as const;
