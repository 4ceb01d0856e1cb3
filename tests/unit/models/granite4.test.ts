/**
 * Granite 4 without state-space layers. Oracle: dense Granite, whose MLP has gate and up apart, in float64 on the reference
 * interpreter; the two agree with transformers 5.18 (docs/log.md).
 */

import { expect, test } from "vitest";
import { compileEvaluation, compileTraining } from "../../../src/artifacts/compile.ts";
import { linearsOf, parametersOf } from "../../../src/artifacts/method.ts";
import { ConfigError } from "../../../src/models/config.ts";
import { defineModel } from "../../../src/models/define.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { interpret, type Tensor, tensor } from "../../numeric/reference.ts";

const shared = {
  vocab_size: 24,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000_000,
  embedding_multiplier: 12,
  attention_multiplier: 0.125,
  residual_multiplier: 0.263,
  logits_scaling: 4,
  tie_word_embeddings: true,
};
const dense = { ...shared, architectures: ["GraniteForCausalLM"], model_type: "granite", intermediate_size: 20 };
const hybrid = {
  ...shared,
  architectures: ["GraniteMoeHybridForCausalLM"],
  model_type: "granitemoehybrid",
  intermediate_size: 48,
  shared_intermediate_size: 20,
  layer_types: ["attention", "attention"],
  position_embedding_type: "rope",
  num_local_experts: 0,
  num_experts_per_tok: 0,
  mamba_d_conv: 4,
  mamba_n_heads: 128,
  init_method: "mup",
  normalization_function: "rmsnorm",
  output_router_logits: false,
};

/** As a file has it: without the fields that are undefined. */
const fileOf = (config: object): unknown => JSON.parse(JSON.stringify(config));

const shape = { rows: 1, length: 6, supervised: 4 };

const batch: Readonly<Record<string, Tensor>> = {
  input_ids: tensor([1, 6], [3, 7, 1, 22, 9, 4]),
  position_ids: tensor([1, 6], [0, 1, 2, 3, 4, 5]),
  segment_ids: tensor([1, 6], [1, 1, 1, 1, 1, 1]),
  supervised_index: tensor([4], [1, 2, 3, 4]),
  targets: tensor([4], [1, 22, 9, 4]),
  loss_weights: tensor([4], [1, 0.5, 1, 2]),
};

test("computes what Granite computes with gate and up in one linear layer", () => {
  const [first, second] = [defineModel(dense), defineModel(hybrid)];
  const random = createRandom(4);
  const weights: Record<string, Tensor> = Object.fromEntries(
    parametersOf(first, null).map(({ name, shape: own }) => [
      name,
      tensor(
        own,
        Array.from({ length: sizeOf(own) }, () => random.normal() * 0.3),
      ),
    ]),
  );
  const of = (name: string): Tensor => {
    const found = weights[name];
    if (!found) throw new Error(`Granite has no ${name}.`);
    return found;
  };
  const fused = Object.fromEntries(
    parametersOf(second, null).map(({ name, shape: own }) => {
      const mlp = name.replace("shared_mlp", "mlp");
      if (name.endsWith("output_linear.weight")) return [name, of(mlp.replace("output_linear", "down_proj"))];
      if (!name.endsWith("input_linear.weight")) return [name, of(name)];
      const parts = ["gate_proj", "up_proj"].map((part) => of(mlp.replace("input_linear", part)));
      return [
        name,
        tensor(
          own,
          parts.flatMap(({ data }) => [...data]),
        ),
      ];
    }),
  );
  const loss = (model: typeof first, parameters: Record<string, Tensor>) =>
    interpret(compileEvaluation(model, null, shape).graph(), { ...batch, ...parameters });
  const [mine, theirs] = [loss(second, fused), loss(first, weights)];
  const [sum] = [...(theirs.loss_sum?.data ?? [])];
  expect(sum).toBeGreaterThan(1);
  expect(Math.abs((mine.loss_sum?.data[0] ?? 0) - Number(sum))).toBeLessThan(1e-12);
});

test("names its tensors and linear layers as its files do", () => {
  const model = defineModel(hybrid);
  expect(model.intermediateSize).toBe(20);
  expect(linearsOf(model).map(({ name }) => name)).toEqual([
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "input_linear",
    "output_linear",
  ]);
  expect(parametersOf(model, null).map(({ name }) => name)).toContain("model.layers.1.shared_mlp.input_linear.weight");
});

test.each([["nope"], [null], [undefined]])("position_embedding_type %s does not rotate, and trains", (type) => {
  const model = defineModel({ ...hybrid, position_embedding_type: type });
  expect(model.layers.map(({ rope }) => rope)).toEqual([null, null]);
  const { graph, inputs } = compileTraining(model, { kind: "full" }, shape);
  expect(inputs.map(({ name }) => name)).toContain("position_ids");
  expect(graph().inputs.map(({ name }) => name)).toContain("position_ids");
});

test.each([
  ["layers_block_type", { layer_types: undefined, layers_block_type: ["attention", "attention"] }],
  ["today's names of layers", { layer_types: ["full_attention", "full_attention"] }],
  ["a bias that its MLP does not have", { mlp_bias: true }],
  ["no size of the experts' MLP", { intermediate_size: undefined }],
])("takes %s", (_, change) => {
  expect(() => defineModel(fileOf({ ...hybrid, ...change }))).not.toThrow();
});

test.each([
  ["a state-space layer", { layer_types: ["attention", "mamba"] }, /layer_types has mamba layers.*Granite-4.0-350M/],
  ["today's name of one", { layer_types: ["linear_attention", "full_attention"] }, /layer_types has mamba layers/],
  ["no types, which means state-space layers", { layer_types: undefined }, /layer_types has mamba layers/],
  ["a null list", { layer_types: null }, /layer_types has mamba layers/],
  ["a text for the list", { layer_types: "attention" }, /layer_types must be a list/],
  ["a list of another length", { layer_types: ["attention"] }, /layer_types has 1 layers/],
  ["experts", { num_local_experts: 4 }, /num_local_experts is 4/],
  ["experts by default", { num_local_experts: undefined }, /num_local_experts is 8/],
  ["null experts", { num_local_experts: null }, /num_local_experts must be a number/],
  ["an unknown field", { use_shared_gate: true }, /use_shared_gate is true/],
])("refuses %s by name", (_, change, message) => {
  const act = () => defineModel(fileOf({ ...hybrid, ...change }));
  expect(act).toThrow(ConfigError);
  expect(act).toThrow(message);
});
