/** Runs the chosen parts, prints them and writes the report. */

import { writeJson } from "../harness/arguments.ts";
import type { Choice } from "./choice.ts";
import { summaryOf } from "./row.ts";
import { type Report, runParts } from "./run.ts";

/** Exit code 1 when a check failed or a part ended early; 0 where there is no WebGPU, with the reason. */
export async function measureGpu({ quick, deep, parts, json }: Choice): Promise<void> {
  const machine = { date: new Date().toISOString(), node: process.version, quick, deep };
  const save = (report: Report) => writeJson(json, { ...machine, ...report });
  const report = await runParts({ quick, deep, parts, print: (line) => console.log(line), save });
  if (typeof report === "string") {
    console.log(`Skipped: ${report}`);
    return;
  }
  const { text, failed } = summaryOf(report.parts);
  console.log(`\n${text}`);
  process.exitCode = failed ? 1 : 0;
}
