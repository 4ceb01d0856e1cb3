/**
 * `npm run bench -- [--provider wasm|webgpu] [--size tiny|small|medium] [--method full|lora] [--repeats N] [--engines a,b]
 * [--json FILE]`: one step of supervised fine-tuning in Hone, jax-js, TensorFlow.js and, where PYTHON or python3 has it,
 * PyTorch: speed, memory, what is loaded, and whether all compute the same. Exit 1 when one fails or computes something else.
 * Run it on a machine with nothing else to do.
 */

import os from "node:os";
import { parseArgs } from "node:util";
import { count, oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchChromium } from "../scripts/harness/chromium.ts";
import { type Comparison, compare } from "./step/compare.ts";
import { backends } from "./step/engine.ts";
import { type EngineName, engineNames, type Place } from "./step/entrant.ts";
import { rowsTable } from "./step/figures.ts";
import { methods, sizes } from "./step/problem.ts";
import { serveEngines } from "./step/site.ts";
import { openTab } from "./step/tab.ts";
import { hasTorch } from "./step/torch.ts";

function readArguments() {
  const { values } = parseArgs({
    options: {
      provider: { type: "string", default: "wasm" },
      size: { type: "string" },
      method: { type: "string" },
      repeats: { type: "string" },
      engines: { type: "string" },
      json: { type: "string" },
    },
  });
  return {
    backend: oneOf("provider", values.provider, backends),
    size: values.size === undefined ? null : oneOf("size", values.size, sizes),
    method: values.method === undefined ? null : oneOf("method", values.method, methods),
    repeats: count("repeats", values.repeats) ?? 9,
    engines: values.engines?.split(",").map((name) => oneOf("engines", name.trim(), engineNames)) ?? null,
    json: values.json,
  };
}

/** All that run here: PyTorch is left out, and that is said, where no Python has it. */
function enginesHere(): readonly EngineName[] {
  if (hasTorch()) return engineNames;
  console.log("PyTorch is left out: neither PYTHON nor python3 is a Python that has it.");
  return engineNames.filter((name) => name !== "torch");
}

async function machineOf({ context, site }: Place) {
  const tab = await openTab(context, site, "machine");
  const adapter = await tab.call("adapter");
  await tab.close();
  const [cpu] = os.cpus();
  return {
    date: new Date().toISOString(),
    cpu: cpu?.model.trim() ?? "unknown",
    cores: os.cpus().length,
    memoryBytes: os.totalmem(),
    browser: `Chromium ${context.browser()?.version()}`,
    adapter: adapter?.name ?? null,
    emulated: adapter?.fallback ?? true,
    node: process.version,
  };
}

async function main() {
  const { backend, size, method, repeats, engines: chosen, json } = readArguments();
  const engines = chosen ?? enginesHere();
  const site = await serveEngines();
  const browser = await launchChromium({ webgpu: backend === "webgpu" });
  try {
    const place = { context: browser.context, site };
    const machine = await machineOf(place);
    console.log(`${machine.cpu}, ${machine.cores} cores; ${machine.browser}; ${machine.adapter ?? "no WebGPU"}\n`);
    const emulated = backend === "webgpu" && machine.emulated;
    // An emulated GPU is slow at products of matrices: what is larger is measured where it is asked for.
    const chosenSizes = size ? [size] : emulated ? (["tiny"] as const) : (["tiny", "small"] as const);
    const comparisons: Comparison[] = [];
    for (const size of chosenSizes) {
      for (const chosenMethod of method ? [method] : methods) {
        const match = { backend, size, method: chosenMethod, change: {}, engines, repeats, emulated };
        const comparison = await compare(place, match);
        comparisons.push(comparison);
        console.log(`${size}, ${chosenMethod}, ${backend}, ${repeats} rounds\n${rowsTable(comparison.rows)}`);
        for (const { engine, error } of comparison.failures) console.log(`ERROR ${engine}: ${error}`);
        console.log();
      }
    }
    const failures = comparisons.flatMap(({ failures }) => failures);
    writeJson(json, {
      machine,
      rows: comparisons.flatMap(({ rows }) => rows),
      matrixPeak: comparisons.flatMap(({ matrixPeak }) => matrixPeak),
      failures,
    });
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    await browser.dispose();
    await site.dispose();
  }
}

runCommand(main);
