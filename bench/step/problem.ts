/** The problem for every engine: a Llama of a given size, seeded weights, and one masked batch. */

import type { BatchShape } from "../../src/artifacts/contract.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { type Batch, makeBatch } from "../../src/batching/batch.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import type { DecoderConfig } from "../../src/models/decoderConfig.ts";
import { defineModel } from "../../src/models/define.ts";
import { readConfig } from "../../src/models/llama.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { initialAdapter } from "../../src/training/parameters.ts";

export const sizes = ["tiny", "small", "medium"] as const;
export type Size = (typeof sizes)[number];
export const methods = ["full", "lora"] as const;
export type MethodName = (typeof methods)[number];

/** Changes to a size for a growth curve; missing fields keep their value. */
export interface Change {
  readonly rows?: number;
  readonly length?: number;
  readonly layers?: number;
  readonly vocabulary?: number;
  /** Share of supervised tokens. */
  readonly supervised?: number;
}

/** 0.26, 5.8 and 29.5 million parameters with a tied head; usual widths for such models. */
const shapes: { readonly [size in Size]: Readonly<Record<string, number>> } = {
  tiny: {
    vocab_size: 512,
    hidden_size: 64,
    intermediate_size: 172,
    num_hidden_layers: 5,
    num_attention_heads: 8,
    num_key_value_heads: 4,
  },
  small: {
    vocab_size: 4096,
    hidden_size: 256,
    intermediate_size: 688,
    num_hidden_layers: 6,
    num_attention_heads: 8,
    num_key_value_heads: 8,
  },
  medium: {
    vocab_size: 8192,
    hidden_size: 512,
    intermediate_size: 1376,
    num_hidden_layers: 8,
    num_attention_heads: 8,
    num_key_value_heads: 8,
  },
};

/** The optimizer settings, equal for all measurements. */
export const optimizer = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
} as const;

export const lora = {
  kind: "lora",
  rank: 8,
  alpha: 16,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
} as const satisfies Method;

export interface Problem {
  readonly size: Size;
  readonly model: ModelDefinition;
  /** Config of the same model, for engines that implement it themselves. */
  readonly config: DecoderConfig;
  readonly method: Method;
  readonly shape: BatchShape;
  readonly batch: Batch;
  /** Draws the values of every parameter of the model and its adapter; each call draws again, so nothing stays in memory. */
  readonly values: () => Map<string, Float32Array<ArrayBuffer>>;
}

/** The problem of a size: by default 4 rows of 128 tokens, with a supervised second half. */
export function problemOf(size: Size, methodName: MethodName, change: Change = {}): Problem {
  const base = shapes[size];
  const { rows = 4, length = 128, supervised = 0.5 } = change;
  const json = {
    architectures: ["LlamaForCausalLM"],
    ...base,
    num_hidden_layers: change.layers ?? base.num_hidden_layers,
    vocab_size: change.vocabulary ?? base.vocab_size,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  };
  const model = defineModel(json);
  const method: Method = methodName === "full" ? { kind: "full" } : lora;
  const targets = Math.max(1, Math.round((length - 1) * supervised));
  const shape = { rows, length, supervised: rows * targets };
  const random = createRandom(7);
  const examples = Array.from({ length: rows }, (_, row) => ({
    origin: { source: 0, name: "random tokens", row, line: row + 1 },
    ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
    mask: new Uint8Array(length).fill(1, length - targets),
    // Unequal weights, so that an engine without loss weights has another loss.
    weights: Float32Array.from({ length }, (_, i) => 1 - (i % 2) / 2),
  }));
  return {
    size,
    model,
    config: readConfig(json),
    method,
    shape,
    batch: makeBatch(examples, shape),
    values: () => firstValues(model, method),
  };
}

/** Normal weights of deviation 1/√in, which preserve magnitudes; norms near 1; the adapter's usual start values. */
function firstValues(model: ModelDefinition, method: Method): Map<string, Float32Array<ArrayBuffer>> {
  const specs = parametersOf(model, method);
  const adapter = initialAdapter(specs, 3);
  const random = createRandom(1);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, shape } of specs) {
    const own = adapter.get(name);
    const deviation = 1 / Math.sqrt(shape.at(-1) ?? 1);
    const norm = name.endsWith("norm.weight");
    values.set(
      name,
      own ??
        Float32Array.from({ length: sizeOf(shape) }, () =>
          norm ? 1 + 0.1 * (random.next() - 0.5) : deviation * random.normal(),
        ),
    );
  }
  return values;
}

/** Angular frequencies of the rotary embedding, one per pair of a head. */
export const frequenciesOf = ({ layers: [first] }: ModelDefinition) => first?.rope?.frequencies ?? [];

/**
 * Floating-point operations of the step's matrix products, 2 per multiply-add: once forward, once backward for activations and
 * once for each trained weight. Attention counts whole rows; the head counts supervised positions only.
 */
export function matrixOperations({ model, method, shape }: Pick<Problem, "model" | "method" | "shape">): number {
  const tokens = shape.rows * shape.length;
  const full = method.kind === "full";
  let total = 0;
  for (const { name, shape: dimensions, source } of parametersOf(model, method)) {
    if (dimensions.length < 2) continue;
    const isTable = name.endsWith("embed_tokens.weight");
    if (isTable && !model.tiedHead) continue;
    const products = full || source.kind !== "checkpoint" ? 3 : 2;
    total += products * 2 * sizeOf(dimensions) * (isTable || name.startsWith("lm_head") ? shape.supervised : tokens);
  }
  const widths = model.layers.reduce((sum, { heads }) => sum + heads.query * heads.size, 0);
  const attention = 2 * 2 * tokens * shape.length * widths;
  return total + 3 * attention;
}
