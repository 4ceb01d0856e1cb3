/** The processor's part of a step: launches, and microseconds per launch with all kernels left out. */

import { difference, installGpuMeter } from "../../../bench/profile/gpuMeter.ts";
import { median } from "../../../bench/step/figures.ts";
import { honeOn } from "../../../bench/step/honeOn.ts";
import { leaveOutKernels } from "../../../bench/step/meters.ts";
import { methods, problemOf } from "../../../bench/step/problem.ts";
import type { RunPart } from "../part.ts";
import { measured } from "../row.ts";

const warmUp = 2;

export const run: RunPart = async ({ entries, scale, report }) => {
  leaveOutKernels();
  const meter = installGpuMeter();
  if (!meter) throw new Error("There is no WebGPU to count launches on.");
  const steps = 2 * scale.rounds + 1;
  for (const size of scale.benchSizes.slice(0, 1)) {
    for (const method of methods) {
      const problem = problemOf(size, method);
      const values = problem.values();
      const take = (name: string) => values.get(name) ?? new Float32Array();
      const trainer = await honeOn(entries)(problem, take, "webgpu");
      for (let i = 0; i < warmUp; i++) await trainer.step();
      const before = meter.counts();
      const milliseconds: number[] = [];
      for (let i = 0; i < steps; i++) {
        const began = performance.now();
        await trainer.step();
        milliseconds.push(performance.now() - began);
      }
      const counted = difference(meter.counts(), before);
      const launches = counted.dispatches / steps;
      report(measured(`${size}, ${method}: launches of a step`, launches, "", `${counted.submits / steps} submits`));
      report(measured(`${size}, ${method}: step without kernels`, median(milliseconds), "ms"));
      report(measured(`${size}, ${method}: per launch`, (1000 * median(milliseconds)) / launches, "µs"));
      await trainer.dispose();
    }
  }
};
