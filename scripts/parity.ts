/**
 * `npm run parity -- --model DIR --golden FILE [--provider wasm|webgpu] [--steps N] [--json FILE]`: compares the engine in
 * headless Chromium with a golden file; prints the deviation of each figure, exit 1 above tolerance.
 */

import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { webgpuParitySteps } from "../tests/numeric/tolerance.ts";
import { count, existing, oneOf, runCommand, writeJson } from "./harness/arguments.ts";
import { launchChromium } from "./harness/chromium.ts";
import type { ParityRequest, ParityResult } from "./harness/parityPage.ts";
import { callInPage, serveModules } from "./harness/serve.ts";

const usage = "npm run parity -- --model DIR --golden FILE [--provider wasm|webgpu] [--steps N] [--json FILE]";

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
  const provider = oneOf("provider", values.provider, ["wasm", "webgpu"]);
  return {
    model: existing("model", values.model, usage),
    golden: existing("golden", values.golden, usage),
    provider,
    steps: count("steps", values.steps) ?? (provider === "webgpu" ? webgpuParitySteps : null),
    json: values.json,
  };
}

async function main() {
  const { model, golden, provider, steps, json } = readArguments();
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
    const result = await callInPage<ParityResult>(page, "/scripts/harness/parityPage.ts", "parity", request);
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
  } finally {
    await browser.dispose();
    await served.dispose();
  }
}

runCommand(main);
