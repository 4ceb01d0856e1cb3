/**
 * Compares the programs of a run under Node, on wasm: seconds to build the sessions, seconds of a micro-batch and an update,
 * and the memory, by depth. `npx tsx bench/programs.ts [--shape NAME] [--layers 2,8,30] [--length 512] [--programs
 * whole,layers,smallest] [--weights float32|float16|…] [--threads 2] [--json FILE]`. Each case has a process of its own, because
 * the heap never shrinks.
 */

import { parseArgs } from "node:util";
import { count, oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { linearsOf, type Method, parametersOf } from "../src/artifacts/method.ts";
import { artifactsOfRun, layerArtifactsOfRun } from "../src/artifacts/ofRun.ts";
import { packBatch } from "../src/batching/batch.ts";
import { withPrecision } from "../src/models/architecture.ts";
import { configs } from "../src/models/catalogueConfigs.ts";
import { defineModel } from "../src/models/define.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { sizeOf } from "../src/tensor/dtype.ts";
import { createRandom } from "../src/tensor/random.ts";
import { weightStorages } from "../src/tensor/storage.ts";
import { initialAdapter, uploadParameters } from "../src/training/parameters.ts";
import { createPerLayer } from "../src/training/perLayer.ts";
import { createWholeGraph } from "../src/training/wholeGraph.ts";
import { ownProcess } from "./ownProcess.ts";

const shapes = {
  "smollm2-135m": { config: configs.smolLM2Small, layers: "num_hidden_layers" },
} as const;
const programs = ["whole", "layers", "smallest"] as const;

interface Case {
  readonly layers: number;
  readonly length: number;
  readonly program: (typeof programs)[number];
  readonly weights: (typeof weightStorages)[number];
  readonly threads: number;
}

interface Measured extends Case {
  readonly parameters: number;
  /** Seconds. */
  readonly sessions: number;
  readonly first: number;
  readonly second: number;
  readonly update: number;
  /** Bytes of the heap when the weights are there, and at the end. */
  readonly loaded: number;
  readonly peak: number;
  readonly loss: number;
}

const recipe = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1, accumulation: 1 };

const seconds = async <T>(work: () => Promise<T>): Promise<readonly [number, T]> => {
  const started = performance.now();
  const result = await work();
  return [(performance.now() - started) / 1000, result];
};

/** Small seeded numbers, a few nanoseconds each. */
function noise(length: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = state * 1.6e-11;
  }
  return values;
}

async function measure(one: Case): Promise<Measured> {
  const { config, layers } = shapes["smollm2-135m"];
  const precision = { weights: one.weights, embedding: one.weights, compute: "float32" } as const;
  const model = withPrecision(defineModel({ ...config, [layers]: one.layers }), precision);
  const method: Method = { kind: "lora", rank: 16, alpha: 32, targets: linearsOf(model).map(({ name }) => name) };
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: one.threads });
  const specs = parametersOf(model, method);
  const adapter = initialAdapter(specs, 1);
  const parameters = await uploadParameters(
    runtime,
    specs,
    ({ name, shape }) =>
      adapter.get(name) ??
      (shape.length === 1 ? new Float32Array(sizeOf(shape)).fill(1) : noise(sizeOf(shape), name.length)),
  );
  const loaded = runtime.memoryUse()?.bytes ?? 0;
  const shape = { rows: 1, length: one.length, supervised: one.length / 2 };
  const random = createRandom(5);
  const ids = Int32Array.from({ length: one.length }, () => random.below(model.vocabulary));
  const mask = new Uint8Array(one.length).fill(1, one.length / 2);
  const origin = { source: 0, name: "bench", row: 0, line: 1 };
  const batch = packBatch([[{ origin, ids, mask, weights: new Float32Array(one.length).fill(1) }]], shape);
  const parts = { runtime, parameters, specs, recipe };
  const program =
    one.program === "whole"
      ? createWholeGraph({ ...parts, artifacts: artifactsOfRun(model, method, recipe, "wasm") })
      : createPerLayer({
          ...parts,
          model,
          artifacts: layerArtifactsOfRun(
            model,
            method,
            recipe,
            "wasm",
            one.program === "layers" ? "products" : "inputs",
          ),
        });
  const [sessions] = await seconds(() => program.prepare([shape]));
  const [first] = await seconds(() => program.microBatch(batch, true));
  const [second, { lossSum }] = await seconds(() => program.microBatch(batch, true));
  const [update] = await seconds(() => program.update({ t: 1, learningRate: 1e-3, denominator: batch.denominator }));
  return {
    ...one,
    parameters: specs.reduce((sum, { shape: own }) => sum + sizeOf(own), 0),
    sessions,
    first,
    second,
    update,
    loaded,
    peak: runtime.memoryUse()?.peakBytes ?? 0,
    loss: lossSum / batch.denominator,
  };
}

async function main() {
  const { values } = parseArgs({
    options: {
      layers: { type: "string", default: "2,8,30" },
      length: { type: "string" },
      programs: { type: "string", default: programs.join() },
      weights: { type: "string", default: "float32" },
      threads: { type: "string" },
      json: { type: "string" },
      one: { type: "string" },
    },
  });
  if (values.one !== undefined) {
    console.log(JSON.stringify(await measure(JSON.parse(values.one))));
    process.exit(0);
  }
  const depths = values.layers.split(",").map((word) => count("layers", word) ?? 0);
  const cases = depths.flatMap((layers) =>
    values.weights.split(",").flatMap((weights) =>
      values.programs.split(",").map(
        (program): Case => ({
          layers,
          length: count("length", values.length) ?? 512,
          program: oneOf("programs", program, programs),
          weights: oneOf("weights", weights, weightStorages),
          threads: count("threads", values.threads) ?? 2,
        }),
      ),
    ),
  );
  const rows: Measured[] = [];
  for (const one of cases) {
    const row: Measured = ownProcess(import.meta.url, one);
    rows.push(row);
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
    console.log(
      `${row.layers} layers, ${row.program}, ${row.weights}: sessions ${row.sessions.toFixed(1)} s, first ${row.first.toFixed(1)} s, ` +
        `then ${row.second.toFixed(2)} s, update ${row.update.toFixed(2)} s, weights ${mb(row.loaded)}, peak ${mb(row.peak)}, ` +
        `loss ${row.loss.toFixed(5)}`,
    );
  }
  writeJson(values.json, rows);
}

runCommand(main);
