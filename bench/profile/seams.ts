/**
 * Notes when a step passes the seams between Hone and ONNX Runtime. Everything is wrapped from outside: a run that is not
 * profiled has none of it.
 */

import type * as Ort from "onnxruntime-web";
import type { Artifact, ArtifactKind } from "../../src/artifacts/contract.ts";
import type { Inference } from "../../src/runtime/inference.ts";
import type { Mutex } from "../../src/runtime/mutex.ts";
import type { OrtEntries, OrtEntry, OrtModule, Provider } from "../../src/runtime/provider.ts";
import type { Runtime, Session } from "../../src/runtime/types.ts";
import { difference, type GpuCounts, type GpuMeter, type Interval } from "./gpuMeter.ts";

/** One run of an artifact; times in milliseconds of `performance.now()`, in the order in which they pass. */
export interface RunMarks {
  readonly kind: ArtifactKind;
  /** `Session.run` is called. */
  readonly requested: number;
  /** Inputs and outputs are checked; the run waits for the mutex. */
  readonly queued: number;
  /** The run has the mutex; inputs go to ONNX Runtime. */
  readonly began: number;
  /** ONNX Runtime is called. */
  readonly called: number;
  readonly returned: number;
  /** Outputs are in JavaScript. */
  readonly ended: number;
  readonly settled: number;
  /** Bytes of the inputs that came from JavaScript, and of the outputs that went there. */
  readonly fedBytes: number;
  readonly readBytes: number;
  /** Intervals of waiting for the GPU. */
  readonly waits: readonly Interval[];
  readonly gpu: GpuCounts | null;
}

type Open = { -readonly [name in keyof RunMarks]: RunMarks[name] };

export interface Seams {
  /** The entries for `createRuntime`. */
  readonly entries: OrtEntries;
  /** The runtime, with all runs of its sessions recorded. */
  wrap(runtime: Runtime): Runtime;
  /** The runs recorded since the last call. */
  takeRuns(): RunMarks[];
  /** Makes ONNX Runtime print the profile of a kind's session. */
  endProfiling(kind: ArtifactKind): void;
}

/** The key under which captureModule.mjs stores ONNX Runtime's module. */
const moduleKey = Symbol.for("hone.onnxruntime");

/** With `profiling` ONNX Runtime records every kernel. */
export function createSeams(
  given: { readonly wasm: OrtEntry; readonly webgpu: OrtEntry },
  meter: GpuMeter | null,
  profiling: boolean,
): Seams {
  const runs: RunMarks[] = [];
  const kinds = new Map<Uint8Array, ArtifactKind>();
  const sessions = new Map<ArtifactKind, Ort.InferenceSession>();
  let open: Open | null = null;
  let watched = false;
  const mark = (name: "queued" | "began" | "called" | "returned" | "ended") => {
    if (open) open[name] = performance.now();
  };

  /** The module is loaded with the first session. */
  function watchModule() {
    const module: unknown = Reflect.get(globalThis, moduleKey);
    if (watched || typeof module !== "object" || module === null) return;
    watched = true;
    const run: unknown = Reflect.get(module, "_OrtRun");
    if (typeof run !== "function") throw new Error("ONNX Runtime's module has no _OrtRun: its functions have changed.");
    Reflect.set(module, "_OrtRun", async (...given: unknown[]) => {
      mark("called");
      const code: unknown = await run(...given);
      mark("returned");
      return code;
    });
  }

  function entry({ load, files, capture }: OrtEntry, everywhere: string): OrtEntry {
    const address = new URL(everywhere);
    if (files) address.searchParams.set("module", files.mjs);
    return {
      // On WebGPU the runtime itself does not capture the module.
      files: files && !capture ? { ...files, mjs: address.href } : files,
      capture,
      async load() {
        const ort = await load();
        const create = async (model: Uint8Array, options?: Ort.InferenceSession.SessionOptions) => {
          const session = await ort.InferenceSession.create(model, { ...options, enableProfiling: profiling });
          watchModule();
          const kind = kinds.get(model);
          if (kind) sessions.set(kind, session);
          return session;
        };
        return { ...ort, InferenceSession: { create } } as unknown as OrtModule;
      },
    };
  }

  function wrapInference(inference: Inference): Inference {
    return {
      inputs: inference.inputs,
      outputs: inference.outputs,
      async run(feeds, bound) {
        mark("began");
        const result = await inference.run(feeds, bound);
        mark("ended");
        return result;
      },
      release: () => inference.release(),
    };
  }

  function wrapSession(session: Session): Session {
    return {
      artifact: session.artifact,
      async run(inputs, outputs) {
        const requested = performance.now();
        const counts = meter?.counts() ?? null;
        meter?.takeWaits();
        const none = {
          queued: requested,
          began: requested,
          called: requested,
          returned: requested,
          ended: requested,
          settled: requested,
        };
        const bytes = (tensors: readonly object[]) =>
          tensors.reduce((sum, tensor) => sum + ("data" in tensor ? (tensor.data as Uint8Array).byteLength : 0), 0);
        const marks: Open = {
          kind: session.artifact.kind,
          requested,
          ...none,
          fedBytes: bytes(Object.values(inputs)),
          readBytes: 0,
          waits: [],
          gpu: null,
        };
        open = marks;
        const result = await session.run(inputs, outputs);
        marks.settled = performance.now();
        open = null;
        marks.readBytes = bytes(Object.values(result));
        marks.waits = meter?.takeWaits() ?? [];
        marks.gpu = meter && counts ? difference(meter.counts(), counts) : null;
        runs.push(marks);
        return result;
      },
    };
  }

  /** An internal part of the runtime, outside its interface. */
  function part<Part>(runtime: Runtime, name: string, method: keyof Part): Part {
    const found: unknown = Reflect.get(runtime, name);
    if (typeof found === "object" && found && method in found) return found as Part;
    throw new Error(`The runtime has no ${name} with ${String(method)}: its internals have changed.`);
  }

  return {
    entries: {
      wasm: entry(given.wasm, given.wasm.capture ?? ""),
      webgpu: entry(given.webgpu, given.wasm.capture ?? ""),
    },
    wrap(runtime) {
      const provider = part<Provider>(runtime, "provider", "load");
      const load = provider.load;
      Reflect.set(provider, "load", async (model: Uint8Array) => wrapInference(await load(model)));
      const mutex = part<Mutex>(runtime, "mutex", "run");
      const lock = mutex.run.bind(mutex);
      mutex.run = (task) => {
        mark("queued");
        return lock(task);
      };
      const noted = (artifact: Artifact): Artifact => ({
        ...artifact,
        bytes() {
          const model = artifact.bytes();
          kinds.set(model, artifact.kind);
          return model;
        },
      });
      const session = async (artifact: Artifact) => wrapSession(await runtime.session(noted(artifact)));
      const prepare = (artifact: Artifact) => runtime.prepare(noted(artifact));
      return new Proxy(runtime, {
        get(target, name) {
          if (name === "session") return session;
          if (name === "prepare") return prepare;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
    takeRuns: () => runs.splice(0),
    endProfiling(kind) {
      sessions.get(kind)?.endProfiling();
    },
  };
}
