/**
 * `npx tsx bench/memory.ts [--provider wasm|webgpu] [--size tiny|small|medium] [--quick] [--shape LIST] [--dry] [--json FILE]`:
 * compares the memory that the budget predicts with the device's measured peak, in headless Chromium; exit 1 if a setting is off
 * by more than 15 %. `--shape smollm2-135m,…` measures one step of real shapes on WebGPU, in each of `--weights LIST` and `--programs LIST`; without
 * `--dry` that takes an hour on an emulated adapter.
 * `--dry` skips the GPU's computations; buffers are created all the same.
 */

import { parseArgs } from "node:util";
import { oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchWithGpu } from "../scripts/harness/chromium.ts";
import { callInPage, serveModules } from "../scripts/harness/serve.ts";
import { weightStorages } from "../src/tensor/storage.ts";
import type { Measured } from "./memory/measure.ts";
import type { Setting } from "./memory/setting.ts";
import { shapeNames } from "./sizes/shapes.ts";
import { type Change, type MethodName, type Size, sizes } from "./step/problem.ts";

/** Allowed deviation, as a share of the measured bytes. */
const tolerance = 0.15;

type Row = readonly [size: Size, method: MethodName, change: Change, more?: Partial<Setting>];

const onProcessor: readonly Row[] = [
  ["tiny", "full", {}],
  ["tiny", "lora", {}],
  ["tiny", "lora", { rows: 1, length: 32 }],
  ["tiny", "full", { rows: 1, length: 512 }],
  ["tiny", "lora", { vocabulary: 49_152, length: 64 }],
  ["tiny", "full", { vocabulary: 49_152, length: 64 }],
  ["small", "full", {}],
  ["small", "lora", {}],
  ["small", "full", { length: 64 }],
  ["small", "full", {}, { accumulation: 4 }],
  ["small", "lora", {}, { accumulation: 4, lengths: [64, 32], evaluates: true }],
  ["small", "lora", { rows: 1, length: 1024 }],
  ["small", "full", { rows: 1, vocabulary: 49_152 }],
  ["medium", "full", { rows: 1 }],
  ["medium", "lora", { rows: 1 }],
  ["medium", "lora", { rows: 2, length: 256 }, { evaluates: true }],
];
/** Small settings, because an emulated GPU takes seconds per step. */
const onGpu: readonly Row[] = [
  ["tiny", "full", { rows: 1, length: 32, layers: 3 }],
  ["tiny", "lora", { rows: 1, length: 32, layers: 3 }],
  ["tiny", "lora", { rows: 2, length: 64 }],
  ["tiny", "full", { rows: 1, length: 256, layers: 2 }],
  ["tiny", "full", { rows: 1, length: 32, layers: 2, vocabulary: 49_152 }],
  ["tiny", "lora", { rows: 1, length: 64, layers: 3 }, { accumulation: 2, lengths: [32, 16], evaluates: true }],
  ["small", "lora", { rows: 1, length: 64, layers: 2 }],
  ["small", "full", { rows: 1, length: 64, layers: 2 }],
];

const single: Setting = {
  provider: "webgpu",
  size: "tiny",
  method: "lora",
  change: {},
  accumulation: 1,
  lengths: [],
  evaluates: false,
  once: true,
};

function settingsOf(provider: "wasm" | "webgpu", size: Size | null, quick: boolean): Setting[] {
  const rows = (provider === "wasm" ? onProcessor : onGpu).filter(([of]) => size === null || of === size);
  return rows.slice(0, quick ? 3 : rows.length).map(([of, method, change, more]) => {
    return { ...single, once: false, provider, size: of, method, change, ...more };
  });
}

const described = ({ provider, size, method, change, accumulation, lengths, evaluates, weights, program }: Setting) =>
  [
    provider,
    size,
    method,
    ...(weights ? [weights] : []),
    ...(program ? [program] : []),
    ...Object.entries(change).map(([name, value]) => `${name} ${value}`),
    ...(accumulation > 1 ? [`accumulation ${accumulation}`] : []),
    ...(lengths.length > 0 ? [`and lengths ${lengths.join(", ")}`] : []),
    ...(evaluates ? ["with evaluation and answers"] : []),
  ].join(" ");

/** Every shape in every storage and program of three lists with commas. */
const shapeSettings = (names: string, storages: string, programs: string): Setting[] =>
  names.split(",").flatMap((name) =>
    storages.split(",").flatMap((storage) =>
      programs.split(",").map((program) => ({
        ...single,
        size: oneOf("shape", name, shapeNames),
        weights: oneOf("weights", storage, weightStorages),
        program: oneOf("programs", program, ["whole", "layers", "smallest"] as const),
      })),
    ),
  );

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`.padStart(10);

async function main() {
  const { values } = parseArgs({
    options: {
      provider: { type: "string" },
      size: { type: "string" },
      quick: { type: "boolean", default: false },
      shape: { type: "string" },
      weights: { type: "string", default: "float32,int4" },
      programs: { type: "string", default: "whole,layers,smallest" },
      dry: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const providers = values.provider
    ? [oneOf("provider", values.provider, ["wasm", "webgpu"] as const)]
    : (["wasm", "webgpu"] as const);
  const size = values.size === undefined ? null : oneOf("size", values.size, sizes);
  const settings = values.shape
    ? shapeSettings(values.shape, values.weights, values.programs)
    : providers.flatMap((provider) => settingsOf(provider, size, values.quick));
  const served = await serveModules();
  const browser = await launchWithGpu(served.address);
  const rows: (Setting & Measured)[] = [];
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() === "error") console.error(message.text());
    });
    console.log(" predicted   measured  deviation  of it tensors");
    for (const setting of settings) {
      // A new page for each setting, because a WebAssembly heap never shrinks.
      await page.goto(served.address);
      const request = { ...setting, dry: values.dry };
      const result = await callInPage<Measured>(page, "/bench/memory/page.ts", "measured", request);
      rows.push({ ...setting, ...result });
      const { predicted, peak, tensors, losses, seconds } = result;
      const deviation = `${(100 * (predicted.total / peak - 1)).toFixed(1)} %`.padStart(9);
      const bytes = [predicted.total, peak].map(megabytes).join(" ");
      console.log(`${bytes} ${deviation} ${megabytes(tensors)}   ${described(setting)}`);
      if (values.shape) console.log(`loss ${losses.join(", ")}; ${seconds.map((s) => s.toFixed(0)).join(", ")} s`);
    }
  } finally {
    await browser.dispose();
    await served.dispose();
  }
  const off = rows.filter(({ predicted, peak }) => Math.abs(predicted.total / peak - 1) > tolerance);
  console.log(`\n${rows.length} settings, ${off.length} off by more than ${100 * tolerance} %`);
  writeJson(values.json, rows);
  process.exitCode = off.length > 0 ? 1 : 0;
}

runCommand(main);
