/** Every artifact of a small Llama with grouped queries and a tied head, for both methods, with inputs for each. */

import { compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import type { Artifact } from "../../src/artifacts/contract.ts";
import { compileGeneration } from "../../src/artifacts/generation.ts";
import type { Method } from "../../src/artifacts/method.ts";
import { layerArtifactsOfRun } from "../../src/artifacts/ofRun.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import type { Saved } from "../../src/artifacts/perLayer.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import type { HostTensor } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { smallLlama } from "./smallLlama.ts";

const modelOf = (layers: number) =>
  smallLlama({
    vocab_size: 48,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: layers,
    num_attention_heads: 4,
    num_key_value_heads: 2,
  });
const shape = { rows: 2, length: 16, supervised: 8 };
const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const full: Method = { kind: "full" };
const lora: Method = { kind: "lora", rank: 4, alpha: 8, targets };

type Named = readonly (readonly [string, Artifact])[];

/** Every artifact of a model under a method. */
export function artifactsOf(model: ModelDefinition, method: Method): Named {
  return [
    [`${method.kind} training`, compileTraining(model, method, shape)],
    [`${method.kind} training on one micro-batch`, compileTraining(model, method, shape, { accumulates: false })],
    [`${method.kind} optimizer`, compileOptimizer(model, method, settings)],
    [`${method.kind} optimizer grouped for a GPU`, compileOptimizer(model, method, settings, "webgpu")],
    [`${method.kind} eval`, compileEvaluation(model, method, shape)],
    [`${method.kind} generation, prefill`, compileGeneration(model, method, { tokens: 8, capacity: 64, first: true })],
    [`${method.kind} generation, decode`, compileGeneration(model, method, { tokens: 1, capacity: 64 })],
    [
      `${method.kind} generation, some rows of a batch`,
      compileGeneration(model, method, { rows: 2, cacheRows: 3, tokens: 2, capacity: 16, chooses: true }),
    ],
  ];
}

/** Every artifact of a model under a method that runs layer by layer. */
export function layerArtifactsOf(model: ModelDefinition, method: Method, saves: Saved): Named {
  const compiled = layerArtifactsOfRun(model, method, settings, "webgpu", saves);
  const { embed, forward, backward, head, embedBackward } = compiled.training(shape);
  const evaluation = compiled.evaluation(shape);
  const steps = [...compiled.optimizer.layers, compiled.optimizer.rest].flatMap((step) => step ?? []);
  const numbered = (name: string, artifacts: readonly Artifact[]) =>
    artifacts.map((artifact, index) => [`${name} ${index}`, artifact] as const);
  return [
    ["embedding", embed],
    ...numbered("layer forward", forward),
    ...numbered("layer backward", backward),
    ["head", head],
    ...numbered("embedding backward", embedBackward ? [embedBackward] : []),
    ...numbered("layer eval", evaluation.forward),
    ["head eval", evaluation.head],
    ...steps.flatMap(({ squaredNorm, update }, index) => numbered(`step ${index}`, [squaredNorm, update])),
  ];
}

/** The artifacts of a model with two layers; `layersOfLora` sets the number of layers for LoRA. */
export const smallArtifacts = (layersOfLora = 2): Named => [
  ...artifactsOf(modelOf(2), full),
  ...artifactsOf(modelOf(layersOfLora), lora),
];

/** Limits of the integer inputs, for every model here; others are 0. */
const below: Readonly<Record<string, number>> = {
  targets: 40,
  input_ids: 40,
  supervised_index: shape.rows * shape.length,
  position_ids: shape.length,
  segment_ids: 2,
};

/** Inputs within the range of each port, from one seed. */
export function artifactFeeds(artifact: Artifact): Record<string, HostTensor> {
  const random = createRandom(3);
  const float = (name: string, length: number) => {
    if (name.endsWith("second_moment")) return random.next(); // The second moment is a mean of squares.
    return (random.next() - 0.5) * 0.4 + (length === 1 ? 1 : 0); // scalars such as bias corrections are near 1
  };
  return Object.fromEntries(
    artifact.inputs.map(({ name, dtype, shape: dimensions }) => {
      const length = sizeOf(dimensions);
      const data =
        name === "cache_rows"
          ? Int32Array.from({ length }, (_, row) => row) // Rows of one run must differ.
          : dtype === "int32"
            ? Int32Array.from({ length }, () => random.below(below[name] ?? 1))
            : dtype === "bool"
              ? new Uint8Array(length)
              : Float32Array.from({ length }, () => float(name, length));
      return [name, { dtype, shape: dimensions, data }];
    }),
  );
}

/** Elements of a tensor as plain numbers; none for a tensor that is missing. */
export const numbers = (tensor: Pick<HostTensor, "data"> | undefined) =>
  Array.from<number | bigint, number>(tensor?.data ?? [], Number);

/** max |actual − expected| / max(`floor`, max |expected|). */
export function worstRelative(actual: readonly number[], expected: readonly number[], floor = 1e-3): number {
  if (expected.length === 0 || actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const scale = Math.max(floor, ...expected.map(Math.abs));
  return Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)) / scale));
}
