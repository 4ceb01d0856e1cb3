/** The parts of `npm run gpu` in their order, each with its time on a real GPU. */

import type { RunPart } from "./part.ts";

export interface PartEntry {
  readonly name: string;
  /** Seconds after which the part is ended. */
  readonly seconds: number;
  load(): Promise<{ readonly run: RunPart }>;
}

export const parts: readonly PartEntry[] = [
  { name: "adapter", seconds: 10, load: () => import("./parts/adapter.ts") },
  { name: "parity", seconds: 40, load: () => import("./parts/parity.ts") },
  { name: "gradients", seconds: 40, load: () => import("./parts/gradients.ts") },
  { name: "precisions", seconds: 40, load: () => import("./parts/precisions.ts") },
  { name: "peak", seconds: 25, load: () => import("./parts/peak.ts") },
  { name: "seedling", seconds: 50, load: () => import("./parts/seedling.ts") },
  { name: "memory", seconds: 20, load: () => import("./parts/memory.ts") },
  { name: "135M", seconds: 40, load: () => import("./parts/smol.ts") },
  { name: "0.6B", seconds: 60, load: () => import("./parts/qwen.ts") },
  { name: "sessions", seconds: 25, load: () => import("./parts/sessions.ts") },
  { name: "launches", seconds: 20, load: () => import("./parts/launches.ts") },
  { name: "capture", seconds: 15, load: () => import("./parts/capture.ts") },
  { name: "bench", seconds: 95, load: () => import("./parts/bench.ts") },
];
