/**
 * The step in jax-js, as in its README: one `jit` over forward, backward, clipping and AdamW. A function consumes its array
 * arguments; `.ref` keeps an array for another use.
 */

import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { parametersOf } from "../../src/artifacts/method.ts";
import type { DecoderConfig } from "../../src/models/decoderConfig.ts";
import { type Prepare, rotaryTables, squareMatrix } from "./engine.ts";
import { frequenciesOf, lora, optimizer, type Problem } from "./problem.ts";

type Arrays = Record<string, np.Array>;

/** x·rsqrt(mean x² + ε)·w over the last axis. */
function rmsNorm(x: np.Array, weight: np.Array, epsilon: number): np.Array {
  const root = np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(epsilon));
  return x.div(root).mul(weight);
}

/** Half rotation of x (B, T, H, D) by tables (T, 1, D/2). */
function rotate(x: np.Array, cos: np.Array, sin: np.Array): np.Array {
  const [first, second] = np.split(x, 2, -1) as [np.Array, np.Array];
  const turned = first.ref.mul(cos.ref).sub(second.ref.mul(sin.ref));
  return np.concatenate([turned, second.mul(cos).add(first.mul(sin))], -1);
}

/** Token ids (B·T), batch and weights → Σ w·CE / Σ w; consumes all of them. */
function lossOf(config: DecoderConfig, { rows, length }: Problem["shape"], weights: Arrays, batch: Arrays): np.Array {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: size, rms_norm_eps: epsilon } = config;
  const weight = (name: string) => weights[`${name}.weight`] as np.Array;
  const given = (name: string) => batch[name] as np.Array;
  /** xWᵀ, and (α/r)(xAᵀ)Bᵀ where the layer has an adapter. */
  const linear = (name: string, x: np.Array): np.Array => {
    if (!weights[`${name}.lora_A.weight`]) return np.matmul(x, weight(name).transpose());
    const low = np.matmul(x.ref, weight(`${name}.lora_A`).transpose());
    const adapted = np.matmul(low, weight(`${name}.lora_B`).transpose()).mul(lora.alpha / lora.rank);
    return np.matmul(x, weight(name).transpose()).add(adapted);
  };
  const turn = (x: np.Array, count: number) =>
    rotate(x.reshape([rows, length, count, size]), given("cos").ref, given("sin").ref);

  let x = np.take(weight("model.embed_tokens").ref, given("ids"), 0);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = (name: string) => `model.layers.${layer}.${name}`;
    const normal = rmsNorm(x.ref, weight(at("input_layernorm")), epsilon);
    const queries = turn(linear(at("self_attn.q_proj"), normal.ref), heads);
    const keys = turn(linear(at("self_attn.k_proj"), normal.ref), keyHeads);
    const values = linear(at("self_attn.v_proj"), normal).reshape([rows, length, keyHeads, size]);
    const attended = nn.dotProductAttention(queries, keys, values, { isCausal: true });
    x = x.add(linear(at("self_attn.o_proj"), attended.reshape([rows * length, heads * size])));
    const post = rmsNorm(x.ref, weight(at("post_attention_layernorm")), epsilon);
    const gate = nn.silu(linear(at("mlp.gate_proj"), post.ref));
    x = x.add(linear(at("mlp.down_proj"), gate.mul(linear(at("mlp.up_proj"), post))));
  }
  given("cos").dispose();
  given("sin").dispose();

  // Only supervised positions go through the norm and the head.
  const hidden = rmsNorm(np.take(x, given("index"), 0), weight("model.norm"), epsilon);
  const logits = np.matmul(hidden, weight("model.embed_tokens").transpose());
  const isTarget = given("targets").equal(np.arange(config.vocab_size));
  const chosen = np.where(isTarget, nn.logSoftmax(logits, -1), 0);
  return np.sum(chosen.mul(given("lossWeights"))).neg();
}

export const prepare: Prepare = async ({ model, config, method, shape, batch }, take, backend) => {
  await init(backend);
  defaultDevice(backend);
  const { beta1, beta2, epsilon, learningRate, weightDecay, maxGradNorm } = optimizer;
  const specs = parametersOf(model, method);
  const upload = (wanted: typeof specs): Arrays =>
    Object.fromEntries(wanted.map(({ name, shape }) => [name, np.array(take(name)).reshape([...shape])]));
  const trainable = specs.filter((spec) => spec.trainable);
  const zeros = (): Arrays => Object.fromEntries(trainable.map(({ name, shape }) => [name, np.zeros([...shape])]));
  let trained = upload(trainable);
  const frozen = upload(specs.filter((spec) => !spec.trainable));
  let first = zeros();
  let second = zeros();
  const tables = rotaryTables(frequenciesOf(model), shape.length);
  const table = (values: Float32Array<ArrayBuffer>) => np.array(values).reshape([shape.length, 1, config.head_dim / 2]);
  const constants = { cos: table(tables.cos), sin: table(tables.sin) };
  const scale = 1 / Math.max(batch.denominator, 1);

  const update = jit(
    (trained: Arrays, first: Arrays, second: Arrays, frozen: Arrays, batch: Arrays, corrections: np.Array) => {
      const [loss, gradients] = valueAndGrad((trained: Arrays, frozen: Arrays, batch: Arrays) =>
        lossOf(config, shape, { ...frozen, ...trained }, batch),
      )(tree.ref(trained), frozen, batch);
      const squares = Object.values(gradients).map((g) => np.sum(np.square(g.ref)));
      const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
      const clip = np.minimum(np.reciprocal(norm.ref.add(1e-6)).mul(maxGradNorm), 1);
      const [stepSize, root] = np.split(corrections, 2) as [np.Array, np.Array];
      const next: { trained: Arrays; first: Arrays; second: Arrays } = { trained: {}, first: {}, second: {} };
      for (const [name, gradient] of Object.entries(gradients)) {
        const g = gradient.mul(clip.ref);
        const m = (first[name] as np.Array).mul(beta1).add(g.ref.mul(1 - beta1));
        const v = (second[name] as np.Array).mul(beta2).add(np.square(g).mul(1 - beta2));
        const change = m.ref.mul(stepSize.ref).div(np.sqrt(v.ref).mul(root.ref).add(epsilon));
        next.trained[name] = (trained[name] as np.Array).mul(1 - learningRate * weightDecay).sub(change);
        next.first[name] = m;
        next.second[name] = v;
      }
      for (const used of [clip, stepSize, root]) used.dispose();
      return { ...next, loss, norm };
    },
  );

  let updates = 0;
  return {
    async step() {
      updates++;
      const inputs: Arrays = {
        ids: np.array(batch.inputIds as Int32Array<ArrayBuffer>),
        index: np.array(batch.supervisedIndex as Int32Array<ArrayBuffer>),
        targets: np.array(batch.targets as Int32Array<ArrayBuffer>).reshape([-1, 1]),
        lossWeights: np.array(batch.lossWeights.map((weight) => weight * scale)).reshape([-1, 1]),
        ...tree.ref(constants),
      };
      const corrections = np.array([learningRate / (1 - beta1 ** updates), 1 / Math.sqrt(1 - beta2 ** updates)]);
      const next = update(trained, first, second, tree.ref(frozen), inputs, corrections);
      ({ trained, first, second } = next);
      // Reads the loss first: that dispatches the whole program, while each other output would prepare it again.
      const [loss = Number.NaN] = await next.loss.data();
      const [gradientNorm = Number.NaN] = await next.norm.data();
      await blockUntilReady([trained, first, second]);
      return { loss, gradientNorm };
    },

    async products(n, count) {
      const left = np.array(squareMatrix(n)).reshape([n, n]);
      const right = np.array(squareMatrix(n)).reshape([n, n]);
      const chain = jit((left: np.Array, right: np.Array) => {
        let product = left;
        for (let i = 0; i < count; i++) product = np.matmul(product, right.ref);
        right.dispose();
        return product;
      });
      return async () => {
        (await chain(left.ref, right.ref).blockUntilReady()).dispose();
      };
    },

    tensorBytes: () => null,

    async dispose() {
      tree.dispose([trained, first, second, frozen, constants]);
      update.dispose();
    },
  };
};
