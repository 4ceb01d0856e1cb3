/** One engine at one problem as the command sees it: in a tab of its own, or PyTorch in a process of its own. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "playwright";
import { projectRoot } from "../../scripts/setup.mjs";
import { type Backend, pageEngines } from "./engine.ts";
import type { Change, MethodName, Size } from "./problem.ts";
import type { Site } from "./site.ts";
import { openTab, type Resident } from "./tab.ts";
import { openTorch } from "./torch.ts";
import type { Held, Opened, Sample } from "./worker.ts";

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
  /** The GPU computes nothing: what is left of a step is what the engine asks of the processor. */
  readonly dry: boolean;
}

export interface Entrant {
  readonly engine: EngineName;
  readonly version: string;
  /** PyTorch computes natively, whatever is asked for. */
  readonly backend: Backend | "native";
  readonly opened: Opened;
  /** Resident memory of the same process before the engine came into it; null where the system does not tell. */
  readonly blank: Resident | null;
  steps(count: number): Promise<Sample>;
  matrixPeak(request: { readonly n: number; readonly count: number; readonly tries: number }): Promise<number>;
  resident(): Resident | null;
  /** What the engine holds by the meters of its page; null for PyTorch. */
  held(): Promise<Held | null>;
  /** Null for PyTorch. */
  bytesLoaded(): number | null;
  close(): Promise<void>;
}

/** Where entrants live: one browser, one server. */
export interface Place {
  readonly context: BrowserContext;
  readonly site: Site;
}

/** Opens an engine and takes its first step. `host` names its tab's origin: another one for each tab of a browser. */
export async function openEntrant(place: Place, host: string, task: Task): Promise<Entrant> {
  const { engine, backend } = task;
  if (engine === "torch") return openTorch(task);
  const tab = await openTab(place.context, place.site, host);
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
      held: () => tab.call("held"),
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

/** Version of the package that computes; for Hone that of this checkout's ONNX Runtime Web. */
function versionOf(engine: keyof typeof packageOf): string {
  const name = packageOf[engine];
  const manifest = JSON.parse(readFileSync(join(projectRoot, "node_modules", name, "package.json"), "utf8"));
  return name === packageOf.hone ? `${name} ${manifest.version}` : manifest.version;
}
