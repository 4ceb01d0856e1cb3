/**
 * Compares whole foreign graphs, lowered, with onnxruntime-web 1.19.2 on random weights:
 * `tsx scripts/oracle/official/graphs.ts FILE [--provider wasm|webgpu] [--vocabulary FROM:TO] [--rows N] [--length N]`.
 * float16 graphs are compared in float32, and the vocabulary may be made smaller, because the original takes gigabytes.
 */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { bindInputs } from "../../../src/onnx/lower/bind.ts";
import { lowerModel } from "../../../src/onnx/lower/lower.ts";
import { readForeign } from "../../../src/onnx/readForeign.ts";
import { dawnEntries, stopDawn } from "../../../src/runtime/dawnEntries.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { HostTensor } from "../../../src/runtime/types.ts";
import { type Shape, sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom, type Random } from "../../../src/tensor/random.ts";
import { count, existing, oneOf, runCommand } from "../../harness/arguments.ts";
import { graphArtifact } from "../../harness/graphArtifact.ts";
import { inFloat32, withoutPyTorch, yieldedBy } from "./editGraph.ts";
import { type OrtFeed, ortMissing, runWithOrt } from "./ort.ts";

const usage = "tsx scripts/oracle/official/graphs.ts FILE [--provider wasm|webgpu] [--vocabulary FROM:TO]";

/** Largest |difference| ÷ the largest |number| of the output. */
const tolerance = 1e-4;

/** Weights near 1 for scales, else small; ids below the vocabulary; a mask of ones; labels with ignored places. */
function feedFor(name: string, dtype: string, shape: Shape, vocabulary: number, random: Random): OrtFeed {
  const length = sizeOf(shape);
  if (dtype === "int32") {
    const one = (i: number) =>
      /mask/.test(name) ? 1 : /label/.test(name) && i % 5 === 0 ? -100 : random.below(vocabulary);
    return { dtype: "int64", shape, data: Int32Array.from({ length }, (_, i) => one(i)) };
  }
  const scale = /norm|ln_/.test(name) && name.endsWith("weight");
  return {
    dtype: "float32",
    shape,
    data: Float32Array.from({ length }, () => (scale ? 1 : 0) + 0.05 * random.normal()),
  };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      provider: { type: "string", default: "wasm" },
      vocabulary: { type: "string" },
      rows: { type: "string", default: "2" },
      length: { type: "string", default: "6" },
    },
  });
  const missing = ortMissing();
  if (missing) throw new Error(missing);
  const file = existing("file", positionals[0], usage);
  const provider = oneOf("provider", values.provider, ["wasm", "webgpu"]);
  const [from = 0, to = 0] = (values.vocabulary ?? "").split(":").map(Number);
  const bytes = inFloat32(new Uint8Array(readFileSync(file)), from, to);
  const model = readForeign(bytes);
  const grid = [count("rows", values.rows) as number, count("length", values.length) as number];
  const shapes = Object.fromEntries(
    model.inputs.filter(({ dtype }) => dtype.startsWith("int")).map(({ name }) => [name, grid]),
  );
  const random = createRandom(22);
  const feeds = Object.fromEntries(
    bindInputs(model, shapes).map(({ name, dtype, shape }) => [name, feedFor(name, dtype, shape, to || 20, random)]),
  );
  // The gradient of a loss is a scalar.
  const yields = Object.fromEntries(yieldedBy(bytes).map((name) => [name, []]));
  for (const name of Object.keys(yields)) feeds[name] = { dtype: "float32", shape: [], data: Float32Array.of(1) };

  const started = performance.now();
  const { graph } = lowerModel(model, { shapes, yields });
  console.log(
    `${basename(file)}: ${model.nodes.length} nodes lowered to ${graph.nodes.length} in ${Math.round(performance.now() - started)} ms.`,
  );
  const expected = await runWithOrt(withoutPyTorch(bytes), feeds);
  const entries = provider === "webgpu" ? await dawnEntries() : nodeEntries;
  if (typeof entries === "string") throw new Error(entries);
  const runtime = await createRuntime(provider, { entries });
  console.log(runtime.report.reason);
  const session = await runtime.session(graphArtifact("training", basename(file), graph));
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, dtype, shape }): [string, HostTensor] => {
      const data = feeds[name]?.data ?? [];
      return [name, { dtype, shape, data: dtype === "int32" ? Int32Array.from(data) : Float32Array.from(data) }];
    }),
  );
  const results = await session.run(inputs);
  let worst = { name: "", off: 0 };
  const compared = Object.entries(expected);
  for (const [name, oracle] of compared) {
    const off = deviation(results[name], oracle.data);
    if (!(off <= worst.off)) worst = { name, off };
  }
  console.log(
    `${compared.length} outputs, worst ${worst.off.toExponential(1)} (${worst.name}), tolerance ${tolerance}`,
  );
  await runtime.dispose();
  stopDawn();
  process.exitCode = worst.off <= tolerance ? 0 : 1;
}

function deviation(actual: HostTensor | undefined, expected: ArrayLike<number | bigint>): number {
  if (actual?.data.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [off, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const wanted = Number(expected[i]);
    off = Math.max(off, Math.abs(Number(actual.data[i]) - wanted));
    size = Math.max(size, Math.abs(wanted));
  }
  return off / Math.max(size, 1e-6);
}

runCommand(main);
