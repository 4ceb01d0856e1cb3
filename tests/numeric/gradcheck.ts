/**
 * Checks every gradient rule and composite against central differences in float64 on the reference interpreter.
 *
 * A row builds a graph; each float32 input is a variable. The outputs are contracted with a random direction, so that a rule
 * which confuses its outputs fails. Seeds are fixed.
 */

import { buildLoss } from "../../src/artifacts/compile.ts";
import { isTrained, type Method } from "../../src/artifacts/method.ts";
import { backward } from "../../src/autodiff/backward.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import { attend, causalBias, splitKeys, splitQueries } from "../../src/nn/attention.ts";
import { linearCrossEntropy } from "../../src/nn/crossEntropy.ts";
import { type Activation, activations, gatedMlp, headNorm, layerNorm, linear, rmsNorm } from "../../src/nn/layers.ts";
import { rope, ropeFrequencies, ropeTables } from "../../src/nn/rope.ts";
import { Scope } from "../../src/nn/scope.ts";
import { softCap } from "../../src/nn/softCap.ts";
import { plainWeight } from "../../src/nn/weight.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import type { Value } from "../../src/onnx/graph.ts";
import type { OpName } from "../../src/onnx/ops.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { familyLora, familyModel, familyNames } from "../support/families.ts";
import { directBatch, directPreference, directSettings, directTokenLosses, givenOf } from "./directPreference.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";
import { weightRows } from "./weightRows.ts";

export interface GradcheckRow {
  /** Operators whose rules the row checks; empty for composites. */
  readonly ops: readonly OpName[];
  readonly name: string;
  readonly build: (b: GraphBuilder) => Value;
  /** Range of each variable, [-1, 1] by default; it must avoid kinks and poles. */
  readonly domain?: readonly [number, number];
  /** Number of perturbed elements per variable; larger variables get a seeded selection. Default: 24. */
  readonly perturbed?: number;
  /** Constant inputs. */
  readonly given?: Readonly<Record<string, readonly number[]>>;
}

const x = (b: GraphBuilder, ...shape: number[]) => b.input("x", "float32", shape);
const y = (b: GraphBuilder, ...shape: number[]) => b.input("y", "float32", shape);
const ints = (b: GraphBuilder, shape: readonly number[], values: readonly number[]) =>
  b.constant("int32", shape, Int32Array.from(values));

const opRows: readonly GradcheckRow[] = [
  { ops: ["Add"], name: "same shape", build: (b) => b.add(x(b, 2, 3), y(b, 2, 3)) },
  { ops: ["Add"], name: "broadcast both ways", build: (b) => b.add(x(b, 2, 1, 3), y(b, 4, 1)) },
  { ops: ["Sub"], name: "broadcast scalar", build: (b) => b.sub(x(b), y(b, 2, 3)) },
  { ops: ["Mul"], name: "broadcast row", build: (b) => b.mul(x(b, 4, 3), y(b, 3)) },
  { ops: ["Mul"], name: "fan-out: x · x · y", build: (b) => b.mul(b.mul(x(b, 5), x(b, 5)), y(b, 5)) },
  { ops: ["Div"], name: "broadcast column", domain: [0.5, 2], build: (b) => b.div(x(b, 4, 3), y(b, 4, 1)) },
  { ops: ["Min"], name: "apart", build: (b) => b.min(x(b, 3, 4), y(b, 4)) },
  { ops: ["Max"], name: "apart", build: (b) => b.max(x(b, 3, 4), y(b, 3, 1)) },
  { ops: ["Neg"], name: "vector", build: (b) => b.neg(x(b, 5)) },
  { ops: ["Log"], name: "positive", domain: [0.5, 3], build: (b) => b.log(x(b, 5)) },
  { ops: ["Exp"], name: "wide", domain: [-2, 2], build: (b) => b.exp(x(b, 7)) },
  { ops: ["Erf"], name: "wide", domain: [-3, 3], build: (b) => b.erf(x(b, 9)) },
  { ops: ["Tanh"], name: "wide", domain: [-3, 3], build: (b) => b.tanh(x(b, 9)) },
  { ops: ["Gelu"], name: "exact", domain: [-4, 4], build: (b) => b.gelu(x(b, 9), "none") },
  { ops: ["Gelu"], name: "by tanh", domain: [-4, 4], build: (b) => b.gelu(x(b, 9), "tanh") },
  { ops: ["Sqrt"], name: "positive", domain: [0.5, 3], build: (b) => b.sqrt(x(b, 5)) },
  { ops: ["Reciprocal"], name: "away from 0", domain: [0.5, 3], build: (b) => b.reciprocal(x(b, 5)) },
  { ops: ["Sigmoid"], name: "wide", domain: [-4, 4], build: (b) => b.sigmoid(x(b, 9)) },
  { ops: ["QuickGelu"], name: "silu", domain: [-4, 4], build: (b) => b.silu(x(b, 9)) },
  {
    ops: ["QuickGelu"],
    name: "alpha 1.5",
    domain: [-4, 4],
    build: (b) => b.emit("QuickGelu", [x(b, 9)], { alpha: 1.5 }),
  },
  { ops: ["MatMul"], name: "matrices", build: (b) => b.matMul(x(b, 3, 4), y(b, 4, 2)) },
  { ops: ["MatMul"], name: "batched, broadcast", build: (b) => b.matMul(x(b, 2, 3, 4), y(b, 4, 2)) },
  ...[0, 1, 2, 3].map((bits): GradcheckRow => {
    const [transA, transB] = [(bits & 1) === 1, (bits & 2) === 2];
    return {
      ops: ["Gemm"],
      name: `transA ${transA}, transB ${transB}, α 0.7, β 1.3, C row`,
      build: (b) =>
        b.gemm(transA ? x(b, 4, 3) : x(b, 3, 4), transB ? y(b, 2, 4) : y(b, 4, 2), {
          transA,
          transB,
          alpha: 0.7,
          beta: 1.3,
          c: b.input("c", "float32", [2]),
        }),
    };
  }),
  ...([8, 4] as const).flatMap((bits): GradcheckRow[] => {
    const [rows, blocks] = [5, 2];
    const bytes = (b: GraphBuilder) => b.input("bytes", "uint8", [rows, blocks, 4 * bits]);
    const scales = (b: GraphBuilder) => b.input("scales", "float32", [rows, blocks]);
    const zeros = (b: GraphBuilder) => (bits === 4 ? b.input("zeros", "uint8", [rows, 1]) : null);
    const given = {
      bytes: Array.from({ length: rows * blocks * 4 * bits }, (_, i) => (i * 89 + 13) % 256),
      scales: Array.from({ length: rows * blocks }, (_, i) => 0.01 * (1 + (i % 3)) * (i % 2 ? 1 : -1)),
      zeros: [0x83, 0x1f, 0x70, 0x08, 0x99],
    };
    const picked = (b: GraphBuilder) => b.gatherBlocks(bytes(b), ints(b, [3], [4, 0, 4]), scales(b), zeros(b), bits);
    return [
      {
        ops: ["MatMulNBits"],
        name: `${bits} bits${bits === 4 ? ", zero points" : ""}`,
        given,
        build: (b) => b.matMulNBits(x(b, 3, 64), bytes(b), scales(b), zeros(b), bits),
      },
      {
        ops: ["GatherBlockQuantized"],
        name: `a factor of ${bits} bits`,
        given,
        build: (b) => b.gemm(x(b, 2, 64), picked(b), { transB: true }),
      },
    ];
  }),
  { ops: ["Softmax"], name: "rows", domain: [-2, 2], build: (b) => b.softmax(x(b, 3, 5)) },
  {
    ops: ["SimplifiedLayerNormalization"],
    name: "rows and scale",
    build: (b) => b.rmsNormalization(x(b, 3, 6), y(b, 6), 1e-5),
  },
  {
    ops: ["LayerNormalization"],
    name: "rows, scale and bias",
    build: (b) => b.layerNormalization(x(b, 3, 6), y(b, 6), b.input("bias", "float32", [6]), 1e-5),
  },
  {
    ops: ["RotaryEmbedding"],
    name: "the first 4 numbers of 2 heads of 6",
    build: (b) => {
      const tables = ropeTables(b, ropeFrequencies(4, 100), 5, 1.3);
      const positions = b.constant("int64", [1, 3], BigInt64Array.from([4n, 0n, 2n]));
      return rope(b, x(b, 3, 12), positions, tables, 2);
    },
  },
  {
    ops: ["RotaryEmbedding"],
    name: "neighbouring numbers of 2 heads of 4",
    build: (b) => {
      const tables = ropeTables(b, ropeFrequencies(4, 100), 5);
      const positions = b.constant("int64", [1, 3], BigInt64Array.from([4n, 0n, 2n]));
      return rope(b, x(b, 3, 8), positions, tables, 2, true);
    },
  },
  {
    ops: ["RotaryEmbedding"],
    name: "2 heads of 4, positions out of order",
    build: (b) => {
      const tables = ropeTables(b, ropeFrequencies(4, 100, null), 5);
      const positions = b.constant("int64", [1, 3], BigInt64Array.from([4n, 0n, 2n]));
      return rope(b, x(b, 3, 8), positions, tables, 2);
    },
  },
  { ops: ["ReduceSumSquare"], name: "the last axis", build: (b) => b.reduceSumSquare(x(b, 3, 4), [-1]) },
  { ops: ["ReduceSum"], name: "two axes", build: (b) => b.reduceSum(x(b, 2, 3, 4), [0, -1]) },
  { ops: ["ReduceMean"], name: "inner axis", build: (b) => b.reduceMean(x(b, 2, 3, 4), [1]) },
  { ops: ["ReduceMax"], name: "last axis", build: (b) => b.reduceMax(x(b, 3, 5), [1]) },
  { ops: ["Reshape"], name: "flatten", build: (b) => b.reshape(b.mul(x(b, 2, 6), x(b, 2, 6)), [3, 4]) },
  { ops: ["Expand"], name: "row to matrix", build: (b) => b.expand(x(b, 1, 3), [2, 4, 3]) },
  { ops: ["Transpose"], name: "cycle of three axes", build: (b) => b.transpose(x(b, 2, 3, 4), [1, 2, 0]) },
  { ops: ["Concat"], name: "unequal lengths", build: (b) => b.concat([x(b, 2, 3), y(b, 2, 1), x(b, 2, 3)], 1) },
  {
    ops: ["Split"],
    name: "unequal pieces, one of them unused",
    build: (b) => {
      const [first, , last] = b.split(b.mul(x(b, 2, 7), y(b, 2, 7)), [3, 2, 2], 1) as [Value, Value, Value];
      return b.concat([b.mul(first, first), last], 1);
    },
  },
  { ops: ["Gather"], name: "repeated rows", build: (b) => b.gather(x(b, 4, 3), ints(b, [2, 3], [1, 1, 3, 0, 1, 3])) },
  {
    ops: ["GatherElements"],
    name: "one of each row",
    build: (b) => b.gatherElements(x(b, 3, 4), ints(b, [3, 1], [2, 0, 2]), 1),
  },
  {
    ops: ["ScatterElements"],
    name: "one of each row",
    build: (b) => b.scatterElementsAdd(x(b, 3, 4), ints(b, [3, 1], [2, 0, 2]), y(b, 3, 1), 1),
  },
  {
    ops: ["ScatterND"],
    name: "repeated rows",
    build: (b) => {
      const indices = b.constant("int64", [3, 1], BigInt64Array.from([3n, 0n, 3n]));
      return b.emit("ScatterND", [x(b, 4, 2), indices, y(b, 3, 2)], { reduction: "add" });
    },
  },
  {
    ops: ["Where", "GreaterOrEqual"],
    name: "condition from data",
    build: (b) => b.where(b.greaterOrEqual(x(b, 3, 4), b.scalar(0.1)), b.mul(x(b, 3, 4), x(b, 3, 4)), y(b, 4)),
  },
  {
    ops: ["LessOrEqual"],
    name: "as a condition",
    build: (b) => b.where(b.lessOrEqual(x(b, 3, 4), b.scalar(0.1)), x(b, 3, 4), y(b, 3, 1)),
  },
  {
    ops: ["Equal"],
    name: "integers as a condition",
    build: (b) => b.where(b.equal(ints(b, [3], [1, 2, 1]), ints(b, [2, 1], [1, 2])), x(b, 2, 3), y(b, 3)),
  },
  { ops: ["Cast"], name: "float32 to float16 and back", build: (b) => b.cast(b.cast(x(b, 4), "float16"), "float32") },
];

const tiny = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 16,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
const batch = {
  input_ids: [1, 4, 2, 9, 7, 3, 3, 10, 5, 0],
  position_ids: [0, 1, 2, 0, 1, 0, 1, 2, 3, 0],
  segment_ids: [1, 1, 1, 2, 2, 1, 1, 1, 1, 0],
  supervised_index: [1, 3, 6, 7, 8, 0],
  targets: [2, 7, 10, 10, 1, 0],
  loss_weights: [1, 0.5, 2, 1, 1, 0],
};

const wholeModel = (name: string, method: Method, config: Readonly<Record<string, unknown>> = {}): GradcheckRow =>
  modelRow(`llama ${name}`, method, defineModel({ ...tiny, ...config }));

function modelRow(name: string, method: Method, model: ModelDefinition): GradcheckRow {
  return {
    ops: [],
    name,
    domain: [-0.7, 0.7],
    given: batch,
    build: (b) => {
      const { loss, scope } = buildLoss(b, model, method, { rows: 2, length: 5, supervised: 6 });
      if (!scope.parameters.some((declared) => isTrained(method, declared))) throw new Error(`${name} trains nothing`);
      return loss.sum;
    },
  };
}

const adapter = { rank: 2, alpha: 3 };
const compositeRows: readonly GradcheckRow[] = [
  { ops: [], name: "linear with bias", build: (b) => linear(Scope.root(b, null), x(b, 3, 4), 5, true) },
  {
    ops: [],
    name: "linear with LoRA",
    build: (b) => linear(Scope.root(b, { ...adapter, targets: ["q_proj"] }).in("q_proj"), x(b, 3, 4), 5, false),
  },
  { ops: [], name: "rmsNorm", build: (b) => rmsNorm(Scope.root(b, null), x(b, 3, 6), 1e-6) },
  { ops: [], name: "rmsNorm, weight around 0", build: (b) => rmsNorm(Scope.root(b, null), x(b, 3, 6), 1e-6, true) },
  { ops: [], name: "headNorm", build: (b) => headNorm(Scope.root(b, null), x(b, 3, 8), 4, 1e-6, true) },
  { ops: [], name: "layerNorm", build: (b) => layerNorm(Scope.root(b, null), x(b, 3, 6), 1e-5) },
  ...(Object.keys(activations) as Activation[]).map(
    (name): GradcheckRow => ({
      ops: [],
      name: `gatedMlp with ${name}`,
      build: (b) => gatedMlp(Scope.root(b, null), x(b, 3, 4), { hidden: 5, activation: name }),
    }),
  ),
  { ops: [], name: "softCap", domain: [-4, 4], build: (b) => softCap(b, x(b, 7), 1.5) },
  {
    ops: [],
    name: "gatedMlp (SwiGLU)",
    build: (b) => gatedMlp(Scope.root(b, null), x(b, 3, 4), { hidden: 6, activation: "silu", bias: true }),
  },
  {
    ops: [],
    name: "attention, grouped queries, segments",
    given: { segments: [1, 1, 2, 2, 2, 1, 1, 1, 1, 0] },
    build: (b) => {
      const heads = { query: 4, key: 2, size: 3 };
      const bias = causalBias(b, b.input("segments", "int32", [2, 5]));
      const keys = splitKeys(b, b.input("k", "float32", [2, 5, 6]), heads, true);
      const values = splitKeys(b, b.input("v", "float32", [2, 5, 6]), heads);
      return attend(b, splitQueries(b, b.input("q", "float32", [2, 5, 12]), heads), keys, values, bias, heads);
    },
  },
  ...[1, 2].map(
    (blocks): GradcheckRow => ({
      ops: [],
      name: `attention with window and soft cap, ${blocks} query blocks`,
      given: { segments: [1, 1, 1, 1, 2] },
      build: (b) => {
        const heads = { query: 2, key: 1, size: 3 };
        const bias = causalBias(b, b.input("segments", "int32", [1, 5]), 3);
        const keys = splitKeys(b, b.input("k", "float32", [1, 5, 3]), heads, true);
        const values = splitKeys(b, b.input("v", "float32", [1, 5, 3]), heads);
        const queries = splitQueries(b, b.input("q", "float32", [1, 5, 6]), heads);
        return attend(b, queries, keys, values, bias, heads, { blocks, cap: 0.7 });
      },
    }),
  ),
  {
    ops: [],
    name: "linear cross-entropy with a soft cap",
    given: { targets: [2, 0, 6], weights: [1, 0.5, 2] },
    build: (b) =>
      linearCrossEntropy(
        b,
        x(b, 3, 4),
        plainWeight(y(b, 7, 4)),
        b.input("targets", "int32", [3]),
        b.input("weights", "float32", [3]),
        { cap: 0.8, logitsLimit: 14 },
      ).sum,
  },
  ...[2 ** 22, 14].map(
    (limit): GradcheckRow => ({
      ops: [],
      name: `linear cross-entropy, ${limit === 14 ? "chunks of 2 positions" : "one chunk"}`,
      given: { targets: [2, 0, 6, 6, 1], weights: [1, 0.5, 0, 2, 1] },
      build: (b) =>
        linearCrossEntropy(
          b,
          x(b, 5, 4),
          plainWeight(y(b, 7, 4)),
          b.input("targets", "int32", [5]),
          b.input("weights", "float32", [5]),
          { logitsLimit: limit },
        ).sum,
    }),
  ),
  wholeModel("full, tied head, grouped queries", { kind: "full" }),
  wholeModel(
    "full, own head, biases, llama3 scaling",
    { kind: "full" },
    {
      tie_word_embeddings: false,
      attention_bias: true,
      mlp_bias: true,
      rope_theta: 500,
      rope_scaling: {
        rope_type: "llama3",
        factor: 4,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8,
      },
    },
  ),
  wholeModel("LoRA on all linear layers", {
    kind: "lora",
    ...adapter,
    targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  }),
  ...familyNames.flatMap((name) => [
    { ...modelRow(`${name}, full`, { kind: "full" }, familyModel(name, { vocab_size: 11 })), perturbed: 6 },
    { ...modelRow(`${name}, LoRA`, familyLora(name), familyModel(name, { vocab_size: 11 })), perturbed: 3 },
  ]),
];

const preferenceRows = Object.entries(directSettings).map(([name, settings], index): GradcheckRow => {
  const { answers, batch: answerBatch } = directBatch(settings.loss, tiny.vocab_size, index + 1);
  return {
    ops: [],
    name: `preferences, ${name}`,
    domain: [-0.7, 0.7],
    perturbed: 6,
    given: givenOf(answerBatch),
    build: (b) => {
      const method = { kind: "lora", ...adapter, targets: ["q_proj", "down_proj"] } as const;
      const tokenLosses = directTokenLosses(b, defineModel(tiny), method, answerBatch.shape);
      return directPreference(b, settings, answers, tokenLosses, 0.5);
    },
  };
});

export const gradcheckRows: readonly GradcheckRow[] = [...opRows, ...compositeRows, ...weightRows, ...preferenceRows];

const step = 1e-5;

export interface GradcheckResult {
  readonly name: string;
  /** max |analytic − numeric| / max |numeric| over a variable. */
  readonly error: number;
  /** The variable with that error. */
  readonly variable: string;
  readonly comparisons: number;
}

/** Checks one row. */
export function gradcheck(row: GradcheckRow, seed = 7): GradcheckResult {
  const random = createRandom(seed);
  const b = new GraphBuilder("gradcheck");
  const result = row.build(b);
  const declared = b.finish({ result }).inputs;
  const variables = declared.filter(({ name, dtype }) => dtype === "float32" && !(name in (row.given ?? {})));
  const direction = b.input("direction", "float32", result.shape);
  const loss = b.reduceSum(
    b.mul(result, direction),
    result.shape.map((_, axis) => axis),
  );
  const gradients = backward(b, loss, variables);
  const lossGraph = b.finish({ loss });
  // A gradient may be an input or belong to two variables, so each gets its own output.
  const named = gradients.map((gradient, i) => [`gradient${i}`, b.add(gradient, b.scalar(0))] as const);
  const gradientGraph = b.finish(Object.fromEntries(named));

  const [low, high] = row.domain ?? [-1, 1];
  const feeds: Record<string, Tensor> = {};
  for (const { name, shape } of [...declared, direction]) {
    const given = row.given?.[name];
    feeds[name] = tensor(
      shape,
      given ?? Array.from({ length: sizeOf(shape) }, () => low + (high - low) * random.next()),
    );
  }
  const analytic = interpret(gradientGraph, feeds);
  let worst = { error: 0, variable: "" };
  let comparisons = 0;
  variables.forEach(({ name }, index) => {
    const own = feeds[name] as Tensor;
    const perturbed = row.perturbed ?? 24;
    const at = Array.from(own.data.keys()).filter(
      () => own.data.length <= perturbed || random.next() < perturbed / own.data.length,
    );
    const numeric = at.map((element) => {
      const lossAt = (value: number) => {
        const data = own.data.slice();
        data[element] = value;
        return interpret(lossGraph, { ...feeds, [name]: { ...own, data } }).loss?.data[0] as number;
      };
      const value = own.data[element] as number;
      return (lossAt(value + step) - lossAt(value - step)) / (2 * step);
    });
    const scale = Math.max(...numeric.map(Math.abs), 1e-3);
    at.forEach((element, i) => {
      const error = Math.abs((analytic[`gradient${index}`]?.data[element] as number) - (numeric[i] as number)) / scale;
      comparisons++;
      if (!(error <= worst.error)) worst = { error, variable: name };
    });
  });
  return { name: `${row.ops.join(", ") || "composite"}: ${row.name}`, comparisons, ...worst };
}
