/**
 * Configs of published models and odd variants: which ones Hone takes, and their logits. Oracle: transformers 5.18 on the
 * same weights (seed 16), frozen in tests/golden/configs; Hone's graphs run in the float64 reference interpreter.
 */

import { describe, expect, test } from "vitest";
import { configCases, publishedCases, publishedConfigs } from "../../scripts/oracle/configs/cases.ts";
import { defined, tolerance } from "../../scripts/oracle/configs/compare.ts";
import { sampled } from "../../scripts/oracle/configs/freeze.ts";
import { parameterFeeds, rowArtifact, rowFeeds, rowIds, seededWeights } from "../../scripts/oracle/configs/model.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import type { HostTensor } from "../../src/runtime/types.ts";
import frozen from "../golden/configs/logits.json";
import { isLong } from "../support/long.ts";
import { interpret, tensor } from "./reference.ts";

function logitsOf(definition: ModelDefinition): Float64Array {
  const ids = rowIds(definition);
  const feeds = { ...parameterFeeds(definition, seededWeights(definition)), ...rowFeeds(ids) };
  const asTensor = ({ shape, data }: Pick<HostTensor, "shape" | "data">) => tensor(shape, Array.from(data, Number));
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, asTensor(feed)]));
  const { logits } = interpret(rowArtifact(definition, ids.length).graph(), inputs);
  if (!logits) throw new Error("The graph has no logits.");
  return logits.data;
}

/** The worst deviation from the frozen logits of a case, relative to its largest one. */
function deviationOf(definition: ModelDefinition, name: string): number {
  const expected = frozen.cases.find((one) => one.name === name);
  if (!expected) throw new Error(`${name} is not frozen.`);
  const actual = sampled(logitsOf(definition), definition.vocabulary);
  return Math.max(...actual.map((logit, i) => Math.abs(logit - (expected.logits[i] ?? Number.NaN)) / expected.scale));
}

const refusals = configCases.filter(({ refused }) => refused !== undefined);
const taken = configCases.filter(({ refused }) => refused === undefined);

test.each(refusals)("$name is refused", ({ config, head, refused }) => {
  const reason = defined(config, head);
  expect(reason).toEqual(expect.stringContaining(refused ?? ""));
  expect(String(reason).length).toBeLessThan(320);
});

test("a published config and its small form have the same outcome", () => {
  const short = (outcome: ModelDefinition | string) => (typeof outcome === "string" ? outcome : outcome.architecture);
  for (const { name, config } of publishedCases)
    expect(short(defined(publishedConfigs[name] ?? {})), name).toBe(short(defined(config)));
});

describe("logits", () => {
  test("every config that Hone takes is frozen, and no other", () => {
    expect(frozen.cases.map(({ name }) => name)).toEqual(taken.map(({ name }) => name));
  });

  test.each([
    ["rope_theta", "llama: linear of factor 4", { rope_theta: 9000 }],
    ["yarn's beta_fast", "llama: yarn", { rope_scaling: { rope_type: "yarn", factor: 4, beta_fast: 8 } }],
    ["a window", "mistral: window of 8", { sliding_window: 9 }],
    ["a soft cap", "gemma2: soft caps small", { attn_logit_softcapping: 2.1 }],
    ["an epsilon", "llama: is_causal true", { rms_norm_eps: 1e-3 }],
  ])("another value of %s is seen", (_what, name, change) => {
    const one = taken.find((each) => each.name === name);
    const definition = defined({ ...one?.config, ...change });
    if (!one || typeof definition === "string") throw new Error(`${name}: ${definition}`);
    expect(deviationOf(definition, name)).toBeGreaterThan(10 * tolerance);
  });

  // The quick form takes every third case; each family has several.
  const checked = taken.filter((_, i) => isLong || i % 3 === 0);
  test.each(checked)("$name", ({ name, config, head }) => {
    const definition = defined(config, head);
    if (typeof definition === "string") throw new Error(definition);
    expect(deviationOf(definition, name)).toBeLessThan(tolerance);
  });
});
