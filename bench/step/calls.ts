/** The calls to one engine: loads it, creates its trainer and times its steps; in a page's worker or in a process. */

import type { Backend, PageEngine, Prepare, StepResult, Trainer } from "./engine.ts";
import { installMeters, leaveOutKernels } from "./meters.ts";
import type { Change, MethodName, Problem, problemOf, Size } from "./problem.ts";

export interface Task {
  readonly engine: PageEngine;
  readonly backend: Backend;
  readonly size: Size;
  readonly method: MethodName;
  readonly change: Change;
  readonly dry: boolean;
}

export interface Opened extends StepResult {
  /** Milliseconds from the start to the end of the first step: loading, building, compiling and stepping. */
  readonly timeToFirstStepMs: number;
}

export interface Sample extends StepResult {
  /** Milliseconds of each step. */
  readonly milliseconds: readonly number[];
}

export interface MemoryUse {
  readonly gpuPeakBytes: number;
  readonly gpuBytes: number;
  readonly wasmBytes: number;
  readonly tensorBytes: number | null;
}

/** Where the engines of a page or process come from. */
export interface EngineSource {
  load(engine: PageEngine): Promise<{ readonly prepare: Prepare }>;
  problemFor(engine: PageEngine, ...parameters: Parameters<typeof problemOf>): Promise<Problem>;
}

/** Call it before anything loads an engine, because it wraps WebGPU for the meters. */
export function createCalls({ load, problemFor }: EngineSource) {
  const meters = installMeters();
  let trainer: Trainer | null = null;

  function opened(): Trainer {
    if (!trainer) throw new Error("No engine is open.");
    return trainer;
  }

  return {
    /** Draws the start values untimed, then times the engine up to its first step. */
    async open({ engine, backend, size, method, change, dry }: Task): Promise<Opened> {
      if (dry) leaveOutKernels();
      const problem = await problemFor(engine, size, method, change);
      const values = problem.values();
      const take = (name: string) => {
        const value = values.get(name);
        if (!value) throw new Error(`There is no value of ${name}, or it was already taken.`);
        values.delete(name);
        return value;
      };
      const began = performance.now();
      const { prepare } = await load(engine);
      trainer = await prepare(problem, take, backend);
      const { loss, gradientNorm } = await trainer.step();
      return { loss, gradientNorm, timeToFirstStepMs: performance.now() - began };
    },

    async steps(count: number): Promise<Sample> {
      const milliseconds: number[] = [];
      let result: StepResult = { loss: Number.NaN, gradientNorm: Number.NaN };
      for (let i = 0; i < count; i++) {
        const began = performance.now();
        result = await opened().step();
        milliseconds.push(performance.now() - began);
      }
      return { loss: result.loss, gradientNorm: result.gradientNorm, milliseconds };
    },

    async memoryUse(): Promise<MemoryUse> {
      return {
        gpuPeakBytes: meters.gpuPeakBytes(),
        gpuBytes: meters.gpuBytes(),
        wasmBytes: meters.wasmBytes(),
        tensorBytes: trainer?.tensorBytes() ?? null,
      };
    },

    /** GFLOP/s of a chain of large square products: the best of `tries`, after one warm-up. */
    async matrixPeak({ n, count, tries }: { n: number; count: number; tries: number }): Promise<number> {
      const run = await opened().products(n, count);
      await run();
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < tries; i++) {
        const began = performance.now();
        await run();
        best = Math.min(best, performance.now() - began);
      }
      return (2 * n ** 3 * count) / best / 1e6;
    },

    /** Keeps this process busy, so that it can be identified. */
    async spin(milliseconds: number): Promise<void> {
      const end = performance.now() + milliseconds;
      while (performance.now() < end);
    },

    /** The GPU's adapter in words, and whether the processor emulates it; null where there is none. */
    async adapter(): Promise<{ name: string; fallback: boolean } | null> {
      const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
      if (!adapter) return null;
      const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
      const name = description || [vendor, architecture].filter(Boolean).join(" ") || "an adapter without a name";
      return { name, fallback: isFallbackAdapter || /swiftshader/i.test(name) };
    },

    async close(): Promise<void> {
      await trainer?.dispose();
      trainer = null;
    },
  } satisfies Record<string, (argument: never) => Promise<unknown>>;
}

export type Calls = ReturnType<typeof createCalls>;

export interface CallMessage {
  readonly id: number;
  readonly name: keyof Calls;
  readonly argument: never;
}

export type AnswerMessage = { readonly id: number } & ({ readonly value: unknown } | { readonly failure: string });

/** Makes one call; a failure is a sentence, because an error does not cross every boundary. */
export async function answerTo(calls: Calls, { id, name, argument }: CallMessage): Promise<AnswerMessage> {
  try {
    return { id, value: await calls[name](argument) };
  } catch (error) {
    return { id, failure: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}
