/**
 * Trains ONNX Runtime's MNIST set in a folder on random inputs and labels, in Hone and in onnxruntime-web 1.19.2:
 * `tsx scripts/oracle/official/training.ts DIR [--runs N]`. After five steps Hone's checkpoint goes on in both.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { officialFolder } from "../../../src/artifacts/officialFiles.ts";
import { readOrtCheckpoint, writeOrtCheckpoint } from "../../../src/onnx/ortCheckpoint.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { saveOfficial } from "../../../src/training/officialState.ts";
import { openSet, trainSteps, worstRatio } from "../../../tests/support/trainOfficial.ts";
import { count, existing, runCommand } from "../../harness/arguments.ts";
import { type OrtFeed, ortMissing, trainWithOrt } from "./ort.ts";

const usage = "tsx scripts/oracle/official/training.ts DIR [--runs N]";
const tolerance = 1e-5;

/** Pixels as MNIST's are normalised, and labels of ten classes. */
function randomBatch(seed: number): Readonly<Record<string, OrtFeed & { readonly data: readonly number[] }>> {
  const random = createRandom(seed);
  const rows = 1 + random.below(8);
  return {
    "input-0": {
      dtype: "float32",
      shape: [rows, 784],
      data: Array.from({ length: rows * 784 }, () => Math.fround(random.normal())),
    },
    labels: { dtype: "int32", shape: [rows], data: Array.from({ length: rows }, () => random.below(10)) },
  };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: "string", default: "5" } },
  });
  const missing = ortMissing();
  if (missing) throw new Error(missing);
  const folder = existing("folder", positionals[0], usage);
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
  const { files: models, checkpointName } = officialFolder(files);
  if (!models.evaluation || !models.optimizer) throw new Error("The folder needs an eval and an optimizer model.");
  const parts = { training: models.training, evaluation: models.evaluation, optimizer: models.optimizer };
  const runtime = await createRuntime("wasm", { entries: nodeEntries });
  let worst = 0;
  for (let run = 0; run < (count("runs", values.runs) as number); run++) {
    const steps = Array.from({ length: 10 }, (_, step) => [randomBatch(1000 * run + step)]);
    const checkpoint = files.get(checkpointName) as Uint8Array;
    const expected = await trainWithOrt({ ...parts, checkpoint }, steps);
    const whole = await openSet(runtime, files);
    const first = await trainSteps(whole, steps.slice(0, 5));
    const state = await saveOfficial(whole.program, whole.parameters, whole.checkpoint, {
      step: 5,
      learningRate: 1e-3,
    });
    whole.dispose();
    const saved = writeOrtCheckpoint(state).checkpoint;
    const resumed = await openSet(runtime, files, readOrtCheckpoint(saved));
    const rest = await trainSteps(resumed, steps.slice(5));
    resumed.dispose();
    const goneOn = await trainWithOrt({ ...parts, checkpoint: saved }, steps.slice(5));
    const off = {
      losses: worstRatio([...first.losses, ...rest.losses], expected.losses),
      norms: worstRatio([...first.parameterNorms, ...rest.parameterNorms], expected.parameterNorms),
      "losses of 1.19.2 from Hone's checkpoint": worstRatio(goneOn.losses, rest.losses),
    };
    worst = Math.max(worst, ...Object.values(off));
    const text = Object.entries(off).map(([name, value]) => `${name} ${value.toExponential(1)}`);
    console.log(`run ${run + 1}: ${text.join(", ")}`);
  }
  await runtime.dispose();
  console.log(`Worst deviation ${worst.toExponential(1)}, tolerance ${tolerance}.`);
  process.exitCode = worst <= tolerance ? 0 : 1;
}

runCommand(main);
