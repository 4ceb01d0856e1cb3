/** The interface of a family of models: config, attention of the layers, graph with the checkpoint's names, files. */

import type { Heads } from "../nn/attention.ts";
import { type Precision, plain } from "../nn/precision.ts";
import type { Scope } from "../nn/scope.ts";
import type { Weight } from "../nn/weight.ts";
import type { Value } from "../onnx/graph.ts";
import type { FileTensor, NamedShape } from "./fileTensor.ts";
import type { GgufForm } from "./ggufForm.ts";

/** A rotary embedding of the first R numbers of each head. */
export interface Rope {
  /** Radians per position of the R/2 pairs. */
  readonly frequencies: readonly number[];
  /** Factor of the rotated numbers of queries and keys (YaRN, LongRoPE), else 1. */
  readonly scale: number;
  /** Whether a pair is two neighbouring numbers; else it is a number of the first half and one of the second. */
  readonly interleaved: boolean;
}

/** The attention of one layer. */
export interface LayerSpec {
  readonly heads: Heads;
  /** Scores are queries times keys times this. */
  readonly scoreScale: number;
  /** Soft cap of the scores; null is none. */
  readonly scoreCap: number | null;
  /** Rotary embedding; null is no rotation. */
  readonly rope: Rope | null;
  /** A query at q sees the keys with 0 ≤ q − k < window. Null is all keys with k ≤ q. */
  readonly window: number | null;
}

/** Tokens of a graph, M of them. */
export interface Tokens {
  /** int32 (M). */
  readonly ids: Value;
  /** int32 of M numbers, in the shape of the graph's input: positions in the sequence, from 0. */
  readonly positions: Value;
}

/** A layer's context (M, H·D) from queries (M, H·D), keys and values (M, K·D): over whole rows, or with a cache. */
export type LayerAttention = (queries: Value, keys: Value, values: Value) => Value;

/** The attention of each layer. */
export type Attend = (layer: number, queries: Value, keys: Value, values: Value) => Value;

/** The rows of (M, width) that the head needs: (N, width). */
export type Select = (rows: Value) => Value;

/** A layer: x (M, D) → (N, D), the rows that `select` leaves after its attention. */
export type Block<C> = (scope: Scope, config: C, x: Value, attend: LayerAttention, select: Select) => Value;

/** The sizes of a model, for people and estimates. */
export interface ModelFacts {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly vocabulary: number;
  /** Tokens of the longest sequence. */
  readonly contextLength: number;
  /** Whether the head's weight is the embedding. */
  readonly tiedHead: boolean;
  /** Soft cap of the logits; null is none. */
  readonly logitCap: number | null;
  /** The tensors of embedding and head in the model's files, as transformers writes them. A tied head has none. */
  readonly embeddingTensor: string;
  readonly headTensor: string;
}

/** A family of models; C is its checked config. */
export interface Architecture<C> {
  /** Its name in `architectures` of a config.json. */
  readonly name: string;
  /** Its name in `model_type`, for files without `architectures`. */
  readonly modelType: string;
  /** Fills defaults. Throws a ConfigError for an unread field that changes the mathematics. */
  readConfig(json: unknown): C;
  facts(config: C): ModelFacts;
  layers(config: C): readonly LayerSpec[];
  /** Path of a layer: all its parameters, and no others, begin with it and a dot. */
  layerName(layer: number): string;
  /** Token ids to the first layer's input (M, D). */
  embed(scope: Scope, config: C, tokens: Tokens): Value;
  /** One layer, within its scope. Layers differ only in `layers` and in the values of their parameters. */
  readonly block: Block<C>;
  /** The last layer's output (N, D) to the head's input (N, D). */
  finish(scope: Scope, config: C, x: Value): Value;
  /** The head's weight (V, D): logits are states times its transpose. */
  headWeight(scope: Scope, config: C): Weight;
  /** The tensor of the model's files for a parameter. Each has its own: `block` must split a fused one. */
  fileTensor(config: C, parameter: NamedShape): FileTensor;
  /** Its form in GGUF; missing where llama.cpp has none. */
  gguf?(config: C): GgufForm;
}

/** The multimodal model around a text model, as transformers opens it from the same `config.json`. */
export interface Enclosing {
  /** The text model's path in it; the definition's own is `model`. */
  readonly path: string;
  /** Pattern of the paths of its other parts, which may have linear layers of the same names. */
  readonly others: string;
}

/** A model without its weights: an architecture and its config. Other rooms use a model only through this. */
export interface ModelDefinition extends ModelFacts {
  /** The architecture's name. */
  readonly architecture: string;
  /** Identifies architecture and config: models with the same key and precision have the same graphs. */
  readonly key: string;
  /** Null where the files have a text model alone. */
  readonly enclosing: Enclosing | null;
  readonly layers: readonly LayerSpec[];
  /** How its frozen weights are stored and multiplied on the device. */
  readonly precision: Precision;
  layerName(layer: number): string;
  embed(scope: Scope, tokens: Tokens): Value;
  /** Layer `layer` from the root's scope. */
  block(scope: Scope, layer: number, x: Value, attend: LayerAttention, select: Select): Value;
  finish(scope: Scope, x: Value): Value;
  headWeight(scope: Scope): Weight;
  fileTensor(parameter: NamedShape): FileTensor;
  /** Its form in GGUF, not yet proven (see toGguf.ts); null where llama.cpp has none. */
  gguf(): GgufForm | null;
}

/** An architecture without the type of its config. */
export interface Family {
  readonly name: string;
  readonly modelType: string;
  /** Throws a ConfigError that names field and value. */
  define(json: unknown): ModelDefinition;
}

export function familyOf<C>(architecture: Architecture<C>): Family {
  const { name, modelType } = architecture;
  return {
    name,
    modelType,
    define(json) {
      const config = architecture.readConfig(json);
      return {
        ...architecture.facts(config),
        architecture: name,
        key: `${name} ${JSON.stringify(config)}`,
        enclosing: null,
        precision: plain,
        layers: architecture.layers(config),
        layerName: (layer) => architecture.layerName(layer),
        embed: (scope, tokens) => architecture.embed(scope, config, tokens),
        block: (scope, layer, x, attend, select) =>
          scope.within(architecture.layerName(layer), (s) => architecture.block(s, config, x, attend, select)),
        finish: (scope, x) => architecture.finish(scope, config, x),
        headWeight: (scope) => architecture.headWeight(scope, config),
        fileTensor: (parameter) => architecture.fileTensor(config, parameter),
        gguf: () => architecture.gguf?.(config) ?? null,
      };
    },
  };
}

/** The model with another precision of its frozen weights. */
export const withPrecision = (model: ModelDefinition, precision: Precision): ModelDefinition => ({
  ...model,
  precision,
});

/**
 * Token ids to the final hidden states (N, D) of the selected rows, before the head. Only the last layer selects, right after
 * its attention, because all rows feed the attention of every layer.
 */
export function forward(model: ModelDefinition, scope: Scope, tokens: Tokens, attend: Attend, select: Select): Value {
  const count = model.layers.length;
  let states = model.embed(scope, tokens);
  for (let layer = 0; layer < count; layer++) {
    const rows: Select = layer === count - 1 ? select : (all) => all;
    states = model.block(scope, layer, states, (q, k, values) => attend(layer, q, k, values), rows);
  }
  return model.finish(scope, states);
}
