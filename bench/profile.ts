/**
 * `npm run profile -- [--provider wasm|webgpu] [--size tiny|small|medium] [--method full|lora] [--steps N] [--json FILE]
 * [--trace FILE] [--dry]`: measures the time of one optimizer step in headless Chromium, by seam, by part of the model, by op
 * and by shape. The trace is a flame chart for chrome://tracing or Perfetto. `--dry` skips the GPU's computations, so the times
 * are those of the processor alone. Run it on an idle machine.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { count, oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchFor } from "../scripts/harness/chromium.ts";
import { callInPage, serveModules } from "../scripts/harness/serve.ts";
import { eventsOf, reportOf } from "./profile/report.ts";
import { reportText } from "./profile/table.ts";
import { traceOf } from "./profile/trace.ts";
import type { Recording, RecordRequest } from "./profile/worker.ts";
import { backends, checkDry } from "./step/engine.ts";
import { methods, sizes } from "./step/problem.ts";

function readArguments() {
  const { values } = parseArgs({
    options: {
      provider: { type: "string", default: "wasm" },
      size: { type: "string", default: "tiny" },
      method: { type: "string", default: "full" },
      steps: { type: "string" },
      dry: { type: "boolean", default: false },
      json: { type: "string" },
      trace: { type: "string" },
    },
  });
  const provider = oneOf("provider", values.provider, backends);
  checkDry(values.dry, provider);
  return {
    request: {
      provider,
      size: oneOf("size", values.size, sizes),
      method: oneOf("method", values.method, methods),
      steps: count("steps", values.steps),
      dry: values.dry,
    },
    json: values.json,
    trace: values.trace,
  };
}

async function main() {
  const { request, json, trace } = readArguments();
  const served = await serveModules();
  const browser = await launchFor(request.provider, served.address);
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() === "error") console.error(message.text());
    });
    await page.goto(served.address);
    const record = (profiling: boolean) => {
      const recordRequest: RecordRequest = { ...request, profiling };
      return callInPage<Recording>(page, "/bench/profile/page.ts", "record", recordRequest);
    };
    const plain = await record(false);
    const profiled = await record(true);
    const events = eventsOf(profiled);
    const report = reportOf(request, plain, profiled, events);
    console.log(reportText(report));
    writeJson(json, report);
    if (trace)
      writeFileSync(trace, JSON.stringify({ traceEvents: traceOf(profiled.steps, events), displayTimeUnit: "ms" }));
  } finally {
    await browser.dispose();
    await served.dispose();
  }
}

runCommand(main);
