/**
 * `npm run bench -- [--provider wasm|webgpu|dawn] [--size tiny|small|medium] [--method full|lora] [--repeats N] [--engines a,b]
 * [--json FILE]`: compares one step of supervised fine-tuning in Hone, jax-js, TensorFlow.js and, where PYTHON or python3 has
 * it, PyTorch: speed, memory, loaded bytes and equal results. Exit 1 when an engine fails or has other results.
 * `--beside FOLDER` compares this Hone with that of another installed checkout, and runs other engines only if `--engines`
 * names them. `--dry` skips the GPU's computations, so only the processor's part of a step remains.
 * `--growth length|batch|depth|vocabulary|supervised` measures Hone alone as one of these grows; `--drift [STEPS]` measures
 * Hone alone at both ends of a long run. The provider dawn is WebGPU under Node, where each engine is a process; it is skipped
 * where the package webgpu or a Vulkan driver is missing. Run it on an idle machine.
 */

import os from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { count, oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchFor } from "../scripts/harness/chromium.ts";
import { dawnEntries, stopDawn } from "../src/runtime/dawnEntries.ts";
import { compare } from "./step/compare.ts";
import { driftText, measureDrift } from "./step/drift.ts";
import { backends, checkDry } from "./step/engine.ts";
import { type EngineName, engineNames, type Place } from "./step/entrant.ts";
import { type Comparison, reportOf, rowsTable } from "./step/figures.ts";
import { growths, growthTable, measureGrowth } from "./step/growth.ts";
import { methods, sizes } from "./step/problem.ts";
import { processes } from "./step/processes.ts";
import { serveEngines } from "./step/site.ts";
import { openTab } from "./step/tab.ts";
import { hasTorch } from "./step/torch.ts";

/** Steps of `--drift` without a number. */
const driftSteps = "2000";

function readArguments() {
  const given = process.argv.slice(2);
  const args = given.flatMap((argument, i) =>
    argument === "--drift" && !/^\d/.test(given[i + 1] ?? "") ? [argument, driftSteps] : [argument],
  );
  const { values } = parseArgs({
    args,
    options: {
      provider: { type: "string", default: "wasm" },
      size: { type: "string" },
      method: { type: "string" },
      repeats: { type: "string" },
      engines: { type: "string" },
      beside: { type: "string" },
      dry: { type: "boolean", default: false },
      growth: { type: "string" },
      drift: { type: "string" },
      json: { type: "string" },
    },
  });
  const provider = oneOf("provider", values.provider, [...backends, "dawn"]);
  const backend = provider === "dawn" ? "webgpu" : provider;
  checkDry(values.dry, backend);
  if (provider === "dawn" && values.beside !== undefined) {
    throw new Error("--beside needs a browser: use --provider wasm or webgpu.");
  }
  return {
    provider,
    backend,
    dry: values.dry,
    size: values.size === undefined ? null : oneOf("size", values.size, sizes),
    method: values.method === undefined ? null : oneOf("method", values.method, methods),
    repeats: count("repeats", values.repeats) ?? 9,
    engines: values.engines?.split(",").map((name) => oneOf("engines", name.trim(), engineNames)) ?? null,
    beside: values.beside === undefined ? null : resolve(values.beside),
    growth: values.growth === undefined ? null : oneOf("growth", values.growth, growths),
    drift: count("drift", values.drift),
    json: values.json,
  };
}
type Arguments = ReturnType<typeof readArguments>;

/** All peers that run here; prints a line when no Python has PyTorch. */
function peersHere(): readonly EngineName[] {
  const peers = engineNames.filter((name) => name !== "other");
  if (hasTorch()) return peers;
  console.log("PyTorch is left out: neither PYTHON nor python3 has it.");
  return peers.filter((name) => name !== "torch");
}

async function machineOf(place: Place) {
  const tab = await place.open("machine");
  const adapter = await tab.call("adapter");
  await tab.close();
  const [cpu] = os.cpus();
  return {
    date: new Date().toISOString(),
    cpu: cpu?.model.trim() ?? "unknown",
    cores: os.cpus().length,
    memoryBytes: os.totalmem(),
    browser: place.description,
    adapter: adapter?.name ?? null,
    emulated: adapter?.fallback ?? true,
    node: process.version,
  };
}

/** Compares the engines at each chosen size and method; exit code 1 when one fails. */
async function compareAll(place: Place, emulated: boolean, chosen: Arguments) {
  const { backend, size, method, repeats, beside, dry } = chosen;
  const engines = chosen.engines ?? (beside ? (["hone", "other"] as const) : peersHere());
  // An emulated GPU multiplies slowly, so larger sizes run only on request.
  const usual = emulated ? (["tiny"] as const) : (["tiny", "small"] as const);
  const comparisons: Comparison[] = [];
  for (const chosenSize of size ? [size] : usual) {
    for (const chosenMethod of method ? [method] : methods) {
      const problem = { backend, size: chosenSize, method: chosenMethod, change: {}, dry };
      const comparison = await compare(place, { ...problem, engines, repeats, peakSide: emulated ? 256 : 1024 });
      comparisons.push(comparison);
      console.log(`${chosenSize}, ${chosenMethod}, ${backend}, ${repeats} rounds\n${rowsTable(comparison.rows)}`);
      for (const { engine, error } of comparison.failures) console.log(`ERROR ${engine}: ${error}`);
      console.log();
    }
  }
  if (comparisons.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
  return comparisons;
}

/** Tabs of a browser that this starts, or processes under Node; the reason as a sentence where these have no WebGPU. */
async function openPlace({ provider, backend, beside }: Arguments) {
  if (provider === "dawn") {
    const entries = await dawnEntries();
    stopDawn();
    return typeof entries === "string" ? entries : { place: processes, dispose: async () => {} };
  }
  const site = await serveEngines(beside);
  const { context, dispose } = await launchFor(backend, site.addressOf("gpu"));
  const place: Place = {
    description: `Chromium ${context.browser()?.version()}`,
    open: (host) => openTab(context, site, host),
  };
  return {
    place,
    async dispose() {
      await dispose();
      await site.dispose();
    },
  };
}

async function main() {
  const chosen = readArguments();
  const { backend, method, repeats, growth, drift, json } = chosen;
  const opened = await openPlace(chosen);
  if (typeof opened === "string") {
    console.log(`Skipped: ${opened}`);
    return;
  }
  const { place, dispose } = opened;
  try {
    const machine = await machineOf(place);
    console.log(`${machine.cpu}, ${machine.cores} cores; ${machine.browser}; ${machine.adapter ?? "no WebGPU"}\n`);
    const emulated = backend === "webgpu" && machine.emulated;
    if (growth) {
      const request = { growth, backend, size: chosen.size ?? "small", method: method ?? "full", repeats };
      const rows = await measureGrowth(place, request);
      console.log(growthTable(growth, rows));
      writeJson(json, { machine, ...request, rows });
    } else if (drift) {
      const request = { backend, size: chosen.size ?? "tiny", method: method ?? "full", steps: drift };
      const found = await measureDrift(place, request);
      console.log(driftText(found));
      writeJson(json, { machine, ...request, ...found });
    } else {
      writeJson(json, reportOf(machine, await compareAll(place, emulated, chosen)));
    }
  } finally {
    await dispose();
  }
}

runCommand(main);
