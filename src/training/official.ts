/** A program over ONNX Runtime's own training artifacts, lowered. */

import { accumulatorIn, gradientNorm, lazyResetGrad } from "../artifacts/contract.ts";
import {
  type FeedShapes,
  type OfficialArtifact,
  type OfficialSet,
  officialEvaluation,
  officialOptimizer,
  officialTraining,
} from "../artifacts/official.ts";
import { correctionOf } from "../onnx/lower/optimizers.ts";
import type { HostTensor, Runtime } from "../runtime/types.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { createRandom } from "../tensor/random.ts";
import { bindTensors, perShape, prepareAll, scalarFeed, scalarOf } from "./feeds.ts";
import { artifactFeeds, type OfficialFeeds } from "./officialFeeds.ts";
import { createOptimizerState } from "./optimizerState.ts";
import type { ParameterTensors } from "./parameters.ts";
import { evaluationOf, type TrainingProgram } from "./program.ts";

export interface OfficialParts<B> {
  readonly runtime: Pick<Runtime, "tensor" | "session" | "prepare">;
  readonly set: OfficialSet;
  /** Every parameter, from `uploadOfficial`; the caller frees them. */
  readonly parameters: ParameterTensors;
  /** The model's inputs for a batch. */
  readonly feedsOf: (batch: B) => OfficialFeeds;
  /** Supervised positions of a batch, for whose mean loss the artifacts give one number; 1 by default. */
  readonly positions?: (batch: B) => number;
  /** Seed of the dropout masks of a micro-batch; each call should give another one. Counts from 0 by default. */
  readonly maskSeed?: () => number;
}

/**
 * Trains as ONNX Runtime does: the model divides by its own count, and the gradients of micro-batches are added without
 * another division, so `Update.denominator` has no effect. Throws when the set has an operator that cannot be lowered.
 */
export function createOfficialProgram<B>({
  runtime,
  set,
  parameters,
  feedsOf,
  positions = () => 1,
  maskSeed = counter(),
}: OfficialParts<B>): TrainingProgram<B, FeedShapes> {
  const training = perShape<FeedShapes, OfficialArtifact>((shapes) => officialTraining(set, shapes));
  const evaluation = perShape<FeedShapes, OfficialArtifact>((shapes) => officialEvaluation(set, shapes));
  const optimizer = set.optimizer && officialOptimizer(set);
  const { bindings, ...state } = createOptimizerState(runtime, parameters, set.parameters);

  async function run(
    artifact: OfficialArtifact,
    given: Readonly<Record<string, HostTensor>>,
    feeds: OfficialFeeds,
  ): Promise<Record<string, HostTensor>> {
    const { inputs, outputs } = bindTensors(artifact, bindings);
    const own = artifactFeeds(artifact, feeds, new Set([...Object.keys(inputs), ...Object.keys(given)]));
    const session = await runtime.session(artifact);
    return session.run({ ...inputs, ...given, ...own }, outputs);
  }

  /** The shapes of the feeds. Throws an error that names a feed that no model of the set reads. */
  function shapesOf(feeds: OfficialFeeds): FeedShapes {
    const names = Object.keys(feeds);
    const stray = names.find((name) => !set.feeds.some((port) => port.name === name));
    if (stray !== undefined)
      throw new Error(
        `The models have no input ${cut(stray)}; they read ${cut(set.feeds.map(({ name }) => name).join(", "), 120)}.`,
      );
    return Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]));
  }

  function clearAccumulators(): void {
    for (const { name, shape } of set.parameters)
      bindings.get(accumulatorIn(name))?.write(new Float32Array(sizeOf(shape)));
  }

  return {
    ...state,

    ...evaluationOf<B>(async (batch) => {
      const feeds = feedsOf(batch);
      const artifact = evaluation(shapesOf(feeds));
      const mean = scalarOf(await run(artifact, drawMasks(artifact, maskSeed), feeds), lossOf(set.evaluation, set));
      const count = positions(batch);
      return { lossSum: mean * count, perToken: new Float32Array(count).fill(mean) };
    }),

    prepare: (shapes, onProgress) =>
      prepareAll(runtime, [...shapes.map(training), ...(optimizer ? [optimizer] : [])], onProgress),

    async microBatch(batch, reset) {
      const feeds = feedsOf(batch);
      const artifact = training(shapesOf(feeds));
      const given = drawMasks(artifact, maskSeed);
      if (artifact.inputs.some(({ name }) => name === lazyResetGrad))
        given[lazyResetGrad] = { dtype: "bool", shape: [1], data: Uint8Array.of(reset ? 1 : 0) };
      else if (reset) clearAccumulators();
      const mean = scalarOf(await run(artifact, given, feeds), set.loss);
      return { lossSum: mean * positions(batch) };
    },

    async update({ t, learningRate }) {
      if (!optimizer) throw new Error("There is no optimizer_model.onnx, so no parameter can be updated.");
      const scalars: Record<string, HostTensor> = {
        learning_rate: scalarFeed(learningRate),
        step: { dtype: "int32", shape: [1], data: Int32Array.of(t) },
        ...Object.fromEntries(optimizer.corrections.map(({ name, base }) => [name, scalarFeed(correctionOf(base, t))])),
      };
      const own = new Set(optimizer.inputs.map(({ name }) => name));
      const given = Object.fromEntries(Object.entries(scalars).filter(([name]) => own.has(name)));
      return { gradientNorm: scalarOf(await run(optimizer, given, {}), gradientNorm) };
    },
  };
}

const counter = () => {
  let next = 0;
  return () => next++;
};

const lossOf = (model: OfficialSet["evaluation"], set: OfficialSet) => model?.outputs[0]?.name ?? set.loss;

/** Masks for the dropout of one run: true with the probability that the model gives. */
function drawMasks({ masks }: OfficialArtifact, seed: () => number): Record<string, HostTensor> {
  if (masks.length === 0) return {};
  const random = createRandom(seed());
  return Object.fromEntries(
    masks.map(({ name, shape, probability }) => {
      const data = Uint8Array.from({ length: sizeOf(shape) }, () => (random.next() < probability ? 1 : 0));
      return [name, { dtype: "bool", shape, data }];
    }),
  );
}
