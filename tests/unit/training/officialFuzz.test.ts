/**
 * 10,000 damaged sets of training artifacts: each opens and is lowered, or gives one message that names the fault; none hangs.
 * Every 20th set that is lowered also trains a step.
 */

import { afterAll, describe, expect, test } from "vitest";
import {
  officialEvaluation,
  officialOptimizer,
  officialTraining,
  openOfficial,
} from "../../../src/artifacts/official.ts";
import { type NamedFiles, officialFolder } from "../../../src/artifacts/officialFiles.ts";
import { GraphError } from "../../../src/onnx/graph.ts";
import { lowerModel } from "../../../src/onnx/lower/lower.ts";
import { readForeign } from "../../../src/onnx/readForeign.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { createRandom, type Random } from "../../../src/tensor/random.ts";
import { cpuTime } from "../../support/cpuTime.ts";
import { isLong } from "../../support/long.ts";
import { officialBatch, officialSet } from "../../support/officialSet.ts";
import { type FileModel, onnxFile } from "../../support/onnxFile.ts";
import { operatorCases } from "../../support/operatorCases.ts";
import { operatorsByHand } from "../../support/operatorsByHand.ts";
import { rawErrors } from "../../support/rawErrors.ts";
import { openSet } from "../../support/trainOfficial.ts";

const files = [officialSet("adamw"), officialSet("adamw with clipping"), officialSet("sgd")];
const withFunctions: FileModel = {
  inputs: [{ name: "x", dtype: "float32", dims: ["n", 2] }],
  outputs: [{ name: "y", dtype: "float32" }],
  nodes: [{ op: "f", domain: "local", inputs: ["x"], outputs: ["y"], attributes: { axis: 1 } }],
  functions: [
    {
      name: "f",
      inputs: ["a"],
      outputs: ["b"],
      attributes: ["axis"],
      nodes: [{ op: "Concat", inputs: ["a", "a"], outputs: ["b"], references: { axis: "axis" } }],
    },
  ],
};
/** Without IsNaN: half of its name, which messages show, reads like an engine's own text. */
const named = [...operatorCases, ...operatorsByHand].filter(({ op }) => op !== "IsNaN").map(({ model }) => model);
const single = [...named, withFunctions].map(onnxFile);

const numbers = [0, 1, 2, 8, 16, 26, 34, 58, 127, 128, 255];
const mutations: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  (bytes, random) => bytes.with(random.below(bytes.length), random.below(256)),
  (bytes, random) => bytes.with(random.below(bytes.length), numbers[random.below(numbers.length)] as number),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return bytes.with(at, (bytes[at] as number) ^ (1 << random.below(8)));
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random.below(24)))]);
  },
  (bytes, random) => {
    const [at, from] = [random.below(bytes.length), random.below(bytes.length)];
    const piece = bytes.subarray(from, from + 1 + random.below(24));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  // A varint or an offset far too large.
  (bytes, random) => {
    const at = random.below(bytes.length);
    return new Uint8Array(bytes).fill(255, at, at + 1 + random.below(9));
  },
  (bytes, random) => {
    const changed = new Uint8Array(bytes);
    const at = random.below(Math.max(1, bytes.length - 8));
    for (let i = at; i < Math.min(bytes.length, at + 4); i++) changed[i] = i === at + 3 ? 127 : 255;
    return changed;
  },
];

function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let result = bytes;
  for (let changes = 1 + random.below(2); changes > 0 && result.length > 0; changes--)
    result = mutations[random.below(mutations.length)]?.(result, random) ?? result;
  return new Uint8Array(result);
}

/** One line that names the fault, and nothing of what engines write. */
function expectFault(error: unknown, what: string): void {
  if (!(error instanceof GraphError)) throw new Error(`${what}: no GraphError`, { cause: error });
  expect(error.message, what).not.toMatch(rawErrors);
  expect(error.message.length, what).toBeLessThan(1200);
  expect(error.message, what).not.toMatch(/\n/);
}

/** Most milliseconds of work for a file of a few kilobytes. */
const longestWork = 10_000;

const batch = officialBatch(1);
const feeds = { "input-0": batch["input-0"].shape, labels: batch.labels.shape };
const rooms = isLong ? 10 : 1;
const perRoom = 1000;

const runtime = await createRuntime("wasm", { entries: nodeEntries });
afterAll(() => runtime.dispose());

describe.each(Array.from({ length: rooms }, (_, i) => i))("thousand %i", (thousand) => {
  test("sets of files", async () => {
    const random = createRandom(7000 + thousand);
    let opened = 0;
    for (let i = 0; i < perRoom / 2; i++) {
      const intact = files[i % files.length] as NamedFiles;
      const name = [...intact.keys()][random.below(4)] as string;
      const named = new Map([...intact, [name, mutated(intact.get(name) as Uint8Array, random)]]);
      const [what, began] = [`set ${i}, ${name}`, cpuTime()];
      try {
        const folder = officialFolder(named);
        const set = openOfficial(folder.files, folder.checkpoint);
        officialTraining(set, feeds).bytes();
        officialEvaluation(set, feeds).bytes();
        officialOptimizer(set).bytes();
        opened += 1;
        if (opened % 20 === 0) await trainOnce(named, what);
      } catch (error) {
        expectFault(error, what);
      }
      expect(cpuTime() - began, what).toBeLessThan(longestWork);
    }
    expect(opened).toBeGreaterThan(20);
  }, 600_000);

  test("models of every operator", () => {
    const random = createRandom(8000 + thousand);
    let lowered = 0;
    for (let i = 0; i < perRoom / 2; i++) {
      const at = random.below(single.length);
      const [what, began] = [`model ${i} of ${at}`, cpuTime()];
      try {
        const model = readForeign(mutated(single[at] as Uint8Array, random));
        const open = model.inputs.filter(({ dims }) => dims?.some((size) => typeof size === "string"));
        lowerModel(model, { shapes: Object.fromEntries(open.map(({ name }) => [name, [3, 2]])) });
        lowered += 1;
      } catch (error) {
        expectFault(error, what);
      }
      expect(cpuTime() - began, what).toBeLessThan(longestWork);
    }
    expect(lowered).toBeGreaterThan(20);
  }, 600_000);
});

/** A damaged set that can be lowered trains, or the runtime says why not. */
async function trainOnce(named: NamedFiles, what: string): Promise<void> {
  const opened = await openSet(runtime, named);
  try {
    const { lossSum } = await opened.program.microBatch(batch, true);
    expect(typeof lossSum, what).toBe("number");
    await opened.program.update({ t: 1, learningRate: 1e-3, denominator: 1 });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    expect(error.message, what).not.toMatch(/is not a function|Cannot read|Maximum call stack/);
  } finally {
    opened.dispose();
  }
}
