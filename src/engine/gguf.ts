/** GGUF files as models: config and tensors by the architecture, the tokenizer, the template and the tokens that end an answer. */

import { tensorsOfConfig } from "../artifacts/method.ts";
import type { GgufValue } from "../gguf/types.ts";
import type { GgufFile, GgufModel } from "../hub/gguf.ts";
import { configFromGguf } from "../models/fromGguf.ts";
import { cut, quote } from "../tensor/quote.ts";
import { type GgufTokenizer, tokenizerFromGguf, tokenTypes } from "../tokenizer/fromGguf.ts";

/** Throws an error that names key or tensor for a model that Hone cannot train. */
export async function readGguf(file: GgufFile): Promise<GgufModel> {
  const { keys, tensors } = file;
  const { config, names, inConfig } = await configFromGguf(keys, {
    shape: (name) => tensors.get(name)?.shape ?? null,
    values: (name) => file.values(name),
  });
  const given = await tokenizerOf(file);
  const { json, config: tokenizerConfig, notes } = tokenizerFromGguf(given);
  const template = keys.get("tokenizer.chat_template");
  const stops = stopIds(keys, given);
  const ids = {
    ...(given.bos !== null && { bos_token_id: given.bos }),
    ...(stops.length > 0 && { eos_token_id: stops.length === 1 ? stops[0] : stops }),
  };
  return {
    config: { ...config, ...ids },
    tokenizer: json,
    tokenizerConfig,
    chatTemplate: template?.type === "string" ? template.value : null,
    generationConfig: ids,
    parts: partsOf(config, names, new Set(tensors.keys())),
    inConfig,
    notes: [...notes, ...templateNotes(keys)],
  };
}

/** Names the templates besides the default one, which llama.cpp's converter writes for tools. */
function templateNotes(keys: ReadonlyMap<string, GgufValue>): string[] {
  const prefix = "tokenizer.chat_template.";
  const others = [...keys.keys()].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  return others.length === 0
    ? []
    : [`The file has further chat templates, which Hone does not use: ${cut(others.join(", "), 80)}.`];
}

type Names = Awaited<ReturnType<typeof configFromGguf>>["names"];

/** The tensors of the architecture; a head that the config ties only where the file has one. */
function partsOf(config: Readonly<Record<string, unknown>>, names: Names, stored: ReadonlySet<string>) {
  const wanted = tensorsOfConfig(config, { untied: stored.has("output.weight") });
  return wanted.map(({ name, shape }) => {
    const found = names(name);
    if (!found)
      throw new Error(`The architecture has the tensor ${quote(name)}, which has no name in GGUF. Report this.`);
    return { name, shape, ...found };
  });
}

async function tokenizerOf(file: GgufFile): Promise<GgufTokenizer> {
  const { keys } = file;
  const key = (name: string) => `tokenizer.ggml.${name}`;
  const scalar = (name: string): GgufValue | undefined => keys.get(key(name));
  const text = (name: string) => {
    const value = scalar(name);
    return value?.type === "string" ? value.value : null;
  };
  const number = (name: string) => {
    const value = scalar(name);
    return value && value.type !== "array" && typeof value.value === "number" ? value.value : null;
  };
  const flag = (name: string) => {
    const value = scalar(name);
    return value?.type === "bool" ? value.value : null;
  };
  return {
    model: text("model"),
    pre: text("pre"),
    tokens: (await file.texts(key("tokens"))) ?? [],
    types: await file.numbers(key("token_type")),
    scores: await file.numbers(key("scores")),
    merges: await file.texts(key("merges")),
    bos: number("bos_token_id"),
    eos: number("eos_token_id"),
    unknown: number("unknown_token_id"),
    padding: number("padding_token_id"),
    addBos: flag("add_bos_token"),
    addEos: flag("add_eos_token"),
    addSpacePrefix: flag("add_space_prefix"),
  };
}

/** Texts of tokens that llama.cpp takes for the end of a turn where no key names one. */
const turnEnds = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"];

/** The ids that end an answer: EOS, the end of a turn, and the end of a message, each once. */
function stopIds(keys: ReadonlyMap<string, GgufValue>, { tokens, types, eos }: GgufTokenizer): number[] {
  const named = ["eot_token_id", "eom_token_id"].flatMap((name) => {
    const value = keys.get(`tokenizer.ggml.${name}`);
    return value && value.type !== "array" && typeof value.value === "number" ? [value.value] : [];
  });
  const known = tokens.flatMap((text, id) =>
    turnEnds.includes(text) && types?.[id] === tokenTypes.control ? [id] : [],
  );
  return [...new Set([...(eos === null ? [] : [eos]), ...(named.length > 0 ? named : known)])];
}
