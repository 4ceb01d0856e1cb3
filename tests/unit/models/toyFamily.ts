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

const depth = 2;
/** The transpose of a matrix with `columns` rows. */
const transposed = (columns: number, rows: number) => (from: Float32Array<ArrayBuffer>) =>
  Float32Array.from(from, (_, i) => from[(i % columns) * rows + Math.floor(i / columns)] ?? 0);

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
  forward: (scope, { width, hidden, vocabulary, context, epsilon }, { ids, positions }, attend, select) => {
    const { b } = scope;
    const norm = (s: Scope, name: string, x: Value) => s.within(name, (own) => rmsNorm(own, x, epsilon));
    const layer = (s: Scope, name: string, x: Value, out: number) => s.within(name, (own) => linear(own, x, out, true));
    const at = b.reshape(positions, ids.shape);
    let x = b.add(
      b.gather(scope.in("tokens").parameter("weight", [vocabulary, width]), ids),
      b.gather(scope.in("places").parameter("weight", [context, width]), at),
    );
    for (let i = 0; i < depth; i++) {
      const rows = i === depth - 1 ? select : (all: Value) => all;
      x = scope.within(`block.${i}`, (s) => {
        const normal = norm(s, "before", x);
        const q = layer(s, "query", normal, width);
        const attended = attend(i, q, layer(s, "key", normal, width / 2), layer(s, "value", normal, width / 2));
        const mixed = b.add(rows(x), norm(s, "between", layer(s, "output", rows(attended), width)));
        const raised = b.max(layer(s, "up", norm(s, "after", mixed), hidden), b.scalar(0));
        return b.add(mixed, layer(s, "down", b.mul(raised, raised), width));
      });
    }
    return norm(scope, "last", x);
  },
  headWeight: (scope, { vocabulary, width }) => scope.in("unembed").parameter("weight", [vocabulary, width]),
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
