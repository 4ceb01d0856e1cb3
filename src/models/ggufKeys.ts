/** The keys of a GGUF file that describe its model, with errors that name key and value. */

import type { GgufValue } from "../gguf/types.ts";
import { quote } from "../tensor/quote.ts";
import { ConfigError } from "./config.ts";

const wayOut = "Open the same model in its Hugging Face layout.";

export const ggufRefusal = (key: string, problem: string): ConfigError =>
  new ConfigError(`${key} ${problem}. ${wayOut}`);

/** Reads `{architecture}.{name}`. Each name that is read counts as known. */
export interface GgufKeys {
  readonly architecture: string;
  /** Null where the file lacks it. Throws a ConfigError for a value of another type. */
  number(name: string): number | null;
  boolean(name: string): boolean | null;
  text(name: string): string | null;
  /** Throws a ConfigError where the file lacks it. */
  required(name: string): number;
  /** Throws a ConfigError for a key of this architecture that was not read: it may change the mathematics. */
  requireAllRead(): void;
}

/** Keys that change no number of a forward pass, or only how a program computes it. */
const harmless: ReadonlySet<string> = new Set([
  ...["vocab_size", "tensor_data_layout", "rope.scaling.finetuned", "pooling_type"],
  ...["embedding_length_out", "decoder_start_token_id"],
]);

/** Throws a ConfigError where `general.architecture` is missing. */
export function ggufKeys(keys: ReadonlyMap<string, GgufValue>): GgufKeys {
  const named = keys.get("general.architecture");
  if (named?.type !== "string") throw ggufRefusal("general.architecture", "is missing");
  const architecture = named.value;
  const read = new Set<string>(harmless);
  const find = (name: string) => {
    read.add(name);
    return keys.get(`${architecture}.${name}`);
  };
  const wrong = (name: string, value: GgufValue, wanted: string) =>
    ggufRefusal(
      `${architecture}.${name}`,
      `is ${value.type === "array" ? "an array" : quote(value.value)}, not ${wanted}`,
    );
  const number = (name: string) => {
    const value = find(name);
    if (value === undefined) return null;
    if (value.type === "array" || typeof value.value !== "number" || !Number.isFinite(value.value)) {
      throw wrong(name, value, "a number");
    }
    return value.type === "float32" ? shortest(value.value) : value.value;
  };
  return {
    architecture,
    number,
    boolean(name) {
      const value = find(name);
      if (value === undefined) return null;
      if (value.type !== "bool") throw wrong(name, value, "true or false");
      return value.value;
    },
    text(name) {
      const value = find(name);
      if (value === undefined) return null;
      if (value.type !== "string") throw wrong(name, value, "a text");
      return value.value;
    },
    required(name) {
      const value = number(name);
      if (value === null) throw ggufRefusal(`${architecture}.${name}`, "is missing");
      return value;
    },
    requireAllRead() {
      for (const [key, value] of keys) {
        if (!key.startsWith(`${architecture}.`) || read.has(key.slice(architecture.length + 1))) continue;
        const off = value.type !== "array" && (value.value === 0 || value.value === false);
        if (off) continue;
        throw ggufRefusal(
          key,
          `is ${value.type === "array" ? "an array" : quote(value.value)}, which Hone does not read`,
        );
      }
    },
  };
}

/** The shortest decimal of a float32: the config had 1e-5 where the file has 0.000009999999747378752. */
export function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
