/**
 * The optimised graphs against plain ones. The plain graphs write attention as single operators with their own rules, compute
 * every position in every layer, and add gradients with Add. Both run in float64 on the reference interpreter, where only the
 * order of sums may differ.
 */

import { expect, test } from "vitest";
import { buildLoss, compileTraining } from "../../src/artifacts/compile.ts";
import { accumulatorIn, accumulatorOut, batchPorts, lazyResetGrad, lossSum } from "../../src/artifacts/contract.ts";
import { adapterOf, type Method, parametersOf } from "../../src/artifacts/method.ts";
import { backward } from "../../src/autodiff/backward.ts";
import { packBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import { type Attend, forward } from "../../src/models/architecture.ts";
import { cacheBias, causalBias, splitKeys, splitQueries } from "../../src/nn/attention.ts";
import { linearCrossEntropy } from "../../src/nn/crossEntropy.ts";
import { rope, ropeFrequencies, ropeTables } from "../../src/nn/rope.ts";
import { Scope } from "../../src/nn/scope.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import type { Graph, Value } from "../../src/onnx/graph.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { batchFeeds } from "../../src/training/feeds.ts";
import { originOf } from "../support/examples.ts";
import { smallLlama } from "../support/smallLlama.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";

const model = smallLlama({ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, hidden_size: 16 });
const heads = { query: 4, key: 2, size: 4 };
const methods: Method[] = [
  { kind: "full" },
  { kind: "lora", rank: 3, alpha: 6, targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "down_proj"] },
];

/** Two rows, one with two examples; a third of the tokens is supervised, and every list has padding. */
const random = createRandom(11);
const example = (length: number, row: number): TokenizedExample => ({
  origin: originOf(row),
  ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
  mask: Uint8Array.from({ length }, (_, t) => (t > 0 && t % 3 === 0 ? 1 : 0)),
  weights: new Float32Array(length).fill(0.5 + row),
});
const shape = { rows: 2, length: 12, supervised: 9 };
const batch = packBatch([[example(5, 0), example(4, 1)], [example(10, 2)]], shape);

/** Attention whose gradient comes from the rules of Mul, MatMul, Add and Softmax. */
function plainAttention(b: GraphBuilder, queries: Value, keys: Value, values: Value, bias: Value): Value {
  const { rows, length } = shape;
  const group = heads.query / heads.key;
  const scores = b.matMul(b.mul(queries, b.scalar(heads.size ** -0.5)), keys);
  const masked = b.add(b.reshape(scores, [rows, heads.key, group, length, length]), bias);
  const weights = b.reshape(b.softmax(masked), [rows, heads.key, group * length, length]);
  const mixed = b.reshape(b.matMul(weights, values), [rows, heads.key, group, length, heads.size]);
  return b.reshape(b.transpose(mixed, [0, 3, 1, 2, 4]), [rows * length, heads.query * heads.size]);
}

/** Computes every position in all layers and the last norm; selects the supervised ones before the head. */
function plainTraining(method: Method): Graph {
  const { rows, length, supervised } = shape;
  const b = new GraphBuilder("plain");
  const scope = Scope.root(b, adapterOf(method));
  const ids = b.reshape(b.input(batchPorts.inputIds, "int32", [rows, length]), [rows * length]);
  const given = b.input(batchPorts.positionIds, "int32", [rows, length]);
  const positions = b.cast(given, "int64");
  const bias = causalBias(b, b.input(batchPorts.segmentIds, "int32", [rows, length]));
  const tables = ropeTables(b, ropeFrequencies(heads.size, 10_000, null), length);
  const attention: Attend = (_layer, q, k, v) =>
    plainAttention(
      b,
      splitQueries(b, rope(b, q, positions, tables, heads.query), heads),
      splitKeys(b, rope(b, k, positions, tables, heads.key), heads, true),
      splitKeys(b, b.reshape(v, [rows, length, heads.key * heads.size]), heads),
      bias,
    );
  const hidden = forward(model, scope, { ids, positions: given }, attention, (states) => states);
  const { sum } = linearCrossEntropy(
    b,
    b.gather(hidden, b.input(batchPorts.supervisedIndex, "int32", [supervised])),
    model.headWeight(scope),
    b.input(batchPorts.targets, "int32", [supervised]),
    b.input(batchPorts.lossWeights, "float32", [supervised]),
  );
  const trained = parametersOf(model, method).filter(({ trainable }) => trainable);
  const gradients = backward(
    b,
    sum,
    trained.map(({ name, shape }) => b.input(name, "float32", shape)),
  );
  const named = trained.map(({ name, shape }, i) => {
    const before = b.input(accumulatorIn(name), "float32", shape);
    return [accumulatorOut(name), b.add(before, gradients[i] as Value)] as const;
  });
  return b.finish({ [lossSum]: sum, ...Object.fromEntries(named) });
}

/** Values for every input of both graphs. */
function feedsOf(method: Method): Record<string, Tensor> {
  const draw = createRandom(5);
  const filled = (dimensions: readonly number[], centre: number) =>
    tensor(
      dimensions,
      Array.from({ length: sizeOf(dimensions) }, () => centre + 0.4 * draw.normal()),
    );
  const feeds = Object.fromEntries(
    Object.entries(batchFeeds(batch)).map(([name, { shape, data }]) => [
      name,
      tensor(shape, Array.from<number | bigint, number>(data, Number)),
    ]),
  );
  for (const { name, shape, trainable } of parametersOf(model, method)) {
    feeds[name] = filled(shape, name.includes("norm") ? 1 : 0);
    if (trainable) feeds[accumulatorIn(name)] = filled(shape, 0);
  }
  return feeds;
}

const run = (graph: Graph, feeds: Readonly<Record<string, Tensor>>) =>
  interpret(graph, Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name] as Tensor])));

/** max |actual − expected| / max |expected|. */
function difference(actual: Tensor | undefined, expected: Tensor): number {
  const scale = Math.max(...expected.data.map(Math.abs), 1e-3);
  return Math.max(...expected.data.map((value, i) => Math.abs((actual?.data[i] ?? Number.NaN) - value) / scale));
}

test.each(methods)("$kind: loss and every gradient are those of the plain graph", (method) => {
  const feeds = feedsOf(method);
  const expected = run(plainTraining(method), feeds);
  const own = run(compileTraining(model, method, shape).graph(), {
    ...feeds,
    [lazyResetGrad]: tensor([1], [0]),
  });
  expect(Object.keys(own).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    expect([name, difference(own[name], value) < 1e-12]).toEqual([name, true]);
  }
});

test.each([2, 3, 4, 12])("attention in %i blocks of queries gives the same", (queryBlocks) => {
  for (const method of methods) {
    const feeds = feedsOf(method);
    const expected = run(plainTraining(method), feeds);
    const graph = compileTraining(model, method, shape, { queryBlocks }).graph();
    const own = run(graph, { ...feeds, [lazyResetGrad]: tensor([1], [0]) });
    for (const [name, value] of Object.entries(expected)) {
      expect([method.kind, name, difference(own[name], value) < 1e-12]).toEqual([method.kind, name, true]);
    }
    // The scores above the diagonal's blocks are never computed.
    const scores = graph.nodes.filter(({ op }) => op === "Softmax").map(({ outputs }) => outputs[0]?.shape.slice(-2));
    const size = Math.ceil(shape.length / queryBlocks);
    const blocks = Array.from({ length: queryBlocks }, (_, i) => [size, (i + 1) * size]);
    expect(scores.slice(0, queryBlocks)).toEqual(blocks);
  }
});

test.each(methods)("$kind: without accumulating the gradients are those of a fresh start", (method) => {
  const feeds = feedsOf(method);
  const expected = run(compileTraining(model, method, shape).graph(), { ...feeds, [lazyResetGrad]: tensor([1], [1]) });
  const artifact = compileTraining(model, method, shape, { accumulates: false });
  const graph = artifact.graph();
  expect(graph.inputs.filter(({ name }) => name === lazyResetGrad || name.includes("accumulation"))).toEqual([]);
  expect(artifact.aliases).toEqual(compileTraining(model, method, shape).aliases);
  const own = run(graph, feeds);
  for (const [name, value] of Object.entries(expected)) {
    expect([name, difference(own[name], value) < 1e-12]).toEqual([name, true]);
  }
});

test("behind the last layer's attention only the supervised rows are computed", () => {
  const b = new GraphBuilder("loss");
  const { loss } = buildLoss(b, model, null, shape);
  const products = b.finish({ loss: loss.sum }).nodes.filter(({ op }) => op === "Gemm");
  const rows = products.map(({ outputs }) => outputs[0]?.shape[0]);
  const all = shape.rows * shape.length;
  // q, k, v, o, gate, up, down of the first layer; q, k, v of the second, then its o, gate, up, down and the head.
  expect(rows).toEqual([...Array(7).fill(all), ...Array(3).fill(all), ...Array(5).fill(shape.supervised)]);
});

test.each([null, 1, 3])(
  "a query sees the keys of its segment before it, and of a window of %s those with q − k below",
  (window) => {
    const sees = (q: number, k: number) => k <= q && (window === null || q - k < window);
    const segments = [1, 1, 1, 1, 2, 2, 0];
    const rows = new GraphBuilder("rows");
    const whole = causalBias(rows, rows.input("segments", "int32", [1, 7]), window);
    const { bias } = interpret(rows.finish({ bias: whole }), { segments: tensor([1, 7], segments) });
    const wanted = segments.flatMap((own, q) => segments.map((other, k) => own === other && sees(q, k)));
    expect(Array.from(bias?.data ?? [], (value) => value === 0)).toEqual(wanted);

    const cache = new GraphBuilder("cache");
    const slots = cacheBias(cache, cache.input("positions", "int32", [1, 3]), 8, window);
    const own = interpret(cache.finish({ bias: slots }), { positions: tensor([1, 3], [0, 4, 7]) });
    const slot = Array.from({ length: 8 }, (_, k) => k);
    expect(Array.from(own.bias?.data ?? [], (value) => value === 0)).toEqual(
      [0, 4, 7].flatMap((q) => slot.map((k) => sees(q, k))),
    );
  },
);
