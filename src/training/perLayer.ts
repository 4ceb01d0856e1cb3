/**
 * A program that runs a model layer by layer: one session per kind of layer, bound to each layer's parameters in turn. Between
 * forward and backward it stores every layer's input, and the products that the layer's artifacts save.
 */

import {
  type Artifact,
  type BatchShape,
  layerPorts,
  lazyResetGrad,
  lossSum,
  type ParameterSpec,
  type Port,
  squaredNormIn,
  squaredNormOut,
} from "../artifacts/contract.ts";
import type { LayerOptimizer } from "../artifacts/layerOptimizer.ts";
import type { LayerArtifacts } from "../artifacts/ofRun.ts";
import type { LayerKind } from "../artifacts/perLayer.ts";
import type { Batch } from "../batching/batch.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Recipe } from "../run/recipe.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/types.ts";
import { float16ToFloat32 } from "../tensor/convert.ts";
import { batchFeeds, lossesOf, optimizerValues, perShape, prepareAll } from "./feeds.ts";
import { createOptimizerState } from "./optimizerState.ts";
import type { ParameterTensors } from "./parameters.ts";
import { type EvaluationProgram, evaluationOf, type TrainingProgram } from "./program.ts";

type Tensors = ReadonlyMap<string, DeviceTensor>;
type LayerRuntime = Pick<Runtime, "tensor" | "session" | "prepare">;

export interface PerLayerParts {
  readonly runtime: LayerRuntime;
  readonly model: Pick<ModelDefinition, "layers" | "layerName">;
  /** Every parameter of the model and its adapter, from `uploadParameters`; the caller frees them. */
  readonly parameters: ParameterTensors;
  readonly specs: readonly ParameterSpec[];
  readonly artifacts: LayerArtifacts;
  readonly recipe: Pick<Recipe, "beta1" | "beta2" | "maxGradNorm">;
}

/** A layer with its kind, and the tensors of its kind's first layer by those names. */
interface Layer {
  readonly kind: number;
  /** From a port of the kind's artifacts to the tensor's own name. */
  own(port: string): string;
}

function layersOf(model: PerLayerParts["model"], kinds: readonly LayerKind[]): readonly Layer[] {
  return model.layers.map((_, layer) => {
    const kind = kinds.findIndex(({ layers }) => layers.includes(layer));
    const [from, to] = [`${model.layerName(kinds[kind]?.first ?? 0)}.`, `${model.layerName(layer)}.`];
    return { kind, own: (port) => (port.startsWith(from) ? to + port.slice(from.length) : port) };
  });
}

/** Tensors of one batch shape, made on demand; another shape frees them. */
function createScratch(runtime: Pick<Runtime, "tensor">) {
  let key = "";
  const tensors = new Map<string, DeviceTensor>();
  const dispose = () => {
    for (const tensor of tensors.values()) tensor.dispose();
    tensors.clear();
  };
  return {
    dispose,
    /** Begins work with this shape. */
    use(shape: BatchShape) {
      const wanted = JSON.stringify(shape);
      if (wanted !== key) dispose();
      key = wanted;
    },
    /** The tensor of this name for a port. */
    tensor(name: string, { dtype, shape }: Pick<Artifact["inputs"][number], "dtype" | "shape">): DeviceTensor {
      const present = tensors.get(name);
      if (present) return present;
      const made = runtime.tensor(name, dtype, shape);
      tensors.set(name, made);
      return made;
    },
  };
}

type Scratch = ReturnType<typeof createScratch>;

const portOf = (ports: Artifact["inputs"], name: string) => {
  const port = ports.find((one) => one.name === name);
  if (!port) throw new Error(`An artifact of a layer has no port ${name}.`);
  return port;
};

/** Runs artifacts, with tensors by their names. */
interface Runner {
  /** Runs an artifact with the tensors of its ports: those of `named`, then the runner's by the layer's own names. */
  run(
    artifact: Artifact,
    named: Readonly<Record<string, DeviceTensor | HostTensor>>,
    outputs: Readonly<Record<string, DeviceTensor>>,
    own?: (port: string) => string,
  ): Promise<Record<string, HostTensor>>;
  dispose(): void;
}

/**
 * Weights that are stored in float16 where an artifact takes float32 are widened into tensors that all layers of a kind share
 * (see `widenedLayers`).
 */
function createRunner(runtime: LayerRuntime, tensors: Tensors): Runner {
  const wide = createScratch(runtime);

  function widened(port: Port, tensor: DeviceTensor): DeviceTensor {
    if (tensor.dtype !== "float16" || port.dtype !== "float32") return tensor;
    const target = wide.tensor(port.name, port);
    const [from, to] = [tensor.view(), target.view()];
    if (!from || !to) throw new Error(`${tensor.label} is stored in float16, which only the processor widens.`);
    float16ToFloat32(from as Uint16Array, to as Float32Array);
    return target;
  }

  return {
    async run(artifact, named, outputs, own = (port) => port) {
      const session = await runtime.session(artifact);
      const feeds: Record<string, DeviceTensor | HostTensor> = {};
      for (const port of artifact.inputs) {
        const { name } = port;
        const tensor = tensors.get(own(name));
        const feed = named[name] ?? (tensor && widened(port, tensor));
        if (feed !== undefined) feeds[name] = feed;
      }
      const bound: Record<string, DeviceTensor> = { ...outputs };
      for (const [output, input] of Object.entries(artifact.aliases)) {
        const tensor = tensors.get(own(input));
        if (tensor !== undefined) bound[output] = tensor;
      }
      return session.run(feeds, bound);
    },
    dispose: wide.dispose,
  };
}

/** The batch on the device: its artifacts read it many times. */
function uploadBatch(scratch: Scratch, batch: Batch): Record<string, DeviceTensor> {
  scratch.use(batch.shape);
  return Object.fromEntries(
    Object.entries(batchFeeds(batch)).map(([name, feed]) => {
      const tensor = scratch.tensor(name, feed);
      tensor.write(feed.data);
      return [name, tensor];
    }),
  );
}

type Disposable = EvaluationProgram & { dispose(): void };

/** Evaluates layer by layer; the activations are those of one layer. */
export function createPerLayerEvaluation(
  runtime: LayerRuntime,
  model: PerLayerParts["model"],
  parameters: ParameterTensors,
  artifacts: Pick<LayerArtifacts, "kinds" | "evaluation">,
): Disposable {
  const runner = createRunner(runtime, parameters);
  const { dispose, ...evaluation } = evaluationBy(runner, runtime, model, artifacts);
  return {
    ...evaluation,
    dispose() {
      dispose();
      runner.dispose();
    },
  };
}

function evaluationBy(
  { run: runPart }: Runner,
  runtime: LayerRuntime,
  model: PerLayerParts["model"],
  { kinds, evaluation }: Pick<LayerArtifacts, "kinds" | "evaluation">,
): Disposable {
  const compiled = perShape(evaluation);
  const layers = layersOf(model, kinds);
  const scratch = createScratch(runtime);

  async function run(batch: Batch): Promise<Record<string, HostTensor>> {
    const { embed, forward, head } = compiled(batch.shape);
    const feeds = uploadBatch(scratch, batch);
    const width = portOf(embed.outputs, layerPorts.output);
    let [x, y] = [scratch.tensor("even states", width), scratch.tensor("odd states", width)];
    await runPart(embed, feeds, { [layerPorts.output]: x });
    for (const { kind, own } of layers) {
      const artifact = forward[kind] as Artifact;
      await runPart(artifact, { ...feeds, [layerPorts.input]: x }, { [layerPorts.output]: y }, own);
      [x, y] = [y, x];
    }
    return runPart(head, { ...feeds, [layerPorts.input]: x }, {});
  }

  return { ...evaluationOf(async (batch) => lossesOf(await run(batch), batch)), dispose: scratch.dispose };
}

/**
 * Trains layer by layer, from zero moments. Throws when no parameter is trainable or one has no tensor; then no accumulator or
 * moment stays on the device.
 */
export function createPerLayer({
  runtime,
  model,
  parameters,
  specs,
  artifacts,
  recipe,
}: PerLayerParts): TrainingProgram {
  const { bindings, ...state } = createOptimizerState(runtime, parameters, specs);
  const { kinds, optimizer } = artifacts;
  const training = perShape(artifacts.training);
  const layers = layersOf(model, kinds);
  const runner = createRunner(runtime, bindings);
  const runPart = runner.run;
  const evaluation = evaluationBy(runner, runtime, model, artifacts);
  const scratch = createScratch(runtime);
  const scalars = createScratch(runtime);
  const scalar = (name: string) => scalars.tensor(name, { dtype: "float32", shape: [1] });

  /** Each group of trained parameters: those of a layer, and the rest. */
  const groups = (): readonly { readonly artifacts: LayerOptimizer; own(port: string): string }[] => {
    const ofLayers = layers.flatMap(({ kind, own }) => {
      const compiled = optimizer.layers[kind];
      return compiled ? [{ artifacts: compiled, own }] : [];
    });
    return optimizer.rest ? [...ofLayers, { artifacts: optimizer.rest, own: (port) => port }] : ofLayers;
  };

  return {
    ...state,
    ...evaluationOf(evaluation.losses),

    prepare(shapes, onProgress) {
      const ofShapes = shapes.map(training).flatMap(({ embed, forward, backward, head, embedBackward }) => {
        return [embed, ...forward, head, ...backward, ...(embedBackward ? [embedBackward] : [])];
      });
      const steps = [...optimizer.layers, optimizer.rest].filter((one) => one !== null);
      return prepareAll(
        runtime,
        [...ofShapes, ...steps.flatMap(({ squaredNorm, update }) => [squaredNorm, update])],
        onProgress,
      );
    },

    async microBatch(batch, reset) {
      const { embed, forward, backward, head, embedBackward } = training(batch.shape);
      const feeds = {
        ...uploadBatch(scratch, batch),
        [lazyResetGrad]: { dtype: "bool", shape: [1], data: Uint8Array.of(reset ? 1 : 0) } satisfies HostTensor,
      };
      const width = portOf(embed.outputs, layerPorts.output);
      const states = (layer: number) => scratch.tensor(`states ${layer}`, width);
      /** The products that a layer's forward writes and its backward reads. */
      const products = (layer: number, artifact: Artifact) =>
        Object.fromEntries(
          artifact.outputs
            .filter(({ name }) => name !== layerPorts.output)
            .map((port) => [port.name, scratch.tensor(`${port.name} of ${layer}`, port)]),
        );

      await runPart(embed, feeds, { [layerPorts.output]: states(0) });
      for (const [layer, { kind, own }] of layers.entries()) {
        const artifact = forward[kind] as Artifact;
        const given = { ...feeds, [layerPorts.input]: states(layer) };
        const written = { ...products(layer, artifact), [layerPorts.output]: states(layer + 1) };
        await runPart(artifact, given, written, own);
      }

      let [gradient, next] = [scratch.tensor("even gradient", width), scratch.tensor("odd gradient", width)];
      const sum = scalar(lossSum);
      await runPart(
        head,
        { ...feeds, [layerPorts.input]: states(layers.length) },
        { [lossSum]: sum, [layerPorts.inputGradient]: gradient },
      );
      for (const [layer, { kind, own }] of [...layers.entries()].reverse()) {
        const given = {
          ...feeds,
          ...products(layer, forward[kind] as Artifact),
          [layerPorts.input]: states(layer),
          [layerPorts.outputGradient]: gradient,
        };
        const written = { [layerPorts.inputGradient]: next };
        await runPart(backward[kind] as Artifact, given, written, own);
        [gradient, next] = [next, gradient];
      }
      if (embedBackward) {
        await runPart(embedBackward, { ...feeds, [layerPorts.outputGradient]: gradient }, {});
      }
      // Read last, so that a GPU does not wait in the middle of the step.
      return { lossSum: Number((await sum.read())[0]) };
    },

    async update(update) {
      const values = optimizerValues(update, recipe);
      const feeds = Object.fromEntries(
        Object.entries(values).map(([name, value]) => {
          const tensor = scalar(name);
          tensor.write(Float32Array.of(value));
          return [name, tensor];
        }),
      );
      let [total, next] = [scalar("even norm"), scalar("odd norm")];
      total.write(new Float32Array(1));
      for (const { artifacts: own, own: named } of groups()) {
        await runPart(own.squaredNorm, { [squaredNormIn]: total }, { [squaredNormOut]: next }, named);
        [total, next] = [next, total];
      }
      for (const { artifacts: own, own: named } of groups()) {
        await runPart(own.update, { ...feeds, [squaredNormIn]: total }, {}, named);
      }
      const squares = Number((await total.read())[0]);
      return { gradientNorm: Math.sqrt(squares) / Math.max(update.denominator, 1) };
    },

    dispose() {
      evaluation.dispose();
      scratch.dispose();
      scalars.dispose();
      runner.dispose();
      state.dispose();
    },
  };
}
