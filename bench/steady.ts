/**
 * Steps of each program and each storage under Node, on wasm: the most tensors, sessions and bytes of the heap in the first
 * half of the steps and in the second; exit 1 where the second half has more. `npx tsx bench/steady.ts [--steps 1000] [--json FILE]`. Each case has a process
 * of its own, because the heap never shrinks.
 */

import { parseArgs } from "node:util";
import { count, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { linearsOf, type Method, parametersOf } from "../src/artifacts/method.ts";
import { artifactsOfRun, layerArtifactsOfRun } from "../src/artifacts/ofRun.ts";
import { packBatch, type TokenizedExample } from "../src/batching/batch.ts";
import { withPrecision } from "../src/models/architecture.ts";
import { defineModel } from "../src/models/define.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { sizeOf } from "../src/tensor/dtype.ts";
import { createRandom } from "../src/tensor/random.ts";
import { type WeightStorage, weightStorages } from "../src/tensor/storage.ts";
import { initialAdapter, uploadParameters } from "../src/training/parameters.ts";
import { createPerLayer } from "../src/training/perLayer.ts";
import { createWholeGraph } from "../src/training/wholeGraph.ts";
import { ownProcess } from "./ownProcess.ts";

const programs = ["whole", "layers", "smallest"] as const;

interface Case {
  readonly program: (typeof programs)[number];
  readonly weights: WeightStorage;
  readonly steps: number;
}

interface Counted {
  readonly tensors: number;
  readonly bytes: number;
  readonly sessions: number;
  /** The filled part of the WebAssembly heap. */
  readonly heap: number;
}

const nothing: Counted = { tensors: 0, bytes: 0, sessions: 0, heap: 0 };

interface Measured extends Case {
  readonly early: Counted;
  readonly late: Counted;
  readonly loss: number;
}

/** The top of the heap wanders by a few kilobytes as blocks of unequal size come and go; WebAssembly grows by pages of this size. */
const heapGrain = 65_536;
/** Steps between two counts. */
const countedEvery = 20;
const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 256,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
const recipe = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1, accumulation: 1 };

async function measure({ program, weights, steps }: Case): Promise<Measured> {
  const model = withPrecision(defineModel(config), { weights, embedding: weights, compute: "float32" });
  const method: Method = { kind: "lora", rank: 4, alpha: 8, targets: linearsOf(model).map(({ name }) => name) };
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const specs = parametersOf(model, method);
  const random = createRandom(1);
  const adapter = initialAdapter(specs, 2);
  const parameters = await uploadParameters(
    runtime,
    specs,
    ({ name, shape }) =>
      adapter.get(name) ??
      Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : 0.1 * random.normal())),
  );
  const parts = { runtime, parameters, specs, recipe };
  const trained =
    program === "whole"
      ? createWholeGraph({ ...parts, artifacts: artifactsOfRun(model, method, recipe, "wasm") })
      : createPerLayer({
          ...parts,
          model,
          artifacts: layerArtifactsOfRun(model, method, recipe, "wasm", program === "layers" ? "products" : "inputs"),
        });
  // Two shapes in turn, as a run with length buckets has them.
  const batches = [24, 40].map((length, row) => {
    const example: TokenizedExample = {
      origin: { source: 0, name: "bench", row, line: row + 1 },
      ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
      mask: new Uint8Array(length).fill(1, 8),
      weights: new Float32Array(length).fill(1),
    };
    return packBatch([[example]], { rows: 1, length, supervised: length });
  });
  const most = (before: Counted): Counted => {
    const { tensors, bytes, sessions } = runtime.memory();
    const now = { tensors, bytes, sessions, heap: runtime.memoryUse()?.bytes ?? 0 };
    const larger = (name: keyof Counted) => Math.max(before[name], now[name]);
    return { tensors: larger("tensors"), bytes: larger("bytes"), sessions: larger("sessions"), heap: larger("heap") };
  };
  let [early, late] = [nothing, nothing];
  let loss = 0;
  for (let step = 1; step <= steps; step++) {
    const batch = batches[step % 2];
    if (!batch) continue;
    const { lossSum } = await trained.microBatch(batch, true);
    loss = lossSum / batch.denominator;
    await trained.update({ t: step, learningRate: 1e-3, denominator: batch.denominator });
    if (step % 25 === 0) await trained.lossSum(batch);
    if (step % countedEvery !== 0) continue;
    if (step <= steps / 2) early = most(early);
    else late = most(late);
  }
  return { program, weights, steps, early, late, loss };
}

async function main() {
  const { values } = parseArgs({
    options: { steps: { type: "string" }, json: { type: "string" }, one: { type: "string" } },
  });
  if (values.one !== undefined) {
    console.log(JSON.stringify(await measure(JSON.parse(values.one))));
    process.exit(0);
  }
  const steps = count("steps", values.steps) ?? 1000;
  const rows: Measured[] = [];
  for (const program of programs) {
    for (const weights of weightStorages) {
      const row: Measured = ownProcess(import.meta.url, { program, weights, steps } satisfies Case);
      rows.push(row);
      const { early, late } = row;
      const grown = (["tensors", "bytes", "sessions", "heap"] as const).filter(
        (name) => late[name] > early[name] + (name === "heap" ? heapGrain : 0),
      );
      if (grown.length > 0) process.exitCode = 1;
      console.log(
        `${grown.length > 0 ? "GROWN" : "ok   "} ${program}, ${weights}: ${steps} steps, ${late.tensors} tensors, ` +
          `${late.bytes} bytes, ${late.sessions} sessions, heap ${early.heap} then ${late.heap}, loss ${row.loss.toFixed(4)}`,
      );
    }
  }
  writeJson(values.json, rows);
}

runCommand(main);
