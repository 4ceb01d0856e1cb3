/**
 * What graph capture would save, and what it computes: one training session as Hone runs it, and captured. Hone captures nothing,
 * so nothing here is a check: on lavapipe a replay gives other gradients.
 */

import { median } from "../../../bench/step/figures.ts";
import { methods, optimizer, problemOf } from "../../../bench/step/problem.ts";
import { lazyResetGrad, lossSum } from "../../../src/artifacts/contract.ts";
import { artifactsOfRun } from "../../../src/artifacts/ofRun.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { batchFeeds } from "../../../src/training/feeds.ts";
import { distance } from "../../../tests/numeric/tolerance.ts";
import { openBound, openDevice } from "../boundSession.ts";
import type { RunPart } from "../part.ts";
import { measured } from "../row.ts";

/** Atomic sums in another order change the last bits only. */
const tolerance = 1e-5;

export const run: RunPart = async ({ entries, scale, report }) => {
  if (!entries.webgpu) throw new Error("There is no WebGPU to capture on.");
  const ort = await entries.webgpu.load();
  if (entries.webgpu.files) ort.env.wasm.wasmPaths = entries.webgpu.files;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  const device = await openDevice();
  const [size = "tiny"] = scale.benchSizes;
  const layers = Math.min(scale.layers, size === "tiny" ? 5 : 6);
  for (const method of methods) {
    const { model, method: trained, batch, shape, values } = problemOf(size, method, { layers });
    const artifact = artifactsOfRun(model, trained, { ...optimizer, accumulation: 1 }, "webgpu").training(shape);
    const weights = values();
    const feeds = batchFeeds(batch);
    const results: { milliseconds: number; outputs: Map<string, Float32Array> }[] = [];
    for (const captured of [false, true]) {
      const session = await openBound(ort, device, artifact, captured);
      for (const { name, dtype, shape: dimensions } of artifact.inputs) {
        const given = feeds[name]?.data ?? weights.get(name);
        if (given) session.write(name, given);
        else if (name === lazyResetGrad) session.write(name, Uint8Array.of(1));
        else if (dtype === "float32") session.write(name, new Float32Array(sizeOf(dimensions)));
      }
      await session.run();
      // The replay counts, and not the run that was recorded.
      await session.run();
      const outputs = new Map<string, Float32Array>();
      for (const { name } of artifact.outputs) outputs.set(name, await session.read(name));
      const times: number[] = [];
      for (let i = 0; i < 2 * scale.rounds + 1; i++) {
        const began = performance.now();
        for (const [name, feed] of Object.entries(feeds)) {
          if (artifact.inputs.some((input) => input.name === name)) session.write(name, feed.data);
        }
        await session.run();
        await session.read(lossSum);
        times.push(performance.now() - began);
      }
      results.push({ milliseconds: median(times), outputs });
      await session.release();
    }
    const [plain, replayed] = results as [(typeof results)[number], (typeof results)[number]];
    const title = `${size}, ${layers} layers, ${method}`;
    report(measured(`${title}: training session`, plain.milliseconds, "ms"));
    const ratio = `${(plain.milliseconds / replayed.milliseconds).toFixed(2)} times as fast`;
    report(measured(`${title}: captured`, replayed.milliseconds, "ms", ratio));
    const others = artifact.outputs.flatMap(({ name }) => {
      const own = distance([...(replayed.outputs.get(name) ?? [])], [...(plain.outputs.get(name) ?? [])]);
      // A gradient that is 0 in both has no distance.
      return own > tolerance ? [name] : [];
    });
    const which = others.length === 0 ? "" : `${others.slice(0, 2).join(", ")}`;
    report(measured(`${title}: outputs that a replay computes otherwise`, others.length, "", which));
  }
  device.destroy();
};
