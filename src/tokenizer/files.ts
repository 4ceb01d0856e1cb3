/** `tokenizer.json` and `tokenizer_config.json`, checked: which parts they have, which tokens are special, who writes BOS. */

import * as v from "valibot";

/** A normalizer, pre-tokenizer or post-processor of `tokenizer.json`; its fields depend on its type. */
const Part = v.looseObject({ type: v.string() });
export type Part = v.InferOutput<typeof Part>;

// Vocabularies are checked by hand: valibot's record would drop the tokens "constructor" and "prototype".
const Bpe = v.looseObject({
  type: v.optional(
    v.literal("BPE", (issue) => `is ${issue.received}; only byte-pair ("BPE") and "Unigram" models are supported`),
    "BPE",
  ),
  vocab: v.custom<Readonly<Record<string, number>>>(
    (value) => typeof value === "object" && value !== null && Object.values(value).every(Number.isInteger),
    "does not map tokens to ids",
  ),
  merges: v.custom<readonly (string | readonly [string, string])[]>(
    (value) => Array.isArray(value) && value.every((pair) => typeof pair === "string" || pair?.length === 2),
    "is not a list of pairs",
  ),
  byte_fallback: v.optional(v.nullable(v.boolean()), false),
  end_of_word_suffix: v.nullish(v.string()),
  continuing_subword_prefix: v.nullish(v.string()),
});

const Unigram = v.looseObject({
  type: v.optional(v.literal("Unigram"), "Unigram"),
  vocab: v.custom<readonly (readonly [string, number])[]>(
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((entry) => typeof entry?.[0] === "string" && typeof entry[1] === "number"),
    "is not a list of pieces with scores",
  ),
  unk_id: v.nullish(v.number()),
  byte_fallback: v.optional(v.nullable(v.boolean()), false),
});

const ModelType = v.object({ type: v.optional(v.unknown()), vocab: v.optional(v.unknown()) });

const TokenizerJson = v.looseObject({
  model: v.lazy((model) => {
    const { type, vocab } = v.is(ModelType, model) ? model : {};
    return type === "Unigram" || (type === undefined && Array.isArray(vocab)) ? Unigram : Bpe;
  }),
  added_tokens: v.optional(
    v.array(v.object({ id: v.number(), content: v.string(), special: v.optional(v.boolean(), false) })),
    [],
  ),
  normalizer: v.optional(v.nullable(Part), null),
  pre_tokenizer: v.optional(v.nullable(Part), null),
  post_processor: v.optional(v.nullable(Part), null),
});

export type TokenizerJson = v.InferOutput<typeof TokenizerJson>;
export type Model = TokenizerJson["model"];

const TokenName = v.nullish(v.union([v.string(), v.object({ content: v.string() })]));
const TokenizerConfig = v.object({
  bos_token: TokenName,
  eos_token: TokenName,
  add_bos_token: v.nullish(v.boolean()),
});

/** A token that the template writes, or that ends an answer. */
export interface SpecialToken {
  readonly text: string;
  readonly id: number;
}

export interface TokenizerFiles {
  readonly json: TokenizerJson;
  /** Text → id of every token of the model, in the order of its file. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Text → id of every added token, those that the configuration names included. */
  readonly added: ReadonlyMap<string, number>;
  /** Ids that stand for no text. */
  readonly special: ReadonlySet<number>;
  readonly bos: SpecialToken | null;
  /** Whether BOS stands at the start of every sequence: `add_bos_token` decides where it is written, else the post-processor. */
  readonly addBos: boolean;
  readonly eos: SpecialToken | null;
}

/** Both files, checked. */
export function readTokenizerFiles(tokenizerJson: unknown, tokenizerConfig: unknown): TokenizerFiles {
  const json = parse(TokenizerJson, tokenizerJson, "tokenizer.json");
  const config = tokenizerConfig == null ? {} : parse(TokenizerConfig, tokenizerConfig, "tokenizer_config.json");
  const { model } = json;
  if (model.type === "BPE" && !isByteLevel(json) && !model.byte_fallback) {
    throw new Error(
      "tokenizer.json: a byte-pair model needs a ByteLevel pre_tokenizer or byte_fallback, else it cannot represent every text. Choose a model that has either.",
    );
  }
  if (model.type === "BPE" && (model.end_of_word_suffix || model.continuing_subword_prefix)) {
    throw new Error(
      "tokenizer.json: model.end_of_word_suffix and continuing_subword_prefix are not supported. Choose another model.",
    );
  }

  const vocabulary = new Map(
    model.type === "Unigram" ? model.vocab.map(([piece], id) => [piece, id]) : Object.entries(model.vocab),
  );
  if (model.type === "Unigram" && model.unk_id != null && !model.vocab[model.unk_id]) {
    throw new Error(
      `tokenizer.json: model.unk_id is ${model.unk_id}, but the vocabulary has ${model.vocab.length} pieces. Choose the model's own file in Hugging Face layout.`,
    );
  }

  const added = new Map(json.added_tokens.map((token) => [token.content, token.id]));
  const special = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.id));
  if (model.type === "Unigram" && model.unk_id != null) special.add(model.unk_id);
  const named = (field: "bos_token" | "eos_token"): SpecialToken | null => {
    const value = config[field];
    if (value == null) return null;
    const text = typeof value === "string" ? value : value.content;
    const id = added.get(text) ?? vocabulary.get(text);
    if (id === undefined) {
      throw new Error(
        `tokenizer_config.json: ${field} ${JSON.stringify(text)} is not in tokenizer.json. Add it there.`,
      );
    }
    return { text, id };
  };
  const eos = named("eos_token");
  const written = firstSpecial(json.post_processor);
  const bos = written ?? named("bos_token");
  const addBos = config.add_bos_token ?? written !== null;
  if (addBos && !bos) {
    throw new Error(
      "tokenizer_config.json: add_bos_token is true, but bos_token names no token. Name it, or set add_bos_token to false.",
    );
  }
  for (const token of [bos, eos]) {
    if (!token) continue;
    added.set(token.text, token.id);
    special.add(token.id);
  }
  return { json, vocabulary, added, special, bos, addBos, eos };
}

/** Whether tokens are spelt in GPT-2's byte alphabet; SentencePiece's manner otherwise. */
export function isByteLevel(json: TokenizerJson): boolean {
  return parts(json.pre_tokenizer, "pretokenizers").some((part) => part.type === "ByteLevel");
}

/** The value in its schema's shape; throws a sentence that names file and field. */
function parse<S extends v.GenericSchema>(schema: S, value: unknown, file: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  const missing = path !== null && issue.input === undefined;
  const said = missing ? "is missing" : issue.message;
  throw new Error(`${file}: ${path ?? "its content"} ${said}. Choose the model's own file in Hugging Face layout.`);
}

/** A part and, for a Sequence, what it is made of. */
export function parts(part: Part | null, members: "normalizers" | "pretokenizers" | "processors"): Part[] {
  if (part === null) return [];
  if (part.type !== "Sequence") return [part];
  const list = v.parse(v.optional(v.array(Part), []), part[members]);
  return list.flatMap((member) => parts(member, members));
}

/** The special token that the post-processor writes before a text. */
function firstSpecial(postProcessor: Part | null): SpecialToken | null {
  const Template = v.looseObject({
    single: v.array(v.looseObject({ SpecialToken: v.optional(v.looseObject({ id: v.string() })) })),
    special_tokens: v.record(v.string(), v.looseObject({ ids: v.array(v.number()) })),
  });
  for (const part of parts(postProcessor, "processors")) {
    if (part.type === "ByteLevel") continue;
    if (part.type !== "TemplateProcessing") {
      throw new Error(
        `tokenizer.json: post_processor ${JSON.stringify(part.type)} is not supported. Choose another model.`,
      );
    }
    const { single, special_tokens } = parse(Template, part, "tokenizer.json, post_processor");
    const text = single[0]?.SpecialToken?.id;
    const id = text === undefined ? undefined : special_tokens[text]?.ids[0];
    if (text !== undefined && id !== undefined) return { text, id };
  }
  return null;
}
