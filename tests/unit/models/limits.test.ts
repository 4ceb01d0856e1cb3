/** Bounds of a config's numbers. Oracles: the largest published models, which open, and the bounds, which hold. */

import { describe, expect, it, test } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { ConfigError } from "../../../src/models/config.ts";
import { defineModel } from "../../../src/models/define.ts";
import { rawErrors } from "../../support/rawErrors.ts";
import { small } from "./small.ts";

/** The refusal; fails when there is none, or when it takes long. */
function refusalOf(json: unknown): string {
  const start = performance.now();
  try {
    checkpointTensors(defineModel(json));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(error.message).toMatch(/^config\.json: [^\n]{20,300}\.$/);
    expect(error.message).not.toMatch(rawErrors);
    return error.message;
  }
  throw new Error(`${JSON.stringify(json)} was not refused.`);
}

const sizes = [
  ["num_hidden_layers", 512],
  ["hidden_size", 65_536],
  ["intermediate_size", 262_144],
  ["num_attention_heads", 1024],
  ["num_key_value_heads", 1024],
  ["head_dim", 2048],
  ["vocab_size", 524_288],
  ["max_position_embeddings", 16_777_216],
] as const;
const noSizes = [
  0,
  -0,
  -1,
  0.5,
  1.5,
  1e-300,
  1e9,
  1e300,
  2 ** 53 + 2,
  Number.POSITIVE_INFINITY,
  "64",
  "1e9",
  true,
  [4],
  {},
];

describe.each(sizes)("%s", (field, most) => {
  it.each([most + 1, ...noSizes])("is refused as %j, with its bounds", (value) => {
    const message = refusalOf({ ...small, [field]: value });
    expect(message).toContain(`${field} must be a whole number from 1 to ${most}, not `);
  });
});

const numbers: readonly (readonly [string, string, readonly unknown[]])[] = [
  ["rms_norm_eps", "1e-16 to 0.1", [1e9, 1, 1e300, 1e-300, 0, -0, -1e-6, "1e-5", null, [1e-5], true]],
  ["rope_theta", "1 to 1000000000000", [1e300, 1e13, 1e-9, 0.5, 0, -0, -1e4, "10000", null, [1e4], true]],
];
describe.each(numbers)("%s", (field, bounds, values) => {
  it.each(values)("is refused as %j", (value) => {
    expect(refusalOf({ ...small, [field]: value })).toContain(`${field} must be a number from ${bounds}, not `);
  });
});

describe("rope_scaling", () => {
  const scaling = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const rows: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ factor: 1e300 }, /rope_scaling: factor must be a number from 1 to 4096, not 1e\+300/],
    [{ factor: 0.5 }, /rope_scaling: factor must be/],
    [{ factor: "8" }, /rope_scaling: factor must be .*, not "8"/],
    [{ factor: undefined }, /rope_scaling: factor is missing/],
    [{ low_freq_factor: 1e-9 }, /rope_scaling: low_freq_factor must be/],
    [{ high_freq_factor: 1e9 }, /rope_scaling: high_freq_factor must be/],
    [{ low_freq_factor: 4 }, /high_freq_factor \(4\) must be above low_freq_factor \(4\)/],
    [{ original_max_position_embeddings: 1e9 }, /original_max_position_embeddings must be a whole number from 1 to/],
    [{ rope_type: { a: 1 } }, /rope_scaling of type \{"a":1\} is not supported/],
    [{ rope_type: "x".repeat(5000) }, /rope_scaling of type "x{59,60}…" is not supported/],
  ];
  it.each(rows)("row %# is refused by its field", (change, message) => {
    expect(refusalOf({ ...small, rope_scaling: { ...scaling, ...change } })).toMatch(message);
  });
});

describe("other values in a config", () => {
  const rows: readonly (readonly [string, unknown, RegExp])[] = [
    ["architectures that is a number", { ...small, architectures: 5 }, /architectures must be a list, not 5/],
    ["an architecture that is a number", { ...small, architectures: [5] }, /architectures\[0\] must be a text, not 5/],
    ["an endless architecture", { ...small, architectures: ["x".repeat(1e6)] }, /architecture x{60}… is not supported/],
    ["an endless activation", { ...small, hidden_act: "y".repeat(1e6) }, /hidden_act "y{59,60}…" is not supported/],
    ["an activation that is a list", { ...small, hidden_act: ["silu"] }, /hidden_act must be a text, not \["silu"\]/],
    ["a flag that is a text", { ...small, tie_word_embeddings: "no" }, /tie_word_embeddings must be true or false/],
    [
      "an endless field",
      { ...small, sliding_window: Array(1e6).fill(7) },
      /sliding_window is \[7,7,[7,]{40,60}…\]?, and Hone/,
    ],
    ["a list", [small], /neither model_type nor architectures names a model/],
    ["a text", "config", /the whole must be an object, not "config"/],
    ["a number", 5, /the whole must be an object, not 5/],
  ];
  it.each(rows)("%s is refused", (_, json, message) => {
    expect(refusalOf(json)).toMatch(message);
  });

  test("a value nested a hundred thousand times", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(refusalOf({ ...small, sliding_window: deep })).toMatch(/sliding_window is \[{20,60}/);
    expect(refusalOf({ ...small, hidden_size: deep })).toMatch(/hidden_size must be .*, not \[{20,60}/);
  });
});

test("the sizes of the largest published models are within the bounds", () => {
  const largest = {
    ...small,
    vocab_size: 128_256,
    hidden_size: 16_384,
    intermediate_size: 53_248,
    num_hidden_layers: 126,
    num_attention_heads: 128,
    num_key_value_heads: 8,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    rope_theta: 500_000,
  };
  expect(checkpointTensors(defineModel(largest))).toHaveLength(126 * 9 + 3);
  // Llama 3 with a context of four million tokens, by Gradient AI.
  const long = { ...small, rope_theta: 45_768_832_000, max_position_embeddings: 4_194_304 };
  expect(defineModel(long).contextLength).toBe(4_194_304);
});

test("a model at the bounds of layers is traced, and names each tensor once", () => {
  const tensors = checkpointTensors(defineModel({ ...small, num_hidden_layers: 512 }));
  expect(new Set(tensors.map(({ name }) => name)).size).toBe(512 * 9 + 3);
});
