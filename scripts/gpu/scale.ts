/** The sizes that `npm run gpu` measures, chosen by the adapter. */

import type { Size } from "../../bench/step/problem.ts";

export interface Scale {
  /** Side of the matrices whose product measures the peak. */
  readonly matrix: number;
  readonly benchSizes: readonly Size[];
  /** Rounds of the bench. */
  readonly rounds: number;
  /** Largest depth, vocabulary and row length of models with real shapes. */
  readonly layers: number;
  readonly vocabulary: number;
  readonly length: number;
  /** Depths of the session build times. */
  readonly depths: readonly number[];
  /** Families whose artifacts are compared with wasm. */
  readonly families: number;
  /** Steps of Seedling's demo; null is the whole demo. */
  readonly demoSteps: number | null;
  /** Exam questions of each group; null is the whole exam. */
  readonly questions: number | null;
  /** Factor of each part's seconds. */
  readonly patience: number;
  /** The rule, for people. */
  readonly rule: string;
}

const whole: Scale = {
  matrix: 4096,
  benchSizes: ["small", "medium"],
  rounds: 7,
  layers: Number.POSITIVE_INFINITY,
  vocabulary: Number.POSITIVE_INFINITY,
  length: 512,
  depths: [2, 8, 30],
  families: 6,
  demoSteps: null,
  questions: null,
  patience: 1,
  rule: "whole sizes",
};

const quick: Scale = {
  ...whole,
  matrix: 2048,
  benchSizes: ["small"],
  rounds: 3,
  layers: 8,
  length: 256,
  depths: [2, 8],
  families: 3,
  demoSteps: 40,
  questions: 8,
  rule: "--quick: at most 8 layers and 256 tokens, matrices of 2048, 40 steps of the demo",
};

/** An emulated adapter compiles a pipeline in up to a second and multiplies a thousand times more slowly than a GPU. */
const emulatedWhole: Scale = {
  matrix: 256,
  benchSizes: ["tiny"],
  rounds: 3,
  layers: 2,
  vocabulary: 4096,
  length: 64,
  depths: [1, 2],
  families: 1,
  demoSteps: 3,
  questions: 1,
  patience: 20,
  rule:
    "the processor emulates this adapter: at most 2 layers, 4096 tokens of vocabulary and 64 tokens a row, matrices of 256, " +
    "one family, 3 steps of the demo, twenty times the seconds",
};

const emulatedQuick: Scale = {
  ...emulatedWhole,
  layers: 1,
  depths: [1],
  rounds: 1,
  demoSteps: 2,
  rule: `${emulatedWhole.rule}; --quick: 1 layer, 2 steps of the demo, 1 round`,
};

/** What `sessions`, `135M` and `0.6B` are measured for: their real depth and vocabulary, however long an emulator takes. */
const emulatedDeep: Scale = {
  ...emulatedWhole,
  layers: Number.POSITIVE_INFINITY,
  vocabulary: Number.POSITIVE_INFINITY,
  depths: [2, 8, 30],
  patience: 60,
  rule: "the processor emulates this adapter; --deep: all layers and the whole vocabulary, 64 tokens a row",
};

export interface Effort {
  readonly quick: boolean;
  /** Whether an emulated adapter computes whole models too. */
  readonly deep: boolean;
}

export function scaleOf(emulated: boolean, { quick: isQuick, deep }: Effort): Scale {
  if (!emulated) return isQuick ? quick : whole;
  return isQuick ? emulatedQuick : deep ? emulatedDeep : emulatedWhole;
}
