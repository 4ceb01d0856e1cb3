/** Changes that a class of transformers makes to the pipeline of a `tokenizer.json`, as `tokenizer_config.json` says. */

import type { TokenizerJson } from "./files.ts";

/** The fields of `tokenizer_config.json` that count here. */
export interface ClassFields {
  readonly tokenizer_class?: string | null | undefined;
  readonly add_prefix_space?: boolean | null | undefined;
  readonly legacy?: boolean | null | undefined;
}

/** Classes that take `add_prefix_space` from `tokenizer_config.json`. */
const byteClasses = /^(?:GPT2|GPTNeoX|Qwen2)Tokenizer(?:Fast)?$/;

const llamaClass = /^LlamaTokenizer(?:Fast)?$/;

/** Model types whose files name Llama's class, but which transformers 5.18 opens as their `tokenizer.json` says. */
const fileTypes = new Set(
  (
    "arctic chatlm deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 ernie4_5 ernie4_5_moe granite granitemoe " +
    "h2ovl_chat internlm2 jamba minicpm3 ministral ministral3 mistral mistral3 mixtral nemotron olmo2 olmo3 " +
    "persimmon phi3 phimoe qwen2 stablelm"
  ).split(" "),
);

/**
 * The pipeline as transformers runs it. Its class for Llama puts a space before the first text alone, unless `legacy` is
 * true: then, and for other classes, a Prepend puts one after each added token too. `modelType` is that of `config.json`.
 */
export function asClass(json: TokenizerJson, fields: ClassFields, modelType: string | null): TokenizerJson {
  const { tokenizer_class, add_prefix_space: add, legacy } = fields;
  const name = tokenizer_class ?? "";
  if (byteClasses.test(name) && add != null) {
    const preTokenizers = json.preTokenizers.map((part) =>
      part.type === "ByteLevel" ? { ...part, add_prefix_space: add } : part,
    );
    return { ...json, preTokenizers };
  }
  const isRebuilt = llamaClass.test(name) && !fileTypes.has(modelType ?? "") && (add === false || legacy !== true);
  if (!isRebuilt || !isLlamaForm(json)) return json;
  const path = "pre_tokenizer";
  const prepend_scheme = add === false ? "never" : "first";
  const part = { path, type: "Metaspace", replacement: "▁", prepend_scheme, split: false } as const;
  return { ...json, normalizers: [], preTokenizers: [part] };
}

/** Whether the file prepends "▁" and replaces spaces by it, which Metaspace does too. */
function isLlamaForm({ normalizers, preTokenizers }: TokenizerJson): boolean {
  const [prepend, replace, ...more] = normalizers;
  return (
    preTokenizers.length === 0 &&
    more.length === 0 &&
    prepend?.type === "Prepend" &&
    prepend.prepend === "▁" &&
    replace?.type === "Replace" &&
    "String" in replace.pattern &&
    replace.pattern.String === " " &&
    replace.content === "▁"
  );
}
