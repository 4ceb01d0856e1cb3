/** Every artifact of small models beside wasm: training with its gradients, optimizer, evaluation, generation. */

import { createRuntime } from "../../../src/runtime/runtime.ts";
import { familyLora, familyModel, familyNames } from "../../../tests/support/families.ts";
import { artifactFeeds, artifactsOf, numbers, worstRelative } from "../../../tests/support/smallArtifacts.ts";
import type { RunPart } from "../part.ts";
import { atMost } from "../row.ts";

/** Of the largest number of an output, as in tests/browser/artifacts.test.ts. */
const tolerance = 2e-5;

export const run: RunPart = async ({ entries, scale, report }) => {
  const gpu = await createRuntime("webgpu", { entries });
  const cpu = await createRuntime("wasm", { entries, threads: 1 });
  for (const name of familyNames.slice(0, scale.families)) {
    const model = familyModel(name);
    // A micro-batch alone and the generation's prefill have the kernels of the artifacts beside them.
    const wanted = ["full training", "lora training", "lora optimizer grouped for a GPU", "lora eval", "full eval"];
    const artifacts = [{ kind: "full" } as const, familyLora(name)]
      .flatMap((method) => artifactsOf(model, method))
      .filter(([title]) => wanted.includes(title) || title === "lora generation, decode");
    let worst = { deviation: 0, place: "" };
    for (const [title, artifact] of artifacts) {
      const inputs = artifactFeeds(artifact);
      const actual = await (await gpu.session(artifact)).run(inputs);
      const expected = await (await cpu.session(artifact)).run(inputs);
      for (const { name: output } of artifact.outputs) {
        const deviation = worstRelative(numbers(actual[output]), numbers(expected[output]));
        if (!(deviation <= worst.deviation)) worst = { deviation, place: `${title}, ${output}` };
      }
      await gpu.releaseSessions();
      await cpu.releaseSessions();
    }
    report(atMost(`${name}: ${artifacts.length} artifacts beside wasm`, worst.deviation, tolerance, "", worst.place));
  }
  await gpu.dispose();
  await cpu.dispose();
};
