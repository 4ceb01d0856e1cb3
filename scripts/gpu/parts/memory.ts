/** Buffers of small runs with evaluation and an answer: planned and measured. */

import { measure } from "../../../bench/memory/measure.ts";
import type { RunPart } from "../part.ts";
import { atMost, measured } from "../row.ts";

const tolerance = 0.15;

export const run: RunPart = async ({ entries, scale, report }) => {
  const [size = "tiny"] = scale.benchSizes;
  const change = { rows: 1, length: Math.min(256, scale.length) };
  for (const method of ["full", "lora"] as const) {
    const setting = { provider: "webgpu", size, method, change, accumulation: 1, lengths: [], once: false } as const;
    const { predicted, peak } = await measure({ ...setting, evaluates: method === "lora" }, entries);
    const title = `${size}, ${method}${method === "lora" ? ", evaluation and an answer" : ""}`;
    report(measured(`${title}: buffers at their peak`, peak / 1e6, "MB"));
    const planned = `${(predicted.total / 1e6).toFixed(1)} MB planned`;
    report(atMost(`${title}: plan beside it`, Math.abs(predicted.total / peak - 1), tolerance, "", planned));
  }
};
