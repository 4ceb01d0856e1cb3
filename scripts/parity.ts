/**
 * `npm run parity -- --model DIR --golden FILE [--provider wasm|webgpu|dawn] [--steps N] [--json FILE]`: compares the engine with
 * a golden file; prints the deviation of each figure, exit 1 above tolerance. wasm and webgpu run in headless Chromium; dawn is
 * WebGPU under Node, skipped where the package webgpu or a Vulkan driver is missing.
 */

import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { modelFromFiles } from "../src/hub/files.ts";
import { dawnEntries, stopDawn } from "../src/runtime/dawnEntries.ts";
import { webgpuParitySteps } from "../tests/numeric/tolerance.ts";
import { count, existing, oneOf, runCommand, writeJson } from "./harness/arguments.ts";
import { launchChromium } from "./harness/chromium.ts";
import { filesOfFolder } from "./harness/modelFolder.ts";
import type { ParityRequest } from "./harness/parityPage.ts";
import { compareWithGolden, type ParityResult } from "./harness/parityRun.ts";
import { callInPage, serveModules } from "./harness/serve.ts";

const usage = "npm run parity -- --model DIR --golden FILE [--provider wasm|webgpu|dawn] [--steps N] [--json FILE]";

function readArguments() {
  const { values } = parseArgs({
    options: {
      model: { type: "string" },
      golden: { type: "string" },
      provider: { type: "string", default: "wasm" },
      steps: { type: "string" },
      json: { type: "string" },
    },
  });
  const provider = oneOf("provider", values.provider, ["wasm", "webgpu", "dawn"]);
  return {
    model: existing("model", values.model, usage),
    golden: existing("golden", values.golden, usage),
    provider,
    steps: count("steps", values.steps) ?? (provider === "wasm" ? null : webgpuParitySteps),
    json: values.json,
  };
}

/** In headless Chromium. */
async function inBrowser(model: string, golden: string, provider: "wasm" | "webgpu", steps: number | null) {
  const served = await serveModules({ "/parity/model": model, "/parity/golden": dirname(golden) });
  const browser = await launchChromium();
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() !== "info") console.error(message.text());
    });
    await page.goto(served.address);
    const request: ParityRequest = {
      provider,
      model: "/parity/model/",
      golden: `/parity/golden/${encodeURIComponent(basename(golden))}`,
      steps,
    };
    return await callInPage<ParityResult>(page, "/scripts/harness/parityPage.ts", "parity", request);
  } finally {
    await browser.dispose();
    await served.dispose();
  }
}

/** On WebGPU under Node; the reason as a sentence where there is none. */
async function inNode(model: string, golden: string, steps: number | null): Promise<ParityResult | string> {
  const entries = await dawnEntries();
  if (typeof entries === "string") return entries;
  try {
    return await compareWithGolden({
      provider: "webgpu",
      entries,
      files: modelFromFiles(filesOfFolder(model)),
      golden: JSON.parse(readFileSync(golden, "utf8")),
      steps,
    });
  } finally {
    stopDawn();
  }
}

async function main() {
  const { model, golden, provider, steps, json } = readArguments();
  const result =
    provider === "dawn" ? await inNode(model, golden, steps) : await inBrowser(model, golden, provider, steps);
  if (typeof result === "string") {
    console.log(`Skipped: ${result}`);
    return;
  }
  console.log(result.reason);
  for (const { figure, expected, actual, deviation, tolerance } of result.rows) {
    const verdict = deviation <= tolerance ? "ok  " : "FAIL";
    console.log(
      `${verdict} ${deviation.toExponential(1)}  ${figure}: ${actual.toPrecision(8)}, golden ${expected.toPrecision(8)}`,
    );
  }
  const failed = result.rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance));
  const worst = result.rows.reduce((a, b) => (b.deviation / b.tolerance > a.deviation / a.tolerance ? b : a));
  console.log(
    `\n${result.rows.length} figures on ${provider}, ${failed.length} above tolerance; nearest to it: ${worst.figure}, ` +
      `${worst.deviation.toExponential(1)} of ${worst.tolerance}`,
  );
  writeJson(json, { provider, ...result });
  process.exitCode = failed.length > 0 ? 1 : 0;
}

runCommand(main);
