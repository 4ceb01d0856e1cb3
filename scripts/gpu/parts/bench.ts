/** One step of fine-tuning beside jax-js and TensorFlow.js on the same adapter: equal losses, speed, share of the peak. */

import { compare } from "../../../bench/step/compare.ts";
import { methods } from "../../../bench/step/problem.ts";
import { processes } from "../../../bench/step/processes.ts";
import type { RunPart } from "../part.ts";
import { atMost, measured, type Row } from "../row.ts";

export const run: RunPart = async ({ scale, report }) => {
  for (const size of scale.benchSizes) {
    for (const method of methods) {
      const { rows, failures } = await compare(processes, {
        engines: ["hone", "jax", "tfjs"],
        backend: "webgpu",
        size,
        method,
        change: {},
        dry: false,
        repeats: scale.rounds,
        peakSide: Math.min(scale.matrix, 2048),
      });
      for (const row of rows) {
        const title = `${size}, ${method}: ${row.engine}`;
        const share = `${row.millisecondsPerStep.toFixed(1)} ms a step, ${(100 * row.shareOfPeak).toFixed(0)} % of its peak`;
        const memory = row.peakBytes === null ? "" : `, ${(row.peakBytes / 1e6).toFixed(0)} MB of buffers`;
        const first = `, first step after ${(row.timeToFirstStepMs / 1000).toFixed(1)} s`;
        report(measured(title, row.tokensPerSecond, "tokens/s", share + memory + first));
      }
      for (const { engine, error } of failures) report(failed(`${size}, ${method}: ${engine}`, engine, error));
      const own = rows.find(({ engine }) => engine === "Hone");
      if (own) report(atMost(`${size}, ${method}: losses beside the others`, own.deviation, 1e-4, ""));
    }
  }
};

/** A peer that does not run here is skipped; Hone must run. */
const failed = (figure: string, engine: string, error: string): Row => ({
  figure,
  value: null,
  unit: "",
  verdict: engine === "Hone" ? "FAIL" : "skipped",
  note: error,
});
