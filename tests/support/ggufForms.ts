/** Small GGUF tokenizers in the form of published models. */

import { readFileSync } from "node:fs";
import type { GgufTokenizer } from "../../src/tokenizer/fromGguf.ts";
import { preTokenizers } from "../../src/tokenizer/ggufPre.ts";
import { catalogueForms } from "./catalogueForms.ts";
import { ggufTokens } from "./ggufTokens.ts";

export interface GgufForm {
  readonly name: string;
  readonly tokens: GgufTokenizer;
}

/** The catalogue's forms with the `pre` that llama.cpp's converter gives their models. */
const preOf: Readonly<Record<string, string | null>> = {
  gpt2: "gpt-2",
  pythia: "olmo",
  "smollm2 instruct": "smollm",
  "gemma3 it": null,
  granite: "dbrx",
  qwen3: "qwen2",
  tinyllama: null,
  "llama3.2 base": "llama-bpe",
  smollm3: "smaug-bpe",
};

const files = (name: string) => {
  const form = catalogueForms.find((one) => one.name === name);
  if (!form) throw new Error(`There is no form ${name}.`);
  // The forms are of these types; CatalogueForm only shows them as objects.
  return form.tokenizer as {
    readonly json: Parameters<typeof ggufTokens>[0];
    readonly config: Parameters<typeof ggufTokens>[1];
  };
};

const catalogued = Object.entries(preOf).map(([name, pre]): GgufForm => {
  const { json, config } = files(name);
  return { name, tokens: ggufTokens(json, config, pre, name === "qwen3" ? 300 : 0) };
});

/** The other values of `pre`, on Llama 3's tokens. */
const others = [...new Set(preTokenizers.values())].flatMap((own): GgufForm[] => {
  const name = [...preTokenizers].find(([, one]) => one === own)?.[0] ?? "";
  if (Object.values(preOf).includes(name)) return [];
  const { json, config } = files("llama3.2 base");
  return [{ name, tokens: ggufTokens(json, config, name) }];
});

/** Seedling's pattern is its own; here it is llama.cpp's nearest. */
const seedling = (() => {
  const read = (file: string) =>
    JSON.parse(readFileSync(new URL(`../../public/models/seedling/${file}`, import.meta.url), "utf8"));
  return { name: "seedling", tokens: ggufTokens(read("tokenizer.json"), read("tokenizer_config.json"), "gpt-2", 2560) };
})();

export const ggufForms: readonly GgufForm[] = [...catalogued, ...others, seedling];
