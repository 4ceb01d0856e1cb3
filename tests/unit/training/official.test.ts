/** Training artifacts of ONNX Runtime on wasm. Oracle: onnxruntime-web 1.19.2 (scripts/oracle/official/freezeTraining.ts). */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect } from "vitest";
import { openOfficial } from "../../../src/artifacts/official.ts";
import { officialFolder } from "../../../src/artifacts/officialFiles.ts";
import { readOrtCheckpoint, writeOrtCheckpoint } from "../../../src/onnx/ortCheckpoint.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { readFeeds } from "../../../src/training/officialFeeds.ts";
import { saveOfficial } from "../../../src/training/officialState.ts";
import { officialBatch, officialSet, officialSteps, optimizerForms } from "../../support/officialSet.ts";
import { onnxFile } from "../../support/onnxFile.ts";
import { test } from "../../support/shared.ts";
import { openSet, trainSteps, worstRatio } from "../../support/trainOfficial.ts";

interface GoldenRun {
  readonly losses: readonly number[];
  readonly parameterNorms: readonly number[];
  readonly evaluation: number;
}

const golden: Readonly<Record<string, GoldenRun>> = JSON.parse(
  readFileSync(new URL("../../golden/official/training.json", import.meta.url), "utf8"),
);

/** Both compute in float32, in other orders of sums. */
const tolerance = 1e-5;
const rate = 1e-3;

const runtime = await createRuntime("wasm", { entries: nodeEntries });
afterAll(() => runtime.dispose());

test.for(optimizerForms)("%s: losses, norms and evaluation of twelve accumulated steps", async (form) => {
  const opened = await openSet(runtime, officialSet(form));
  const run = await trainSteps(opened, officialSteps);
  const expected = golden[form];
  expect(worstRatio(run.losses, expected?.losses ?? [])).toBeLessThan(tolerance);
  expect(worstRatio(run.parameterNorms, expected?.parameterNorms ?? [])).toBeLessThan(tolerance);
  const last = officialSteps.at(-1)?.at(-1) ?? {};
  expect(worstRatio([await opened.program.lossSum(last)], [expected?.evaluation ?? 0])).toBeLessThan(tolerance);
  opened.dispose();
});

test("sgd moves each parameter by the rate times its gradient", async () => {
  const opened = await openSet(runtime, officialSet("sgd"));
  const read = async (name: string) => Array.from((await opened.parameters.get(name)?.read()) ?? [], Number);
  const before = await read("fc2.bias");
  await opened.program.microBatch(officialBatch(1), true);
  const { gradientNorm } = await opened.program.update({ t: 1, learningRate: 0, denominator: 1 });
  expect(await read("fc2.bias")).toEqual(before);
  const names = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"];
  const start = await Promise.all(names.map(read));
  await opened.program.update({ t: 2, learningRate: 0.5, denominator: 1 });
  const end = await Promise.all(names.map(read));
  const moved = Math.hypot(...start.flatMap((values, i) => values.map((value, k) => value - (end[i]?.[k] ?? 0))));
  expect(moved / (0.5 * gradientNorm)).toBeCloseTo(1, 5);
  opened.dispose();
});

test("a run stopped in the middle, saved as a checkpoint of ONNX Runtime and restored, goes on as if it had not stopped", async () => {
  const files = officialSet("adamw");
  const whole = await openSet(runtime, files);
  const expected = await trainSteps(whole, officialSteps);
  whole.dispose();

  const first = await openSet(runtime, files);
  await trainSteps(first, officialSteps.slice(0, 5));
  const saved = await saveOfficial(first.program, first.parameters, first.checkpoint, { step: 5, learningRate: rate });
  first.dispose();
  for (const outside of [false, true]) {
    const { checkpoint, data } = writeOrtCheckpoint(saved, outside);
    const second = await openSet(runtime, files, readOrtCheckpoint(checkpoint, data));
    expect(second.done).toBe(5);
    const rest = await trainSteps(second, officialSteps.slice(5));
    expect(rest.losses).toEqual(expected.losses.slice(10));
    expect(rest.parameterNorms).toEqual(expected.parameterNorms.slice(5));
    second.dispose();
  }
});

test("every tensor is freed", async () => {
  const before = runtime.memory();
  const opened = await openSet(runtime, officialSet());
  await trainSteps(opened, officialSteps.slice(0, 1));
  opened.dispose();
  expect(runtime.memory().tensors).toBe(before.tensors);
});

describe("feeds are checked before a run", () => {
  const batch = officialBatch(3);
  const rows: [string, Record<string, unknown>, RegExp][] = [
    [
      "a label beyond the classes",
      { ...batch, labels: { ...batch.labels, data: [0, 4, 1] } },
      /label 4 at place 1.*4 classes/,
    ],
    ["a feed that is missing", { labels: batch.labels }, /no input-0|input-0/],
    ["a feed of another type", { ...batch, labels: { ...batch.labels, dtype: "float32" } }, /labels is float32.*int32/],
    ["numbers that do not fill the shape", { ...batch, labels: { ...batch.labels, data: [1] } }, /1 numbers.*needs 3/],
    ["rows that disagree", { ...batch, labels: { dtype: "int64", shape: [2], data: [1, 1] } }, /batch is 3 .* but 2/],
    ["an input that the model has not", { ...batch, more: batch.labels }, /have no input more/],
    [
      "a width that the model has not",
      { ...batch, "input-0": { dtype: "float32", shape: [3, 2], data: [1, 2, 3, 4, 5, 6] } },
      /is 6, but the feed has 2/,
    ],
  ];
  test.for(rows)("%s", async ([, feeds, message]) => {
    const opened = await openSet(runtime, officialSet());
    await expect(opened.program.microBatch(readFeeds(feeds), true)).rejects.toThrow(message);
    opened.dispose();
  });

  test("a file of feeds names what is wrong", () => {
    expect(() => readFeeds({ x: { dtype: "float32", shape: [1] } })).toThrow(/x\.data/);
    expect(() => readFeeds([])).toThrow(/dtype, shape, data/);
    expect(readFeeds({ x: { dtype: "bool", shape: [2], data: [true, false] } }).x?.data).toEqual([1, 0]);
  });
});

describe("a set names what is missing", () => {
  const without = (name: string) => new Map([...officialSet()].filter(([own]) => own !== name));
  const rows: [string, () => unknown, RegExp][] = [
    [
      "no training model",
      () => officialFolder(without("training_model.onnx")),
      /no training_model\.onnx among checkpoint/,
    ],
    ["no checkpoint", () => officialFolder(without("checkpoint")), /no checkpoint/],
    [
      "two checkpoints",
      () => officialFolder(new Map([...officialSet(), ["other", officialSet().get("checkpoint") as Uint8Array]])),
      /two files for the checkpoint: checkpoint, other/,
    ],
    [
      "a model that is none",
      () => {
        const { files, checkpoint } = officialFolder(
          new Map([...officialSet(), ["eval_model.onnx", Uint8Array.of(1, 2)]]),
        );
        return openOfficial(files, checkpoint);
      },
      /eval_model\.onnx: .*no ONNX file|eval_model\.onnx: /,
    ],
  ];
  test.for(rows)("%s", ([, open, message]) => {
    expect(open).toThrow(message);
  });

  test("operators that are not lowered are listed, and named when training starts", async () => {
    const strange = onnxFile({
      inputs: [{ name: "x", dtype: "float32", dims: [2] }],
      outputs: [{ name: "y", dtype: "float32" }],
      nodes: [
        { op: "Loop", name: "around", inputs: ["x"], outputs: ["a"] },
        { op: "Fancy", domain: "mine", inputs: ["a"], outputs: ["y"] },
      ],
    });
    const { files, checkpoint } = officialFolder(new Map([...officialSet(), ["eval_model.onnx", strange]]));
    expect(openOfficial(files, checkpoint).unknown).toEqual([
      { op: "Loop", domain: "", count: 1, firstNode: "around", reason: "its iterations depend on data" },
      { op: "Fancy", domain: "mine", count: 1, firstNode: "y", reason: "the operator set is not known" },
    ]);
  });
});

interface SharedGolden {
  readonly run: { readonly losses: readonly number[]; readonly params_l2: readonly number[] };
}

test("the MNIST set: ten losses and parameter norms", async ({ shared }) => {
  const names = ["training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint.ckpt"];
  const files = new Map<string, Uint8Array>();
  for (const name of names) files.set(name, await shared.bytes(`official/${name}`));
  const text = await shared.text("official/input-0.in");
  const data: number[] = JSON.parse(text.slice(text.indexOf("\n")));
  const batch = {
    "input-0": { dtype: "float32", shape: [data.length / 784, 784], data },
    labels: { dtype: "int64", shape: [data.length / 784], data: [1, 1] },
  };
  const opened = await openSet(runtime, files);
  const run = await trainSteps(
    opened,
    Array.from({ length: 10 }, () => [batch]),
  );
  const expected = ((await shared.json("golden/official.json")) as SharedGolden).run;
  expect(worstRatio(run.losses, expected.losses)).toBeLessThan(tolerance);
  expect(worstRatio(run.parameterNorms, expected.params_l2)).toBeLessThan(tolerance);
  opened.dispose();

  const bytes = files.get("checkpoint.ckpt") as Uint8Array;
  const checkpoint = readOrtCheckpoint(bytes);
  const back = readOrtCheckpoint(writeOrtCheckpoint(checkpoint).checkpoint);
  const described = ({ trainable }: typeof back) => trainable.map(({ name, type, shape }) => ({ name, type, shape }));
  expect(described(back)).toEqual(described(checkpoint));
  // Buffers, because toEqual takes seconds for a megabyte.
  const same = back.trainable.map((tensor, i) =>
    Buffer.compare(tensor.bytes, checkpoint.trainable[i]?.bytes ?? new Uint8Array()),
  );
  expect(same).toEqual([0, 0, 0, 0]);
});
