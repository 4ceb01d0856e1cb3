/** What is said of the engine: what computes, what it costs, and how it is started again. */

import { bytes, plural } from "../format.ts";

export const engineWords = {
  title: "Engine",
  providers: { webgpu: "WebGPU", wasm: "WebAssembly" },
  starting: "Starting",
  stopped: "Stopped",
  choose: "Compute with",
  choices: { auto: "Best available", webgpu: "WebGPU", wasm: "WebAssembly" },
  noGpu: "Without a GPU training is many times slower: choose a small model and few steps.",
  threads: (threads: number) => plural(threads, "thread"),
  /** Follows what computes. */
  kept: (usage: number) => ` · ${bytes(usage)} kept in this browser`,
  notRunning: "No engine is running.",
  isStarting: "The engine is starting…",
} as const;

export const engineFailureWords = {
  stopped: "The engine is not running",
  lost: "The GPU was lost",
  startAgain: "Start the engine again",
  openAgain: "Open the GPU again",
} as const;
