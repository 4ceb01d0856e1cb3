/**
 * The step in TensorFlow.js: variables, `variableGrads` and an AdamW of tensor operations in one `tidy`, because its own Adam
 * has neither weight decay nor clipping. Weights are (in, out), the layout of its dense layers and of its fast product.
 */

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { parametersOf } from "../../src/artifacts/method.ts";
import type { DecoderConfig } from "../../src/models/decoderConfig.ts";
import { type Backend, type Prepare, rotaryTables, squareMatrix } from "./engine.ts";
import { frequenciesOf, lora, optimizer, type Problem } from "./problem.ts";

type Tensors = Readonly<Record<string, tf.Tensor>>;

async function start(backend: Backend): Promise<void> {
  if (backend === "wasm") {
    const [{ setThreadsCount, setWasmPaths }, plain, simd, threaded] = await Promise.all([
      import("@tensorflow/tfjs-backend-wasm"),
      import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.wasm?url"),
      import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm?url"),
      import("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.wasm?url"),
    ]);
    const absolute = ({ default: address }: { default: string }) => new URL(address, import.meta.url).href;
    setWasmPaths({
      "tfjs-backend-wasm.wasm": absolute(plain),
      "tfjs-backend-wasm-simd.wasm": absolute(simd),
      "tfjs-backend-wasm-threaded-simd.wasm": absolute(threaded),
    });
    setThreadsCount(navigator.hardwareConcurrency);
  } else {
    await import("@tensorflow/tfjs-backend-webgpu");
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend} here.`);
  await tf.ready();
}

/** A matrix product whose gradient transposes explicitly, because the wasm backend is fast only without transposition. */
const transposing = tf.customGrad((...given: (tf.Tensor | tf.GradSaveFunc)[]) => {
  const [a, b, save] = given as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [a, b] = saved as [tf.Tensor2D, tf.Tensor2D];
      return [tf.matMul(dy as tf.Tensor2D, tf.transpose(b)), tf.matMul(tf.transpose(a), dy as tf.Tensor2D)];
    },
  };
});

const product = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
  tf.getBackend() === "wasm" ? transposing(a, b) : tf.matMul(a, b);

/** Rows of a table. Its gradient uses `scatterND`, because the wasm backend has no segment sum. */
const rowsOf = (table: tf.Tensor, index: tf.Tensor1D) =>
  tf.customGrad((...given: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [table] = given as [tf.Tensor2D];
    return {
      value: tf.gather(table, index),
      gradFunc: (dy: tf.Tensor) => [tf.scatterND(tf.reshape(index, [-1, 1]), dy, table.shape)],
    };
  })(table);

function rmsNorm(x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))), weight);
}

function rotate(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor {
  const [first, second] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.concat(
    [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))],
    -1,
  );
}

function lossOf(
  config: DecoderConfig,
  { rows, length }: Problem["shape"],
  weights: Tensors,
  batch: Tensors,
): tf.Scalar {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: size, rms_norm_eps: epsilon } = config;
  const weight = (name: string) => weights[`${name}.weight`] as tf.Tensor;
  const given = (name: string) => batch[name] as tf.Tensor;
  const linear = (name: string, x: tf.Tensor): tf.Tensor => {
    const base = product(x, weight(name));
    if (!weights[`${name}.lora_A.weight`]) return base;
    const low = product(x, weight(`${name}.lora_A`));
    return tf.add(base, tf.mul(product(low, weight(`${name}.lora_B`)), lora.alpha / lora.rank));
  };
  /** (B·T, H·D) → (B, H, T, D). */
  const split = (x: tf.Tensor, count: number) => tf.transpose(tf.reshape(x, [rows, length, count, size]), [0, 2, 1, 3]);
  let x = rowsOf(weight("model.embed_tokens"), given("ids") as tf.Tensor1D);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = (name: string) => `model.layers.${layer}.${name}`;
    const normal = rmsNorm(x, weight(at("input_layernorm")), epsilon);
    const queries = rotate(split(linear(at("self_attn.q_proj"), normal), heads), given("cos"), given("sin"));
    const keys = rotate(split(linear(at("self_attn.k_proj"), normal), keyHeads), given("cos"), given("sin"));
    const values = split(linear(at("self_attn.v_proj"), normal), keyHeads);
    // The queries of a key head form one block of rows, so keys and values are never repeated.
    const block = [rows * keyHeads, (heads / keyHeads) * length, size];
    const keyBlock = [rows * keyHeads, length, size];
    const scaled = tf.reshape(tf.mul(queries, size ** -0.5), block);
    const scores = tf.reshape(tf.matMul(scaled, tf.reshape(keys, keyBlock), false, true), [
      rows,
      heads,
      length,
      length,
    ]);
    const weighed = tf.reshape(tf.softmax(tf.add(scores, given("mask"))), [rows * keyHeads, -1, length]);
    const mixed = tf.reshape(tf.matMul(weighed, tf.reshape(values, keyBlock)), [rows, heads, length, size]);
    const attended = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [rows * length, heads * size]);
    x = tf.add(x, linear(at("self_attn.o_proj"), attended));
    const post = rmsNorm(x, weight(at("post_attention_layernorm")), epsilon);
    const gate = linear(at("mlp.gate_proj"), post);
    const gated = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(at("mlp.up_proj"), post));
    x = tf.add(x, linear(at("mlp.down_proj"), gated));
  }
  const hidden = rmsNorm(rowsOf(x, given("index") as tf.Tensor1D), weight("model.norm"), epsilon);
  const logits = product(hidden, tf.transpose(weight("model.embed_tokens")));
  const labels = tf.oneHot(given("targets"), config.vocab_size);
  return tf.losses.softmaxCrossEntropy(labels, logits, given("lossWeights"), 0, tf.Reduction.SUM) as tf.Scalar;
}

export const prepare: Prepare = async ({ model, config, method, shape, batch }, take, backend) => {
  await start(backend);
  const { beta1, beta2, epsilon, learningRate, weightDecay, maxGradNorm } = optimizer;
  const weights: Record<string, tf.Tensor> = {};
  const trained: { variable: tf.Variable; first: tf.Variable; second: tf.Variable }[] = [];
  for (const { name, shape, trainable } of parametersOf(model, method)) {
    const value = tf.tidy(() => {
      const given = tf.tensor(take(name), [...shape]);
      // A dense layer's kernel is (in, out); the embedding table is read by row and stays (V, D).
      return shape.length === 2 && !name.endsWith("embed_tokens.weight") ? tf.transpose(given) : given;
    });
    if (!trainable) {
      weights[name] = value;
      continue;
    }
    const variable = tf.variable(value, true, name);
    value.dispose();
    const zeros = () => tf.tidy(() => tf.variable(tf.zerosLike(variable), false));
    weights[name] = variable;
    trained.push({ variable, first: zeros(), second: zeros() });
  }
  const tables = rotaryTables(frequenciesOf(model), shape.length);
  const constants = {
    cos: tf.tensor(tables.cos, [shape.length, config.head_dim / 2]),
    sin: tf.tensor(tables.sin, [shape.length, config.head_dim / 2]),
    mask: tf.tidy(() => {
      const positions = tf.range(0, shape.length);
      const later = tf.less(tf.reshape(positions, [-1, 1]), tf.reshape(positions, [1, -1]));
      return tf.mul(tf.cast(later, "float32"), -1e9);
    }),
  };
  const scale = 1 / Math.max(batch.denominator, 1);
  const variables = trained.map(({ variable }) => variable);
  let updates = 0;

  /** One update in place; returns (2): loss and gradient norm. */
  const update = (): tf.Tensor1D => {
    const inputs = {
      ids: tf.tensor1d(batch.inputIds, "int32"),
      index: tf.tensor1d(batch.supervisedIndex, "int32"),
      targets: tf.tensor1d(batch.targets, "int32"),
      lossWeights: tf.tensor1d(batch.lossWeights.map((weight) => weight * scale)),
      ...constants,
    };
    const { value, grads } = tf.variableGrads(() => lossOf(config, shape, weights, inputs), variables);
    const gradients = trained.map(({ variable }) => grads[variable.name] as tf.Tensor);
    // Not addN, which gives 0 for scalars on the WebGPU backend of 4.22.
    const norm = tf.sqrt(tf.sum(tf.stack(gradients.map((g) => tf.sum(tf.square(g))))));
    const clip = tf.minimum(tf.div(maxGradNorm, tf.add(norm, 1e-6)), 1);
    // Folding the bias corrections into two factors saves passes over every tensor.
    const stepSize = learningRate / (1 - beta1 ** updates);
    const root = 1 / Math.sqrt(1 - beta2 ** updates);
    trained.forEach(({ variable, first, second }, index) => {
      tf.tidy(() => {
        const g = tf.mul(gradients[index] as tf.Tensor, clip);
        const m = tf.add(tf.mul(first, beta1), tf.mul(g, 1 - beta1));
        const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(g), 1 - beta2));
        const change = tf.div(tf.mul(m, stepSize), tf.add(tf.mul(tf.sqrt(v), root), epsilon));
        first.assign(m);
        second.assign(v);
        variable.assign(tf.sub(tf.mul(variable, 1 - learningRate * weightDecay), change));
      });
    });
    return tf.stack([value, norm]) as tf.Tensor1D;
  };

  return {
    async step() {
      updates++;
      const figures = tf.tidy(update);
      const [loss = Number.NaN, gradientNorm = Number.NaN] = await figures.data();
      figures.dispose();
      return { loss, gradientNorm };
    },

    async products(n, count) {
      const left = tf.tensor2d(squareMatrix(n), [n, n]);
      const right = tf.tensor2d(squareMatrix(n), [n, n]);
      return async () => {
        const corner = tf.tidy(() => {
          let result: tf.Tensor2D = left;
          for (let i = 0; i < count; i++) result = tf.matMul(result, right);
          return tf.slice(result, [0, 0], [1, 1]);
        });
        await corner.data();
        corner.dispose();
      };
    },

    tensorBytes: () => tf.memory().numBytes,

    async dispose() {
      tf.dispose([weights, constants, trained.map(({ first, second }) => [first, second])]);
    },
  };
};
