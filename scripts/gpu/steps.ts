/** A LoRA step of a model with real shapes in several precisions and programs: time, losses, and buffers. */

import { matrixOperations } from "../../bench/step/problem.ts";
import { memoryOf } from "../../src/engine/memory.ts";
import { embeddingOf } from "../../src/engine/precision.ts";
import { methodOf } from "../../src/engine/prepare.ts";
import { withPrecision } from "../../src/models/architecture.ts";
import type { Precision } from "../../src/nn/precision.ts";
import type { ProgramKind } from "../../src/run/deviceFields.ts";
import type { WeightStorage } from "../../src/tensor/storage.ts";
import type { PartPlace } from "./part.ts";
import { adapterRecipe, type CatalogueConfig, rowOf, type Steps, shapedModel, takeSteps } from "./realShapes.ts";
import { atMost, measured, skipped } from "./row.ts";

/** The plan may be off by this share of the measured peak. */
const memoryTolerance = 0.15;

const programWords: Readonly<Record<ProgramKind, string>> = {
  whole: "whole graph",
  layers: "by layer",
  smallest: "by layer, recomputed",
};

/** Two steps in each setting, and the loss beside that of the first setting. */
export async function reportSteps(
  { entries, adapter, scale, report }: PartPlace,
  config: CatalogueConfig,
  settings: readonly (readonly [WeightStorage, ProgramKind])[],
): Promise<void> {
  const base = shapedModel(config, scale);
  const recipe = adapterRecipe();
  const shape = rowOf(scale);
  const operations = matrixOperations({ model: base, method: methodOf(recipe), shape });
  const sizes = `vocabulary ${base.vocabulary}, ${scale.length} tokens, LoRA r${recipe.lora.rank}`;
  report(measured("layers", base.layers.length, "", sizes));
  let oracle: Steps | null = null;
  for (const [weights, program] of settings) {
    const title = `${weights}, ${programWords[program]}`;
    // As a run of Hone settles it: products in float16 wherever weights have fewer than 32 bits.
    const compute = weights === "float32" ? "float32" : "float16";
    const precision: Precision = { weights, embedding: embeddingOf[weights], compute };
    if (compute === "float16" && !adapter.shaderF16) {
      report(skipped(title, "the adapter has no shader-f16"));
      continue;
    }
    const model = withPrecision(base, precision);
    const steps = await takeSteps(entries, model, scale, program);
    const [first = Number.NaN, second = Number.NaN] = steps.seconds;
    const [start = Number.NaN, next = Number.NaN] = steps.losses;
    report(measured(`${title}: weights on the device`, steps.openSeconds, "s"));
    report(measured(`${title}: first step, sessions included`, first, "s"));
    const gflops = `${(operations / second / 1e9).toFixed(1)} GFLOP/s in products`;
    report(measured(`${title}: second step`, second, "s", `${(scale.length / second).toFixed(0)} tokens/s, ${gflops}`));
    report(measured(`${title}: buffers at their peak`, steps.peak / 1e6, "MB"));
    const run = { ...recipe, program };
    const planned = memoryOf({ model, recipe: run, shapes: [shape], heldOut: [], provider: "webgpu" }).total;
    const off = Math.abs(planned / steps.peak - 1);
    report(atMost(`${title}: plan beside it`, off, memoryTolerance, "", `${(planned / 1e6).toFixed(1)} MB planned`));
    const [before] = oracle?.losses ?? [];
    const beside = before === undefined ? "" : `${(100 * (start / before - 1)).toFixed(3)} % from the first setting's`;
    report(measured(`${title}: loss of the first step`, start, "nats", beside));
    // The same row again, so a step against the gradient lowers its loss.
    report(atMost(`${title}: loss of the second step`, next, start, "nats"));
    oracle ??= steps;
  }
}
