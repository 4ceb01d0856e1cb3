/**
 * A family that is not in src/. It differs from Llama by squared ReLU, one more norm in each block, trained positions, a
 * second layer with a window and without rotation, and files with other names and with linear weights as [in, out].
 */

import * as v from "valibot";
import { type Architecture, familyOf } from "../../../src/models/architecture.ts";
import { numbers, parse, sizes } from "../../../src/models/config.ts";
import { refuseUnread } from "../../../src/models/fields.ts";
import { linear, rmsNorm } from "../../../src/nn/layers.ts";
import { ropeFrequencies } from "../../../src/nn/rope.ts";
import type { Scope } from "../../../src/nn/scope.ts";
import { lookup } from "../../../src/nn/weight.ts";
import type { Value } from "../../../src/onnx/graph.ts";

const schema = v.object({
  vocabulary: sizes.vocabulary,
  width: sizes.width,
  hidden: sizes.inner,
  heads: sizes.heads,
  context: sizes.context,
  window: sizes.context,
  epsilon: v.optional(numbers.epsilon, 1e-5),
});

/** The transpose of a matrix with `columns` rows. */
const transposed = (columns: number, rows: number) => (from: Float32Array<ArrayBuffer>) =>
  Float32Array.from(from, (_, i) => from[(i % columns) * rows + Math.floor(i / columns)] ?? 0);

const norm = (scope: Scope, name: string, x: Value, epsilon: number) =>
  scope.within(name, (s) => rmsNorm(s, x, epsilon));

const architecture: Architecture<v.InferOutput<typeof schema>> = {
  name: "ToyForCausalLM",
  modelType: "toy",
  readConfig(json) {
    refuseUnread(parse(v.record(v.string(), v.unknown()), json), Object.keys(schema.entries));
    return parse(schema, json);
  },
  facts: ({ width, hidden, vocabulary, context }) => ({
    hiddenSize: width,
    intermediateSize: hidden,
    vocabulary,
    contextLength: context,
    tiedHead: false,
    logitCap: null,
    embeddingTensor: "toy.tokens.w",
    headTensor: "toy.unembed.w",
  }),
  layers({ heads, width, window }) {
    const size = width / heads;
    const shared = { heads: { query: heads, key: heads / 2, size }, scoreScale: 0.3, scoreCap: null };
    const rope = { frequencies: ropeFrequencies(size, 100), scale: 1, interleaved: false };
    return [
      { ...shared, rope, window: null },
      { ...shared, rope: null, window },
    ];
  },
  layerName: (layer) => `block.${layer}`,
  embed: (scope, { width, vocabulary, context }, { ids, positions }) => {
    const { b } = scope;
    const at = b.reshape(positions, ids.shape);
    return b.add(
      lookup(b, scope.in("tokens").table([vocabulary, width]), ids),
      b.gather(scope.in("places").parameter("weight", [context, width]), at),
    );
  },
  block(s, { width, hidden, epsilon }, x, attend, select) {
    const { b } = s;
    const layer = (name: string, y: Value, out: number) => s.within(name, (own) => linear(own, y, out, true));
    const normal = norm(s, "before", x, epsilon);
    const q = layer("query", normal, width);
    const attended = attend(q, layer("key", normal, width / 2), layer("value", normal, width / 2));
    const mixed = b.add(select(x), norm(s, "between", layer("output", select(attended), width), epsilon));
    const raised = b.max(layer("up", norm(s, "after", mixed, epsilon), hidden), b.scalar(0));
    return b.add(mixed, layer("down", b.mul(raised, raised), width));
  },
  finish: (scope, { epsilon }, x) => norm(scope, "last", x, epsilon),
  headWeight: (scope, { vocabulary, width }) => scope.in("unembed").table([vocabulary, width]),
  fileTensor(_config, { name, shape }) {
    const file = `toy.${name.replace("block.", "h.").replace(/\.weight$/, ".w")}`;
    const [rows = 1, columns = 1] = shape;
    if (!name.startsWith("block.") || shape.length < 2) {
      return { name: file, shape, transposed: false, toParameter: (values) => values, toFile: (values) => values };
    }
    const [toParameter, toFile] = [transposed(columns, rows), transposed(rows, columns)];
    return { name: file, shape: [columns, rows], transposed: true, toParameter, toFile };
  },
};

export const toy = familyOf(architecture);
