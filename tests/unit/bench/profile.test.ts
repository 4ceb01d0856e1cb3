/** The arithmetic of `npm run profile`: oracle, a few events written by hand in ONNX Runtime's form, and sums done by hand. */

import { describe, expect, test } from "vitest";
import { readRuns } from "../../../bench/profile/events.ts";
import { kernelsOf, operationsOf, partOf } from "../../../bench/profile/kernels.ts";
import type { RunMarks } from "../../../bench/profile/seams.ts";
import { medianStep, partsOf, waitedWithin } from "../../../bench/profile/seamTimes.ts";
import { byOp, byRegion, byShape } from "../../../bench/profile/sums.ts";
import { traceOf } from "../../../bench/profile/trace.ts";

const event = (cat: string, name: string, ts: number, dur: number, args: object = {}) =>
  `${JSON.stringify({ cat, pid: 42, tid: 1, dur, ts, ph: "X", name, args })},`;

const run = (ts: number, dur: number) => event("Session", "model_run", ts, dur);

/** A node that is reported as ONNX Runtime does: sizes as text, shapes by element type. */
const node = (name: string, op: string, ts: number, dur: number, inputs: number[][], outputs: number[][]) =>
  event("Node", `${name}_kernel_time`, ts, dur, {
    op_name: op,
    activation_size: "100",
    parameter_size: "20",
    output_size: "30",
    input_type_shape: inputs.map((shape) => ({ float: shape })),
    output_type_shape: outputs.map((shape) => ({ float: shape })),
  });

const projection = "model/layers.0/self_attn/q_proj/Gemm_11";
const gradient = `backward/${projection}/Gemm_269`;
const scale = "model/layers.0/input_layernorm/Mul_3";

/** The nodes of one run that begins at `ts`: a product forward, its gradient, and something that is no product. */
const nodes = (ts: number, [forward, backward, mul]: readonly [number, number, number]) => [
  node(
    projection,
    "Gemm",
    ts,
    forward,
    [
      [512, 64],
      [32, 64],
    ],
    [[512, 32]],
  ),
  node(
    gradient,
    "Gemm",
    ts + 3000,
    backward,
    [
      [512, 32],
      [512, 64],
    ],
    [[32, 64]],
  ),
  node(scale, "Mul", ts + 6000, mul, [[512, 64], []], [[512, 64]]),
];

const twoRuns = [
  event("Session", "session_initialization", 5, 90),
  ...nodes(1000, [2000, 1000, 400]),
  run(900, 9100),
  ...nodes(21000, [4000, 1000, 600]),
  run(20900, 9100),
];

describe("on the processor", () => {
  const runs = readRuns(twoRuns);
  const kernels = kernelsOf("training", runs);

  test("nodes go to the run in whose time they fall", () => {
    expect(runs.map(({ began, nodes }) => [began, nodes.map(({ began }) => began)])).toEqual([
      [900, [1000, 4000, 7000]],
      [20900, [21000, 24000, 27000]],
    ]);
  });

  test("a kernel has the median of its times, and its node's shapes, bytes, pass and part", () => {
    expect(kernels).toEqual([
      {
        node: projection,
        op: "Gemm",
        pass: "forward",
        part: "projections",
        inputs: [
          [512, 64],
          [32, 64],
        ],
        outputs: [[512, 32]],
        milliseconds: 3,
        bytes: 150,
        operations: 2 * 512 * 32 * 64,
      },
      expect.objectContaining({ node: gradient, pass: "backward", milliseconds: 1, operations: 2 * 32 * 64 * 512 }),
      expect.objectContaining({ node: scale, part: "norms", milliseconds: 0.5, operations: 0 }),
    ]);
  });

  test("sums by op", () => {
    const [gemm, mul] = byOp(kernels);
    expect(gemm).toMatchObject({ op: "Gemm", kernels: 2, milliseconds: 4 });
    expect(gemm?.share).toBeCloseTo(4 / 4.5);
    // 2 products of 2·2²⁰ operations in 4 ms.
    expect(gemm?.gflops).toBeCloseTo((2 * 2 * 512 * 32 * 64) / 4e6);
    expect(gemm?.gigabytesPerSecond).toBeCloseTo(300 / 4e6);
    expect(mul).toMatchObject({ op: "Mul", kernels: 1, milliseconds: 0.5, gflops: null });
  });

  test("sums by shape keep the passes apart, a scalar is 1", () => {
    expect(byShape(kernels).map(({ pass, shapes, milliseconds }) => [pass, shapes, milliseconds])).toEqual([
      ["forward", "512×64 · 32×64 → 512×32", 3],
      ["backward", "512×32 · 512×64 → 32×64", 1],
      ["forward", "512×64 · 1 → 512×64", 0.5],
    ]);
  });

  test("sums by part of the model, in the model's order", () => {
    expect(byRegion(kernels).map(({ part, passes }) => [part, passes])).toEqual([
      ["norms", { forward: 0.5, backward: 0, optimizer: 0 }],
      ["projections", { forward: 3, backward: 1, optimizer: 0 }],
    ]);
    expect(byRegion(kernelsOf("optimizer", runs)).map(({ part, passes }) => [part, passes])).toEqual([
      ["update", { forward: 0, backward: 0, optimizer: 4.5 }],
    ]);
  });
});

test("on the GPU dispatches are what is timed: two programs of a node are told apart, and the longer multiplies", () => {
  const dispatch = (name: string, ts: number, dur: number) =>
    event("Api", name, ts, dur, { shapes: "", cache_key: "" });
  const dispatches = (ts: number) => [
    dispatch(`${projection}&Gemm&Transpose`, ts, 200),
    dispatch(`${projection}&Gemm&Gemm`, ts + 200, 700),
    dispatch(`${scale}&Mul&Mul`, ts + 900, 100),
  ];
  const first = dispatch("warm&Mul&Mul", 0, 5);
  const runs = readRuns([...twoRuns, first, ...dispatches(10), ...dispatches(5000)]);
  expect(runs.map(({ dispatches }) => dispatches.length)).toEqual([4, 3]);
  const kernels = kernelsOf("training", runs.slice(-1));
  expect(kernels.map(({ op, milliseconds, operations }) => [op, milliseconds, operations])).toEqual([
    ["Gemm (Transpose)", 0.2, 0],
    ["Gemm", 0.7, 2 * 512 * 32 * 64],
    ["Mul", 0.1, 0],
  ]);
});

test("a session that printed no run is an error", () => {
  expect(() => readRuns([event("Session", "session_initialization", 5, 90)])).toThrow("no run");
  expect(() => readRuns(['{"cat" : "Node",'])).toThrow("not JSON");
});

test.each([
  [
    "MatMul",
    [
      [4, 8, 128, 16],
      [4, 8, 16, 128],
    ],
    [[4, 8, 128, 128]],
    2 * 4 * 8 * 128 * 128 * 16,
  ],
  // Its first operand transposed: (K, M).
  [
    "FusedMatMul",
    [
      [4, 256, 128],
      [4, 256, 8],
    ],
    [[4, 128, 8]],
    2 * 4 * 128 * 8 * 256,
  ],
  [
    "Gemm",
    [
      [512, 172],
      [512, 64],
    ],
    [[172, 64]],
    2 * 172 * 64 * 512,
  ],
  [
    "Add",
    [
      [512, 64],
      [512, 64],
    ],
    [[512, 64]],
    0,
  ],
])("operations of %s %j → %j", (op, inputs, outputs, operations) => {
  expect(operationsOf({ op, inputs, outputs })).toBe(operations);
});

test.each([
  ["model/embed_tokens/Gather_9", "embedding"],
  ["backward/model/embed_tokens/Gather_9/ScatterND_289", "embedding"],
  ["model/layers.0/input_layernorm/SimplifiedLayerNormalization_10", "norms"],
  ["model/norm/SimplifiedLayerNormalization_82", "norms"],
  ["backward/model/layers.0/self_attn/k_proj/Gemm_12/Gemm_266", "projections"],
  ["model/layers.0/self_attn/attention/Softmax_30", "attention"],
  ["backward/attention/MatMul_163", "attention"],
  ["model/layers.0/mlp/down_proj/QuickGelu_41", "MLP"],
  ["backward/linear_cross_entropy/Gemm_98", "head"],
  ["model/layers.0/Add_37", "other"],
])("%s is of the part %s", (name, part) => {
  expect(partOf(name)).toBe(part);
});

const marks = (kind: "training" | "optimizer", asked: number): RunMarks => ({
  kind,
  requested: asked,
  queued: asked + 1,
  began: asked + 3,
  called: asked + 7,
  returned: asked + 50,
  ended: asked + 58,
  settled: asked + 60,
  fedBytes: 10,
  readBytes: 4,
  waits: [
    [asked, asked + 2],
    [asked + 17, asked + 27],
    [asked + 20, asked + 37],
    [asked + 45, asked + 99],
  ],
  gpu: null,
});
const stepAt = (began: number, length: number) => ({
  began,
  ended: began + length,
  runs: [marks("training", began + 5), marks("optimizer", began + 70)],
});

describe("at the seams", () => {
  test("waits that overlap count once, and only within the run", () => {
    expect(waitedWithin(marks("training", 0).waits, [7, 50])).toBe(25);
    expect(waitedWithin([], [7, 50])).toBe(0);
  });

  test("the parts add up to the step", () => {
    const { milliseconds, around, training } = partsOf(stepAt(100, 140));
    expect(training).toEqual({ javascript: 3, mutex: 2, inputs: 4, runtime: 18, gpu: 25, outputs: 8 });
    expect(milliseconds).toBe(140);
    expect(around).toBe(20);
  });

  test("the median step is one that was taken", () => {
    expect(medianStep([stepAt(0, 300), stepAt(300, 140), stepAt(500, 150), stepAt(700, 145)]).began).toBe(700);
  });
});

test("in the trace a run's nodes lie within the call, and the GPU is done when the call returns", () => {
  const dispatches = [event("Api", `${scale}&Mul&Mul`, 500, 201), event("Api", `${projection}&Gemm&Gemm`, 700, 300)];
  const [training] = readRuns([...nodes(1000, [2000, 1000, 400]), run(900, 9100), ...dispatches]);
  if (!training) throw new Error("There is one run.");
  const trace = traceOf([stepAt(100, 140)], { training: [training], optimizer: [] });
  const of = (cat: string) => trace.filter((slice) => slice.cat === cat).map(({ name, ts, dur }) => [name, ts, dur]);
  expect(of("step")).toEqual([["step 1", 100_000, 140_000]]);
  // Called at 112 ms; the first node began 100 µs after the run.
  expect(of("node")[0]).toEqual(["Gemm", 112_100, 2000]);
  // Returned at 155 ms; the first, rounded up, would end 1 µs within the second.
  expect(of("dispatch")).toEqual([
    ["Mul", 154_500, 200],
    ["Gemm", 154_700, 300],
  ]);
});
