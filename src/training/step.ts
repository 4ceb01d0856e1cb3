/** The engine of a step: micro-batches summed into accumulators, one optimizer run, everything updated in place. */

import {
  accumulatorIn,
  firstMoment,
  gradientNorm,
  lazyResetGrad,
  lossSum,
  noClipping,
  optimizerScalars,
  type ParameterSpec,
  secondMoment,
} from "../artifacts/contract.ts";
import type { StepArtifacts } from "../artifacts/ofStep.ts";
import type { Batch, RowOrigin } from "../batching/batch.ts";
import type { Recipe } from "../run/recipe.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/types.ts";
import type { RestoreTensor, TensorSource } from "../storage/checkpoints.ts";
import { describeType, sameShape, sizeOf } from "../tensor/dtype.ts";
import { batchFeeds, bindTensors, perShape, scalarFeed, scalarOf } from "./feeds.ts";
import { NonFiniteError } from "./nonFinite.ts";
import { disposeAll, type ParameterTensors } from "./parameters.ts";

export interface StepperParts {
  readonly runtime: Pick<Runtime, "tensor" | "session">;
  /** Every parameter of the model and its adapter, as `uploadParameters` gives them; the caller keeps and frees them. */
  readonly parameters: ParameterTensors;
  readonly specs: readonly ParameterSpec[];
  readonly artifacts: StepArtifacts;
  readonly recipe: Pick<Recipe, "beta1" | "beta2" | "maxGradNorm">;
}

/** One optimizer step to take. */
export interface StepRequest {
  /** From 1; names the step in errors. */
  readonly step: number;
  /** Updates done before this one: t − 1 of the bias corrections 1 − βᵗ. Empty steps do not count. */
  readonly updates: number;
  readonly batches: readonly Batch[];
  readonly learningRate: number;
}

export type StepOutcome =
  | {
      readonly kind: "updated";
      /** Σ w·CE / max(Σ denominator, 1) over the micro-batches. */
      readonly loss: number;
      /** Global L2 norm of the mean gradient before clipping. */
      readonly gradientNorm: number;
      readonly tokens: number;
      readonly supervisedTokens: number;
      readonly examples: number;
    }
  /** No micro-batch had a supervised token: nothing was computed or changed. */
  | { readonly kind: "empty" }
  /** Left between two micro-batches: nothing was changed, the gradient so far is dropped. */
  | { readonly kind: "interrupted" };

export interface Stepper {
  /** Builds the sessions that a step over these batches needs, so that the step's time is that of computing alone. */
  prepare(batches: readonly Batch[]): Promise<void>;
  /**
   * Takes one optimizer step; `interrupted` is asked before each micro-batch. Throws `NonFiniteError`, with parameters
   * and moments as they were before the step.
   */
  step(request: StepRequest, interrupted: () => Promise<boolean>): Promise<StepOutcome>;
  /** What a checkpoint holds: trained parameters and moments, each read from the device when its turn comes. */
  tensors(): readonly TensorSource[];
  /**
   * Goes back to a checkpoint: `load` is given a function that takes its tensors in turn (`Checkpoints.load` of storage/
   * wants just this), and its result is passed on. Throws when the tensors are not those of this model and method; the
   * stepper is then not to be used.
   */
  restore<T>(load: (restore: RestoreTensor) => Promise<T>): Promise<T>;
  /** Sets all moments to 0, as they are at the beginning; the next update is then the first: t = 1. */
  forget(): void;
  /** Frees accumulators and moments; the parameters belong to the caller. */
  dispose(): void;
}

/**
 * Makes a stepper with zero moments; only trainable parameters get accumulators and moments. Throws, with nothing left on
 * the device, when there is none or one has no tensor.
 */
export function createStepper({ runtime, parameters, specs, artifacts, recipe }: StepperParts): Stepper {
  const trainable = specs.filter((spec) => spec.trainable);
  if (trainable.length === 0) throw new Error("Nothing would be trained: choose at least one layer for the adapter.");
  const owned = new Map<string, DeviceTensor>();
  const tensors = new Map(parameters);
  const moments: DeviceTensor[] = [];
  /** What a checkpoint holds, in a fixed order. */
  const kept = new Map<string, DeviceTensor>();
  try {
    for (const { name, shape } of trainable) {
      const parameter = parameters.get(name);
      if (parameter === undefined) throw new Error(`Parameter ${name} is to be trained but is not on the device.`);
      kept.set(name, parameter);
      for (const port of [accumulatorIn(name), firstMoment(name), secondMoment(name)]) {
        const tensor = runtime.tensor(port, "float32", shape);
        owned.set(port, tensor);
        tensors.set(port, tensor);
        if (port === accumulatorIn(name)) continue;
        kept.set(port, tensor);
        moments.push(tensor);
      }
    }
  } catch (error) {
    disposeAll(owned);
    throw error;
  }
  const trainingArtifact = perShape(artifacts.training);

  /** Adds one micro-batch's gradient sums to the accumulators and returns its Σ w·CE. */
  async function accumulate(batch: Batch, reset: boolean): Promise<number> {
    const artifact = trainingArtifact(batch.shape);
    const session = await runtime.session(artifact);
    const { inputs, outputs } = bindTensors(artifact, tensors);
    const feeds: Record<string, DeviceTensor | HostTensor> = { ...inputs, ...batchFeeds(batch) };
    if (artifact.inputs.some(({ name }) => name === lazyResetGrad)) {
      feeds[lazyResetGrad] = { dtype: "bool", shape: [1], data: Uint8Array.of(reset ? 1 : 0) };
    } else if (!reset) {
      throw new Error(
        `${artifact.key} replaces the gradients of the micro-batch before; compile it as one that accumulates.`,
      );
    }
    return scalarOf(await session.run(feeds, outputs), lossSum);
  }

  /** Runs update t of AdamW on the accumulated sums and returns the norm of the mean gradient. */
  async function update(t: number, learningRate: number, denominator: number): Promise<number> {
    const session = await runtime.session(artifacts.optimizer);
    const { inputs, outputs } = bindTensors(artifacts.optimizer, tensors);
    const result = await session.run(
      {
        ...inputs,
        [optimizerScalars.learningRate]: scalarFeed(learningRate),
        [optimizerScalars.biasCorrection1]: scalarFeed(1 - recipe.beta1 ** t),
        [optimizerScalars.biasCorrection2]: scalarFeed(1 - recipe.beta2 ** t),
        [optimizerScalars.denominator]: scalarFeed(denominator),
        [optimizerScalars.maxNorm]: scalarFeed(recipe.maxGradNorm ?? noClipping),
      },
      outputs,
    );
    return scalarOf(result, gradientNorm);
  }

  return {
    async prepare(batches) {
      for (const batch of batches) if (batch.supervised > 0) await runtime.session(trainingArtifact(batch.shape));
      await runtime.session(artifacts.optimizer);
    },

    async step({ step, updates, batches, learningRate }, interrupted) {
      let loss = 0;
      let denominator = 0;
      let tokens = 0;
      let supervisedTokens = 0;
      const origins: RowOrigin[] = [];
      for (const batch of batches) {
        if (await interrupted()) return { kind: "interrupted" };
        if (batch.supervised === 0) continue;
        const batchLoss = await accumulate(batch, supervisedTokens === 0);
        if (!Number.isFinite(batchLoss)) throw new NonFiniteError("loss", batchLoss, step, batch.origins);
        loss += batchLoss;
        denominator += batch.denominator;
        tokens += batch.tokens;
        supervisedTokens += batch.supervised;
        origins.push(...batch.origins);
      }
      if (supervisedTokens === 0) return { kind: "empty" };
      const norm = await update(updates + 1, learningRate, denominator);
      if (!Number.isFinite(norm)) throw new NonFiniteError("gradient", norm, step, origins);
      return {
        kind: "updated",
        loss: loss / Math.max(denominator, 1),
        gradientNorm: norm,
        tokens,
        supervisedTokens,
        examples: origins.length,
      };
    },

    tensors: () =>
      Array.from(kept, ([name, tensor]) => ({
        name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        read: () => tensor.read(),
      })),

    async restore(load) {
      const missing = new Set(kept.keys());
      const result = await load(async ({ name, dtype, shape }, read) => {
        const tensor = kept.get(name);
        if (tensor === undefined) throw new Error(`The checkpoint holds ${name}, which this run does not train.`);
        if (dtype !== tensor.dtype || !sameShape(shape, tensor.shape)) {
          const trained = describeType(tensor.dtype, tensor.shape);
          throw new Error(`The checkpoint's ${name} is ${describeType(dtype, shape)}, this run trains ${trained}.`);
        }
        const bytes = await read();
        tensor.write(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));
        missing.delete(name);
      });
      const [first] = missing;
      if (first !== undefined) throw new Error(`The checkpoint has no tensor ${first}, which this run trains.`);
      return result;
    },

    forget() {
      for (const tensor of moments) tensor.write(new Float32Array(sizeOf(tensor.shape)));
    },

    dispose: () => disposeAll(owned),
  };
}
