/**
 * The artifacts of a model in parts: embedding, one forward and one backward artifact per kind of layer, and head. Layers of a
 * kind differ only in their parameters, so one session serves them all: a deep model compiles as fast as one layer, and its
 * activations are those of one layer (Chen et al. 2016, arXiv:1604.06174).
 */

import { backward, vjp } from "../autodiff/backward.ts";
import { type ModelDefinition, withPrecision } from "../models/architecture.ts";
import { linearCrossEntropy } from "../nn/crossEntropy.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import type { ProviderName } from "./activations.ts";
import { builtArtifact } from "./artifact.ts";
import { wholeRows } from "./attention.ts";
import {
  type Artifact,
  type ArtifactKind,
  type BatchShape,
  batchPorts,
  layerPorts,
  lossSum,
  tokenLoss,
} from "./contract.ts";
import { gradientOutputs } from "./gradients.ts";
import { artifactKey, isTrained, type Method, parametersOf, scopeOf } from "./method.ts";

/** Layers that differ only in the values of their parameters. */
export interface LayerKind {
  /** The first layer of the kind; its parameters' names stand in the artifacts. */
  readonly first: number;
  readonly layers: readonly number[];
}

/** The kinds of a model's layers: of equal attention, and with equal names, shapes, storage and adapters of parameters. */
export function layerKinds(model: ModelDefinition, method: Method | null): readonly LayerKind[] {
  const own = byLayer(model, parametersOf(model, method));
  const kinds = new Map<string, number[]>();
  model.layers.forEach((spec, layer) => {
    const prefix = model.layerName(layer);
    const parameters = own.layers[layer]?.map(({ name, shape, storage, trainable }) => [
      name.slice(prefix.length),
      shape,
      storage,
      trainable,
    ]);
    const key = JSON.stringify([spec, parameters]);
    kinds.set(key, [...(kinds.get(key) ?? []), layer]);
  });
  return Array.from(kinds.values(), (layers) => ({ first: layers[0] as number, layers }));
}

/**
 * The model as its layers' artifacts have it. On the processor they take weights that are stored in float16 as float32, and the
 * program widens those of one layer at a time: a Cast in the graph takes four times as long.
 */
export const widenedLayers = (model: ModelDefinition, provider: ProviderName): ModelDefinition =>
  provider === "wasm" && model.precision.weights === "float16"
    ? withPrecision(model, { ...model.precision, weights: "float32" })
    : model;

/** A model's parameters by layer; `rest` are those of embedding, last norm and head. */
export function byLayer<Named extends { readonly name: string }>(
  model: Pick<ModelDefinition, "layers" | "layerName">,
  parameters: readonly Named[],
): { readonly layers: readonly (readonly Named[])[]; readonly rest: readonly Named[] } {
  const layers = model.layers.map((_, layer) => {
    const prefix = `${model.layerName(layer)}.`;
    return parameters.filter(({ name }) => name.startsWith(prefix));
  });
  const inLayers = new Set(layers.flat());
  return { layers, rest: parameters.filter((parameter) => !inLayers.has(parameter)) };
}

/**
 * What a layer's forward saves for its backward beside the layer's input. "products": the outputs of its linear layers, so that
 * only cheap operations run twice. "inputs": nothing, and the whole layer runs twice.
 */
export type Saved = "products" | "inputs";

export interface LayerOptions {
  readonly queryBlocks?: number;
  readonly saves?: Saved;
}

/** The artifacts of one batch shape that train. */
export interface LayerTraining {
  readonly embed: Artifact;
  /** By kind. */
  readonly forward: readonly Artifact[];
  readonly backward: readonly Artifact[];
  readonly head: Artifact;
  /** Null where the method does not train the embedding. */
  readonly embedBackward: Artifact | null;
}

/** The artifacts of one batch shape that compute losses. */
export interface LayerEvaluation {
  readonly embed: Artifact;
  readonly forward: readonly Artifact[];
  readonly head: Artifact;
}

type Differentiate = Parameters<typeof gradientOutputs>[2];

interface Parts {
  readonly model: ModelDefinition;
  readonly method: Method | null;
  readonly shape: BatchShape;
}

const artifactOf = (
  { model, method, shape }: Parts,
  kind: ArtifactKind,
  part: string,
  rest: unknown,
  graph: Graph,
): Artifact => builtArtifact(kind, artifactKey(`${kind} ${part}`, model, method, [shape, rest]), graph);

/** The forward of a layer, from its input and the batch's positions and segments. */
function layerGraph(
  { model, method, shape }: Parts,
  layer: number,
  queryBlocks: number,
  save: (b: GraphBuilder, product: Value) => Value,
) {
  const { rows, length } = shape;
  const b = new GraphBuilder(`layer ${layer}`);
  const scope = scopeOf(b, model, method, (value) => save(b, value));
  const positions = b.input(batchPorts.positionIds, "int32", [rows, length]);
  const segments = b.input(batchPorts.segmentIds, "int32", [rows, length]);
  const x = b.input(layerPorts.input, "float32", [rows * length, model.hiddenSize]);
  const spec = model.layers[layer];
  if (!spec) throw new RangeError(`The model has ${model.layers.length} layers, and no layer ${layer}.`);
  const attend = wholeRows(b, [spec], positions, segments, queryBlocks);
  const y = model.block(
    scope,
    layer,
    x,
    (q, k, v) => attend(0, q, k, v),
    (all) => all,
  );
  return { b, scope, x, y };
}

/** Forward and backward of a kind of layer. The forward writes only those products that the backward reads. */
function compileLayer(parts: Parts, layer: number, { queryBlocks = 1, saves = "products" }: LayerOptions) {
  let products = 0;
  const reading = layerGraph(parts, layer, queryBlocks, (b, product) => {
    if (saves === "inputs") return product;
    const port = layerPorts.product(products++);
    // The gradient passes to the product, which the graph does not compute: only its value is read.
    return b.composite("product", [product], () => ({
      outputs: [b.input(port, "float32", product.shape)],
      rule: ([g]) => [() => g as Value],
    }))[0] as Value;
  });
  const { b, x, y } = reading;
  const cotangent = b.input(layerPorts.outputGradient, "float32", y.shape);
  const through: Differentiate = (wanted, base) => vjp(b, new Map([[y, cotangent]]), wanted, base);
  const backwardGraph = b.finish(gradientOutputs(reading, parts.method, through, { input: x }));
  const read = new Set(backwardGraph.inputs.map(({ name }) => name));
  let made = 0;
  const saved: Record<string, Value> = {};
  const forward = layerGraph(parts, layer, queryBlocks, (_b, product) => {
    const port = layerPorts.product(made++);
    if (read.has(port)) saved[port] = product;
    return product;
  });
  const options = { layer, queryBlocks, saves };
  return {
    forward: artifactOf(
      parts,
      "training",
      "layer forward",
      options,
      forward.b.finish({ [layerPorts.output]: forward.y, ...saved }),
    ),
    backward: artifactOf(parts, "training", "layer backward", options, backwardGraph),
  };
}

function embedGraph({ model, method, shape }: Parts) {
  const { rows, length } = shape;
  const b = new GraphBuilder("embedding");
  const scope = scopeOf(b, model, method);
  const ids = b.input(batchPorts.inputIds, "int32", [rows, length]);
  const positions = b.input(batchPorts.positionIds, "int32", [rows, length]);
  const y = model.embed(scope, { ids: b.reshape(ids, [rows * length]), positions });
  return { b, scope, y };
}

/** Most logits in a chunk of the head that saves memory: 4 MiB, or a sixteenth of all where that is more. */
const fewLogits = ({ model, shape }: Parts) => Math.max(2 ** 20, (model.vocabulary * shape.supervised) / 16);

function headGraph(parts: Parts, saves: Saved, differentiable: boolean) {
  const { model, method, shape } = parts;
  const { rows, length, supervised } = shape;
  const b = new GraphBuilder("head");
  const scope = scopeOf(b, model, method);
  const x = b.input(layerPorts.input, "float32", [rows * length, model.hiddenSize]);
  const selected = b.gather(x, b.input(batchPorts.supervisedIndex, "int32", [supervised]));
  const loss = linearCrossEntropy(
    b,
    model.finish(scope, selected),
    model.headWeight(scope),
    b.input(batchPorts.targets, "int32", [supervised]),
    b.input(batchPorts.lossWeights, "float32", [supervised]),
    { cap: model.logitCap, differentiable, ...(saves === "inputs" && { logitsLimit: fewLogits(parts) }) },
  );
  return { b, scope, x, loss };
}

const embedArtifact = (parts: Parts, kind: ArtifactKind) => {
  const { b, y } = embedGraph(parts);
  return artifactOf(parts, kind, "embedding", null, b.finish({ [layerPorts.output]: y }));
};

/** The artifacts that train batches of one shape, with the kinds of `layerKinds`. */
export function compileLayerTraining(
  model: ModelDefinition,
  method: Method,
  kinds: readonly LayerKind[],
  shape: BatchShape,
  options: LayerOptions = {},
): LayerTraining {
  const parts = { model, method, shape };
  const layers = kinds.map(({ first }) => compileLayer(parts, first, options));
  const { saves = "products" } = options;
  const head = headGraph(parts, saves, true);
  const { sum } = head.loss;
  const ofLoss: Differentiate = (wanted, base) => backward(head.b, sum, wanted, base);
  const headOutputs = gradientOutputs(head, method, ofLoss, { input: head.x });
  const embedding = embedGraph(parts);
  const trainsEmbedding = embedding.scope.parameters.some((declared) => isTrained(method, declared));
  const ofHead = new Set(head.scope.parameters.map(({ name }) => name));
  const backwardOfEmbedding = () => {
    const cotangent = embedding.b.input(layerPorts.outputGradient, "float32", embedding.y.shape);
    const through: Differentiate = (wanted, base) =>
      vjp(embedding.b, new Map([[embedding.y, cotangent]]), wanted, base);
    // The head has already added its part to the accumulator of a tied embedding.
    const outputs = gradientOutputs(embedding, method, through, { isBegun: (name) => ofHead.has(name) });
    return artifactOf(parts, "training", "embedding backward", null, embedding.b.finish(outputs));
  };
  return {
    embed: embedArtifact(parts, "training"),
    forward: layers.map(({ forward }) => forward),
    backward: layers.map(({ backward }) => backward),
    head: artifactOf(parts, "training", "head", { saves }, head.b.finish({ [lossSum]: sum, ...headOutputs })),
    embedBackward: trainsEmbedding ? backwardOfEmbedding() : null,
  };
}

/** The artifacts that compute losses of batches of one shape. */
export function compileLayerEvaluation(
  model: ModelDefinition,
  method: Method | null,
  kinds: readonly LayerKind[],
  shape: BatchShape,
): LayerEvaluation {
  const parts = { model, method, shape };
  const head = headGraph(parts, "products", false);
  return {
    embed: embedArtifact(parts, "eval"),
    forward: kinds.map(({ first }) => {
      const { b, y } = layerGraph(parts, first, 1, (_b, product) => product);
      return artifactOf(parts, "eval", "layer forward", first, b.finish({ [layerPorts.output]: y }));
    }),
    head: artifactOf(
      parts,
      "eval",
      "head",
      null,
      head.b.finish({ [lossSum]: head.loss.sum, [tokenLoss]: head.loss.perToken }),
    ),
  };
}
