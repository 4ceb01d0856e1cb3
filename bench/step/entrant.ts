/** One engine on one problem, in its own tab; PyTorch runs in its own process. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../scripts/setup.mjs";
import type { MemoryUse, Opened, Sample } from "./calls.ts";
import { type Backend, pageEngines } from "./engine.ts";
import type { Change, MethodName, Size } from "./problem.ts";
import type { Resident, Tab } from "./tab.ts";
import { openTorch } from "./torch.ts";

export const engineNames = [...pageEngines, "torch"] as const;
export type EngineName = (typeof engineNames)[number];

export const titles: { readonly [engine in EngineName]: string } = {
  hone: "Hone",
  other: "Hone beside it",
  jax: "jax-js",
  tfjs: "TensorFlow.js",
  torch: "PyTorch",
};

export interface Task {
  readonly engine: EngineName;
  readonly backend: Backend;
  readonly size: Size;
  readonly method: MethodName;
  readonly change: Change;
  /** The GPU computes nothing: only the processor's part of a step remains. */
  readonly dry: boolean;
}

export interface Entrant {
  readonly engine: EngineName;
  readonly version: string;
  /** PyTorch always computes natively. */
  readonly backend: Backend | "native";
  readonly opened: Opened;
  /** Resident memory of the process before it loaded the engine; null where the system does not report it. */
  readonly blank: Resident | null;
  steps(count: number): Promise<Sample>;
  matrixPeak(request: { readonly n: number; readonly count: number; readonly tries: number }): Promise<number>;
  resident(): Resident | null;
  /** The engine's memory by the meters of its page; null for PyTorch. */
  memoryUse(): Promise<MemoryUse | null>;
  /** Null outside a browser. */
  bytesLoaded(): number | null;
  close(): Promise<void>;
}

/** Where the entrants run: tabs of one browser, or processes of their own. */
export interface Place {
  /** Browser or Node with its version. */
  readonly description: string;
  open(host: string): Promise<Tab>;
}

/** Opens an engine and takes its first step. `host` is the origin of its tab; each tab of a browser needs its own. */
export async function openEntrant(place: Place, host: string, task: Task): Promise<Entrant> {
  const { engine, backend } = task;
  if (engine === "torch") return openTorch(task);
  const tab = await place.open(host);
  try {
    const blank = tab.resident();
    const opened = await tab.call("open", { ...task, engine });
    return {
      engine,
      backend,
      version: versionOf(engine),
      opened,
      blank,
      steps: (count) => tab.call("steps", count),
      matrixPeak: (request) => tab.call("matrixPeak", request),
      resident: tab.resident,
      memoryUse: () => tab.call("memoryUse"),
      bytesLoaded: tab.bytesLoaded,
      close: tab.close,
    };
  } catch (error) {
    await tab.close();
    throw error;
  }
}

const packageOf = {
  hone: "onnxruntime-web",
  other: "onnxruntime-web",
  jax: "@jax-js/jax",
  tfjs: "@tensorflow/tfjs-core",
} as const;

/** Version of the engine's package; for Hone, of this checkout's ONNX Runtime Web. */
function versionOf(engine: keyof typeof packageOf): string {
  const name = packageOf[engine];
  const manifest = JSON.parse(readFileSync(join(projectRoot, "node_modules", name, "package.json"), "utf8"));
  return name === packageOf.hone ? `${name} ${manifest.version}` : manifest.version;
}
