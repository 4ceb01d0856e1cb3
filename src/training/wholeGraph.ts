/** A program whose forward and backward form one graph: one training session and one eval session per batch shape. */

import {
  type Artifact,
  type BatchShape,
  gradientNorm,
  lazyResetGrad,
  lossSum,
  type ParameterSpec,
} from "../artifacts/contract.ts";
import type { RunArtifacts } from "../artifacts/ofRun.ts";
import type { Batch } from "../batching/batch.ts";
import type { Recipe } from "../run/recipe.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/types.ts";
import {
  batchFeeds,
  bindTensors,
  lossesOf,
  optimizerValues,
  perShape,
  prepareAll,
  scalarFeed,
  scalarOf,
} from "./feeds.ts";
import { createOptimizerState } from "./optimizerState.ts";
import type { ParameterTensors } from "./parameters.ts";
import { type EvaluationProgram, evaluationOf, type TrainingProgram } from "./program.ts";

export interface WholeGraphParts {
  readonly runtime: Pick<Runtime, "tensor" | "session" | "prepare">;
  /** Every parameter of the model and its adapter, from `uploadParameters`; the caller frees them. */
  readonly parameters: ParameterTensors;
  readonly specs: readonly ParameterSpec[];
  readonly artifacts: RunArtifacts;
  readonly recipe: Pick<Recipe, "beta1" | "beta2" | "maxGradNorm">;
}

/** Evaluates with one graph; `evaluation` returns the eval artifact of a shape. */
export function createWholeGraphEvaluation(
  runtime: Pick<Runtime, "session">,
  parameters: ParameterTensors,
  evaluation: (shape: BatchShape) => Artifact,
): EvaluationProgram {
  const artifactOf = perShape(evaluation);

  async function run(batch: Batch): Promise<Record<string, HostTensor>> {
    const artifact = artifactOf(batch.shape);
    const session = await runtime.session(artifact);
    return session.run({ ...bindTensors(artifact, parameters).inputs, ...batchFeeds(batch) });
  }

  return evaluationOf(async (batch) => lossesOf(await run(batch), batch));
}

/**
 * Trains with one graph, from zero moments. Throws when no parameter is trainable or one has no tensor; then no accumulator or
 * moment stays on the device.
 */
export function createWholeGraph({ runtime, parameters, specs, artifacts, recipe }: WholeGraphParts): TrainingProgram {
  const { bindings, ...state } = createOptimizerState(runtime, parameters, specs);
  const training = perShape(artifacts.training);

  return {
    ...state,
    ...createWholeGraphEvaluation(runtime, parameters, artifacts.evaluation),

    prepare: (shapes, onProgress) => prepareAll(runtime, [...shapes.map(training), artifacts.optimizer], onProgress),

    async microBatch(batch, reset) {
      const artifact = training(batch.shape);
      const session = await runtime.session(artifact);
      const { inputs, outputs } = bindTensors(artifact, bindings);
      const feeds: Record<string, DeviceTensor | HostTensor> = { ...inputs, ...batchFeeds(batch) };
      if (artifact.inputs.some(({ name }) => name === lazyResetGrad)) {
        feeds[lazyResetGrad] = { dtype: "bool", shape: [1], data: Uint8Array.of(reset ? 1 : 0) };
      } else if (!reset) {
        throw new Error(
          `${artifact.key} overwrites the gradients of the earlier micro-batch; compile it with accumulation.`,
        );
      }
      return { lossSum: scalarOf(await session.run(feeds, outputs), lossSum) };
    },

    async update(update) {
      const values = optimizerValues(update, recipe);
      const session = await runtime.session(artifacts.optimizer);
      const { inputs, outputs } = bindTensors(artifacts.optimizer, bindings);
      const result = await session.run(
        {
          ...inputs,
          ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, scalarFeed(value)])),
        },
        outputs,
      );
      return { gradientNorm: scalarOf(result, gradientNorm) };
    },
  };
}
