/**
 * Measures how a model's files reach the device: `tsx bench/opening.ts --model DIR [--storage float32|float16|int8|int4|uint4]
 * [--browser wasm|webgpu | --whole] [--json FILE]`, on the processor under Node, or in headless Chromium, which copies the files
 * first.
 *
 * Each phase has its seconds, its processor seconds, and the most memory of the process above that before opening. Loading should take the bytes on the
 * device and 200 MB. `--whole` reads each tensor whole, as Hone did until November 2026. Then follow the speeds of the conversions,
 * in stored megabytes per second on one core.
 */

import { openAsBlob, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { existing, oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchFor } from "../scripts/harness/chromium.ts";
import { callInPage, serveModules } from "../scripts/harness/serve.ts";
import { parameterBytes } from "../src/artifacts/contract.ts";
import { tensorsOfConfig } from "../src/artifacts/method.ts";
import { createHalfSum } from "../src/engine/half.ts";
import { uploadModel } from "../src/engine/upload.ts";
import { bytesFromBlob } from "../src/hub/bytes.ts";
import { encodeFloats, type FloatDType, floatDTypes } from "../src/hub/elements.ts";
import { createPieceEncoder } from "../src/hub/encode.ts";
import { modelFromSources } from "../src/hub/files.ts";
import { openModel } from "../src/hub/model.ts";
import { pieceBytes } from "../src/hub/pieces.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { createRandom } from "../src/tensor/random.ts";
import { type WeightStorage, weightStorages } from "../src/tensor/storage.ts";
import { disposeAll, readParameter, uploadParameters } from "../src/training/parameters.ts";
import { createMeter, type Use } from "./browserUse.ts";
import type { LoadRequest } from "./openingPage.ts";
import { specsAs } from "./openingSpecs.ts";

const usage = "tsx bench/opening.ts --model DIR [--storage float16] [--whole] [--json FILE]";

/** The most resident bytes of this process since the last call (Linux). */
function peakBytes(): number {
  const peak = 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
  writeFileSync("/proc/self/clear_refs", "5");
  return peak;
}

/** Seconds of processor time of this process, which other work on the machine hardly changes. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0).padStart(6)} MB`;

async function measureModel(folder: string, storage: WeightStorage, whole: boolean) {
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const sources = await Promise.all(
    readdirSync(folder)
      .filter((name) => /\.(json|jinja|safetensors)$/.test(name))
      .map(async (name) => bytesFromBlob(name, await openAsBlob(join(folder, name)))),
  );
  const rows: Record<string, { readonly seconds: number; readonly processor: number; readonly peak: number }> = {};
  peakBytes();
  const before = peakBytes();
  const phase = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const [began, busy] = [performance.now(), processorSeconds()];
    const result = await work();
    const seconds = (performance.now() - began) / 1000;
    const processor = processorSeconds() - busy;
    const peak = peakBytes() - before;
    rows[name] = { seconds, processor, peak };
    const cells = [seconds, processor].map((value) => `${value.toFixed(2).padStart(7)} s`);
    console.log(`${name.padEnd(10)}${cells.join("")}${megabytes(peak)}`);
    return result;
  };
  const opened = await phase("headers", () => openModel(modelFromSources("model", sources), tensorsOfConfig));
  const half = createHalfSum();
  await phase("check", () => opened.readAll({ onPiece: half.add }));
  const specs = specsAs(opened, storage);
  const device = specs.reduce((sum, spec) => sum + parameterBytes(spec), 0);
  const tensors = await phase("load", () =>
    whole
      ? uploadParameters(runtime, specs, (spec) => readParameter(spec, opened.read))
      : uploadModel(runtime, { opened }, specs, () => undefined, undefined),
  );
  const over = (rows.load?.peak ?? Number.NaN) - device;
  const { over: infinite, lost } = half.sum();
  console.log(`on the device ${megabytes(device)}; the peak is ${megabytes(over)} above it`);
  console.log(`numbers that float16 makes infinite: ${infinite}; zero: ${lost}`);
  disposeAll(tensors);
  await runtime.dispose();
  return { device, over, rows, half: half.sum() };
}

/** Stored megabytes per second from each type to each storage, the best of five. */
function measureConversions() {
  const random = createRandom(1);
  const columns = 1024;
  const values = Float32Array.from({ length: pieceBytes / 4 }, () => 0.02 * random.normal());
  const rows: { from: FloatDType; to: WeightStorage; megabytesPerSecond: number }[] = [];
  const encode = createPieceEncoder();
  for (const from of floatDTypes) {
    const bytes = encodeFloats(from, values);
    for (const to of weightStorages) {
      let best = Number.POSITIVE_INFINITY;
      for (let attempt = 0; attempt < 5; attempt++) {
        const began = processorSeconds();
        for (let i = 0; i < 8; i++) encode({ dtype: from, bytes }, { storage: to, columns, scales: "float16" });
        best = Math.min(best, processorSeconds() - began);
      }
      const megabytesPerSecond = Math.round((8 * bytes.length) / best / 1e6);
      rows.push({ from, to, megabytesPerSecond });
      console.log(`${from.padEnd(4)} → ${to.padEnd(8)} ${String(megabytesPerSecond).padStart(8)} MB/s`);
    }
  }
  return rows;
}

/** Memory of all the browser's processes. */
async function measureBrowser(folder: string, storage: WeightStorage, provider: "wasm" | "webgpu") {
  const served = await serveModules();
  const browser = await launchFor(provider, served.address);
  const meter = createMeter();
  try {
    const { page } = browser;
    await page.goto(served.address);
    await page.evaluate(`document.body.innerHTML = '<input type="file" webkitdirectory>'`);
    await page.locator("input").setInputFiles(folder);
    const before = meter.take();
    const module = "/bench/openingPage.ts";
    const hash = await callInPage<string>(page, module, "openFiles", null);
    const opened = meter.take();
    // A page that has just been opened has nothing of the copying in memory.
    await page.reload();
    const reloaded = meter.take();
    const device = await callInPage<number>(page, module, "load", { hash, provider, storage } satisfies LoadRequest);
    const loaded = meter.take();
    const row = (name: string, use: Use, base: number) =>
      console.log(
        `${name.padEnd(10)}${use.seconds.toFixed(1).padStart(7)} s  peak ${megabytes(use.peak - base)}, then ${megabytes(use.now - base)}`,
      );
    row("copy", opened, before.now);
    row("load", loaded, reloaded.now);
    console.log(
      `on the device ${megabytes(device)}; the peak is ${megabytes(loaded.peak - reloaded.now - device)} above it`,
    );
    return { device, before, opened, reloaded, loaded };
  } finally {
    meter.stop();
    await browser.dispose();
    await served.dispose();
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string" },
      storage: { type: "string", default: "float16" },
      browser: { type: "string" },
      whole: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const folder = existing("model", values.model, usage);
  const storage = oneOf("storage", values.storage, weightStorages);
  if (values.browser !== undefined) {
    const provider = oneOf("browser", values.browser, ["wasm", "webgpu"]);
    writeJson(values.json, await measureBrowser(folder, storage, provider));
    return;
  }
  const opening = await measureModel(folder, storage, values.whole);
  writeJson(values.json, { ...opening, conversions: measureConversions() });
}

runCommand(main);
