/**
 * llama.cpp's pre-tokenizers by the value of `tokenizer.ggml.pre` (its src/llama-vocab.cpp), as parts of a `tokenizer.json`.
 * The patterns are those of the published `tokenizer.json` files; llama.cpp writes some of them without look-aheads.
 */

export interface PreTokenizer {
  /** `pre_tokenizer` of a tokenizer.json. */
  readonly parts: object;
  /** Whether a word that is a token is not merged from its characters. */
  readonly ignoreMerges: boolean;
  /** Whether BOS begins a text where the file does not say. */
  readonly addBos: boolean;
}

const byteLevel = (use_regex: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});

const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });

const sequence = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });

/** Splits by each pattern in turn, then spells bytes. */
const splits = (...patterns: string[]) => sequence(...patterns.map(split), byteLevel(false));

const rest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const words = (digits: string) => `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}|${rest}`;

/** Words whose capitals stand at the beginning. */
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const cased = (end: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${end}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${end}`;
const casedRest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const gpt2 = { parts: byteLevel(true), ignoreMerges: false, addBos: false };
const digits = { ...gpt2, parts: sequence({ type: "Digits", individual_digits: true }, byteLevel(true)) };
const threeDigits = { ...gpt2, parts: splits(words("\\p{N}{1,3}")) };
const oneDigit = { ...gpt2, parts: splits(words("\\p{N}")) };
const gpt4o = { ...gpt2, parts: splits(`${cased(`${contractions}?`)}|\\p{N}{1,3}|${casedRest}`) };

const rows: readonly (readonly [PreTokenizer, ...string[]])[] = [
  [
    gpt2,
    "gpt-2",
    "phi-2",
    "gigachat",
    "a.x-4.0",
    "mellum",
    "mpt",
    "olmo",
    "jais",
    "trillion",
    "granite-docling",
    "exaone4",
  ],
  [digits, "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
  [
    { ...threeDigits, ignoreMerges: true, addBos: true },
    ...["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
  ],
  [threeDigits, "dbrx", "smaug-bpe", "glm4", "chatglm-bpe"],
  [oneDigit, "qwen2", "deepseek-r1-qwen", "kormo", "stablelm2", "hunyuan", "solar-open", "megrez", "grok-2"],
  [gpt4o, "gpt-4o", "llama4", "kanana2"],
  [{ parts: splits(`${cased("")}|\\p{N}|${casedRest}`), ignoreMerges: true, addBos: true }, "tekken"],
  [
    { ...gpt2, parts: splits("[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+", "\\p{N}") },
    "deepseek-coder",
  ],
];

/** By the value of `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  rows.flatMap(([own, ...names]) => names.map((name) => [name, own] as const)),
);
