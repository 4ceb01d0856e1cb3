/** Checks the fields of a `config.json`, and refuses unread fields that change the mathematics. */

import * as v from "valibot";
import { cut, quote } from "../tensor/quote.ts";

/** A model that Hone cannot build. The message names the field, its value and a way out. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The most tokens that a model and its tokenizer may have. */
export const mostTokens = 2 ** 19;

/** The whole numbers from 1 to `most`. */
const upTo = (most: number) =>
  v.custom<number>(
    (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most,
    `a whole number from 1 to ${most}`,
  );

const between = (least: number, most: number) =>
  v.custom<number>(
    (value) => typeof value === "number" && value >= least && value <= most,
    `a number from ${least} to ${most}`,
  );

/**
 * Bounds of a model's sizes, for every family: several times the sizes of the largest published models. A size sets
 * loops and allocations, so it must have a bound.
 */
export const sizes = {
  /** Llama 3.1 405B has 126; models stacked from others have up to 200. */
  layers: upTo(512),
  /** Numbers in a token's hidden state. Llama 3.1 405B has 16,384. */
  width: upTo(65_536),
  /** Width inside an MLP. Nemotron 4 340B has 73,728. */
  inner: upTo(262_144),
  /** Llama 3.1 405B has 128. */
  heads: upTo(1024),
  /** Numbers in a head. Gemma 3n and 4 have up to 512. */
  headSize: upTo(2048),
  /** Tokens. Gemma 3 has 262,208. */
  vocabulary: upTo(mostTokens),
  /** Tokens of a sequence, or of a window. Llama 4 Scout has 10,485,760. */
  context: upTo(2 ** 24),
} as const;

/** Bounds of the numbers in a model's formulas: wider than the published values on both sides. */
export const numbers = {
  /** Added to a variance: published models have 1e-12 to 1e-3. */
  epsilon: between(1e-16, 0.1),
  /** Base of the rotary embedding: published models have 100 to 4.6e10. */
  ropeBase: between(1, 1e12),
  /** Factor of a context extension: published models have 2 to 128. */
  ropeFactor: between(1, 4096),
  /** Turns in the original context that bound the interpolated frequencies: published models have 1 to 32. */
  ropeTurns: between(1e-3, 4096),
  /** Rotated share of a head: published models have 0.25 to 1. */
  share: between(0, 1),
  /** A positive factor or divisor of embeddings, scores, residuals or logits: published models have 0.0078 to 256. */
  multiplier: between(1e-6, 1e6),
} as const;

/** A valibot issue in plain words: the field's path, empty for the whole, and the rest of a sentence. */
export function explain(issue: v.BaseIssue<unknown>): { readonly field: string; readonly problem: string } {
  const path = issue.path?.map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("") ?? "";
  const field = cut(path.replace(/^\./, ""));
  if (issue.input === undefined && field !== "") return { field, problem: "is missing" };
  const wanted = issue.type === "custom" ? issue.message : (plain[issue.expected ?? ""] ?? issue.expected);
  return { field, problem: `must be ${wanted}, not ${quote(issue.input)}` };
}

const plain: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  Object: "an object",
  Array: "a list",
};

/** Checks a value. Throws a ConfigError with field and value that begins with `what`, such as `config.json`. */
export function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  json: unknown,
  what = "config.json",
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const { field, problem } = explain(result.issues[0]);
  const subject = field ? `${what}: ${field}` : what === "config.json" ? `${what}: the whole` : what;
  throw new ConfigError(`${subject} ${problem}. Take the file from the model's own folder.`);
}
