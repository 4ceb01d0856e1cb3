/** Hone's step: the program of a run over compiled artifacts, on the entries of a page or of Node. */

import { parametersOf } from "../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../src/artifacts/ofRun.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { uploadParameters } from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { chainArtifact } from "../products.ts";
import { type Prepare, squareMatrix } from "./engine.ts";
import { optimizer } from "./problem.ts";

export const honeOn =
  (entries: OrtEntries): Prepare =>
  async ({ model, method, batch }, take, backend) => {
    const runtime = await createRuntime(backend, { entries });
    const specs = parametersOf(model, method);
    const parameters = await uploadParameters(runtime, specs, ({ name }) => take(name));
    const artifacts = artifactsOfRun(model, method, { ...optimizer, accumulation: 1 }, backend);
    const program = createWholeGraph({ runtime, parameters, specs, artifacts, recipe: optimizer });
    let updates = 0;
    return {
      async step() {
        const request = { step: updates + 1, updates, batches: [batch], learningRate: optimizer.learningRate };
        const outcome = await takeStep(program, request, async () => false);
        if (outcome.kind !== "updated") throw new Error(`The step was ${outcome.kind}.`);
        updates++;
        return outcome;
      },

      async products(n, count) {
        const session = await runtime.session(chainArtifact({ n, count }));
        const inputs = {
          left: runtime.tensor("left", "float32", [n, n], squareMatrix(n)),
          right: runtime.tensor("right", "float32", [n, n], squareMatrix(n)),
        };
        return async () => {
          await session.run(inputs);
        };
      },

      tensorBytes: () => runtime.memory().bytes,

      async dispose() {
        program.dispose();
        await runtime.dispose();
      },
    };
  };
