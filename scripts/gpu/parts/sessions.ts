/** Build times of the sessions of a LoRA run with SmolLM2-135M's shapes, by depth. */

import { artifactsOfRun } from "../../../src/artifacts/ofRun.ts";
import { methodOf } from "../../../src/engine/prepare.ts";
import { configs } from "../../../src/models/catalogueConfigs.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { RunPart } from "../part.ts";
import { adapterRecipe, rowOf, shapedModel } from "../realShapes.ts";
import { measured } from "../row.ts";

export const run: RunPart = async ({ entries, scale, report }) => {
  const runtime = await createRuntime("webgpu", { entries });
  const recipe = adapterRecipe();
  for (const layers of scale.depths) {
    const model = shapedModel(configs.smolLM2Small, { ...scale, layers });
    const artifacts = artifactsOfRun(model, methodOf(recipe), recipe, "webgpu");
    for (const artifact of [artifacts.training(rowOf(scale)), artifacts.optimizer]) {
      const began = performance.now();
      const { nodes } = artifact.graph();
      const bytes = artifact.bytes();
      const compiled = performance.now();
      await runtime.prepare(artifact);
      const note = `${nodes.length} nodes; graph and bytes (${(bytes.length / 1e3).toFixed(0)} kB) in ${((compiled - began) / 1000).toFixed(2)} s`;
      report(measured(`${layers} layers, ${artifact.kind}`, (performance.now() - compiled) / 1000, "s", note));
    }
    await runtime.releaseSessions();
  }
  await runtime.dispose();
};
