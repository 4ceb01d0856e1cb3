/** The profiled worker: takes steps like a run on the page and returns the recording. */

import type { ParameterSpec } from "../../src/artifacts/contract.ts";
import { parametersOf } from "../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../src/artifacts/ofRun.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import type { OrtEntry } from "../../src/runtime/provider.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { uploadParameters } from "../../src/training/parameters.ts";
import { prepareStep, takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { matrixPeak } from "../products.ts";
import type { Backend, StepResult } from "../step/engine.ts";
import { leaveOutKernels } from "../step/meters.ts";
import { type MethodName, optimizer, problemOf, type Size } from "../step/problem.ts";
import { installGpuMeter } from "./gpuMeter.ts";
import { createSeams, type RunMarks } from "./seams.ts";

export interface RecordRequest {
  readonly provider: Backend;
  readonly size: Size;
  readonly method: MethodName;
  /** Null: 5 steps, or 1 on an emulated GPU, which takes half a minute per step. */
  readonly steps: number | null;
  /** Whether ONNX Runtime records every kernel, which takes time itself. */
  readonly profiling: boolean;
  /** The GPU computes nothing: the times are those of the processor. */
  readonly dry: boolean;
}

/** Milliseconds of `performance.now()`. */
export interface StepMarks {
  readonly began: number;
  readonly ended: number;
  readonly runs: readonly RunMarks[];
}

export interface Recording {
  readonly reason: string;
  readonly threads: number;
  /** Null on the processor. */
  readonly gpu: { readonly emulated: boolean; readonly timestamps: boolean } | null;
  readonly figures: StepResult;
  /** Number of warm-up steps before the timed ones; they allocate, and compile shaders. */
  readonly warmup: number;
  readonly steps: readonly StepMarks[];
  /** What ONNX Runtime printed of each artifact's session, warm-up included; empty without profiling. */
  readonly printed: { readonly training: readonly string[]; readonly optimizer: readonly string[] };
  /** GFLOP/s of large products of float32 matrices (n, n); null with profiling. */
  readonly matrixPeak: { readonly n: number; readonly gflops: number } | null;
}

/** Collects the events that ONNX Runtime prints; call it first, because its module copies `console` methods on load. */
function catchEvents(): () => string[] {
  const lines: string[] = [];
  const log = console.log.bind(console);
  console.log = (...given: unknown[]) => {
    const text = given.join(" ").trim();
    if (text.startsWith('{"cat"')) lines.push(text);
    else if (text !== "[" && text !== "]") log(...given);
  };
  return () => lines.splice(0);
}

/** Whether the processor emulates the GPU, and whether the GPU has timestamps. */
async function describeGpu() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return null;
  const { description, isFallbackAdapter } = adapter.info;
  return {
    emulated: isFallbackAdapter || /swiftshader/i.test(description),
    timestamps: adapter.features.has("timestamp-query"),
  };
}

async function record(request: RecordRequest): Promise<Recording> {
  const { provider, profiling, dry } = request;
  const gpu = provider === "webgpu" ? await describeGpu() : null;
  if (dry) leaveOutKernels();
  const [warmup, taken] = gpu?.emulated && !dry ? [1, request.steps ?? 1] : [2, request.steps ?? 5];
  const takeEvents = catchEvents();
  // A browser's entries have both, and neither is native.
  const { wasm, webgpu } = browserEntries as { wasm: OrtEntry; webgpu: OrtEntry };
  const seams = createSeams({ wasm, webgpu }, provider === "webgpu" ? installGpuMeter() : null, profiling);
  const own = await createRuntime(provider, { entries: seams.entries });
  const runtime = seams.wrap(own);
  const { model, method, batch, values } = problemOf(request.size, request.method);
  const specs = parametersOf(model, method);
  const drawn = values();
  const take = ({ name }: ParameterSpec) => {
    const value = drawn.get(name);
    if (!value) throw new Error(`The problem has no value of ${name}.`);
    return value;
  };
  const parameters = await uploadParameters(runtime, specs, take);
  const artifacts = artifactsOfRun(model, method, { ...optimizer, accumulation: 1 }, provider);
  const program = createWholeGraph({ runtime, parameters, specs, artifacts, recipe: optimizer });
  await prepareStep(program, [batch]);
  const steps: StepMarks[] = [];
  let figures: StepResult = { loss: Number.NaN, gradientNorm: Number.NaN };
  for (let updates = 0; updates < warmup + taken; updates++) {
    const began = performance.now();
    const order = { step: updates + 1, updates, batches: [batch], learningRate: optimizer.learningRate };
    const outcome = await takeStep(program, order, async () => false);
    const ended = performance.now();
    if (outcome.kind !== "updated") throw new Error(`The step was ${outcome.kind}.`);
    figures = { loss: outcome.loss, gradientNorm: outcome.gradientNorm };
    const runs = seams.takeRuns();
    if (updates >= warmup) steps.push({ began, ended, runs });
  }
  const printed = { training: [] as string[], optimizer: [] as string[] };
  if (profiling) {
    takeEvents();
    for (const kind of ["training", "optimizer"] as const) {
      seams.endProfiling(kind);
      printed[kind] = takeEvents();
    }
  }
  // Sizes differ, because an emulated GPU is slower than the processor and a real one much faster.
  const products = gpu?.emulated
    ? { n: 256, count: 1, tries: 1 }
    : { n: 1024, count: provider === "webgpu" ? 64 : 4, tries: 3 };
  const peak = profiling ? null : { n: products.n, gflops: (await matrixPeak(own, products)).gflops };
  program.dispose();
  await own.dispose();
  const { reason, threads } = own.report;
  return { reason, threads, gpu, figures, warmup, steps, printed, matrixPeak: peak };
}

self.onmessage = async ({ data }: MessageEvent<RecordRequest>) => {
  try {
    self.postMessage({ recording: await record(data) });
  } catch (error) {
    self.postMessage({ failure: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
};
