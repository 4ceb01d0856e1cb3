/** What a family of models gives: its config, its layers' attention, its graph in the checkpoint's own names, its files. */

import type { Heads } from "../nn/attention.ts";
import type { Scope } from "../nn/scope.ts";
import type { Value } from "../onnx/graph.ts";
import type { FileTensor, NamedShape } from "./fileTensor.ts";

/** The attention of one layer. */
export interface LayerSpec {
  readonly heads: Heads;
  /** Scores are queries times keys times this. */
  readonly scoreScale: number;
  /** Rotary embedding: radians per position of the D/2 pairs of a head. Null leaves queries and keys as they are. */
  readonly rope: { readonly frequencies: readonly number[] } | null;
  /** Keys that a query sees, its own included: those with q − k below it. Null is all keys before it. */
  readonly window: number | null;
}

/** Tokens of a graph, M of them. */
export interface Tokens {
  /** int32 (M). */
  readonly ids: Value;
  /** int32 of M numbers, in the shape of the graph's input: positions in the sequence, from 0. */
  readonly positions: Value;
}

/** Turns a layer's queries (M, H·D), keys and values (M, K·D) into its context (M, H·D): over whole rows, or with a cache. */
export type Attend = (layer: number, queries: Value, keys: Value, values: Value) => Value;

/** The rows of (M, width) that the head needs: (N, width). */
export type Select = (rows: Value) => Value;

/** The sizes of a model that people ask for. */
export interface ModelFacts {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly vocabulary: number;
  /** Tokens of the longest sequence. */
  readonly contextLength: number;
  /** Whether the head's weight is the embedding. */
  readonly tiedHead: boolean;
}

/** A family of models; C is its checked config. */
export interface Architecture<C> {
  /** As `architectures` of a config.json names it. */
  readonly name: string;
  /** As `model_type` names it, in files without `architectures`. */
  readonly modelType: string;
  /** Fills defaults. Throws a ConfigError for what changes the mathematics and is not read. */
  readConfig(json: unknown): C;
  facts(config: C): ModelFacts;
  layers(config: C): readonly LayerSpec[];
  /**
   * Token ids to the final hidden states (N, D) of the selected rows, before the head. Other rows matter to the selected
   * ones through the last layer's keys and values alone, so `select` comes right after the last layer's attention.
   */
  forward(scope: Scope, config: C, tokens: Tokens, attend: Attend, select: Select): Value;
  /** The head's weight (V, D): logits are states times its transpose. */
  headWeight(scope: Scope, config: C): Value;
  /** Where and how the model's files hold a parameter. One parameter is one tensor: a fused one is split in `forward`. */
  fileTensor(config: C, parameter: NamedShape): FileTensor;
}

/** A model without its weights: an architecture and its config. Rooms below know a model by this alone. */
export interface ModelDefinition extends ModelFacts {
  /** The architecture's name. */
  readonly architecture: string;
  /** Names architecture and config: two models with one key have the same graphs. */
  readonly key: string;
  readonly layers: readonly LayerSpec[];
  forward(scope: Scope, tokens: Tokens, attend: Attend, select: Select): Value;
  headWeight(scope: Scope): Value;
  fileTensor(parameter: NamedShape): FileTensor;
}

/** An architecture whose config's type nobody else needs to know. */
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
        layers: architecture.layers(config),
        forward: (scope, tokens, attend, select) => architecture.forward(scope, config, tokens, attend, select),
        headWeight: (scope) => architecture.headWeight(scope, config),
        fileTensor: (parameter) => architecture.fileTensor(config, parameter),
      };
    },
  };
}
