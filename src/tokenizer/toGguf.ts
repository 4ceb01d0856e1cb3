/**
 * A tokenizer as llama.cpp has it. llama.cpp knows patterns by name and cannot read one from a file. So a name is tried: the
 * tokenizer that llama.cpp makes of the keys must give every sample the same ids, else the tokenizer is refused.
 */

import { quote } from "../tensor/quote.ts";
import { createRandom } from "../tensor/random.ts";
import { isByteToken } from "./bytes.ts";
import { isByteLevel, readTokenizerFiles, type TokenizerFiles } from "./files.ts";
import { type GgufTokenizer, tokenizerFromGguf, tokenTypes } from "./fromGguf.ts";
import { preTokenizers } from "./ggufPre.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { findPrefix } from "./words.ts";

export interface TokenizerToWrite {
  readonly tokenizerJson: unknown;
  readonly tokenizerConfig: unknown;
  /** `model_type` of the config. */
  readonly modelType: string | null;
  /** Rows of the embedding: the file has a token for each. */
  readonly rows: number;
}

export interface WrittenTokenizer extends GgufTokenizer {
  /** Whether added tokens take the spaces beside them. */
  readonly strips: boolean;
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
}

const refusal = (problem: string) =>
  new Error(`GGUF cannot express this tokenizer: ${problem}. Take the merged model or the adapter along instead.`);

/** Throws an error that names the tokenizer's part for one that llama.cpp does not have. */
export function tokenizerToGguf(given: TokenizerToWrite): WrittenTokenizer {
  const files = readTokenizerFiles(given.tokenizerJson, given.tokenizerConfig, given.modelType);
  const { json, bos, eos, addBos } = files;
  if (json.model.type !== "BPE") {
    throw refusal(`its model is ${json.model.type}, and llama.cpp's forms that Hone writes are of byte pairs`);
  }
  const tokens = tokensOf(files, given.rows);
  const common = {
    ...tokens,
    bos: bos?.id ?? null,
    eos: eos?.id ?? null,
    unknown: json.model.unk_token == null ? null : (files.vocabulary.get(json.model.unk_token) ?? null),
    padding: null,
    addBos,
    addEos: false,
    strips: stripping(files).length > 0,
  };
  const composes = json.normalizers.some(({ type }) => type === "NFC");
  const composed = (text: string) => (composes ? text.normalize("NFC") : text);
  const own = createTokenizer(given.tokenizerJson, given.tokenizerConfig, { modelType: given.modelType });
  const texts = samplesOf(own, tokens.types).map(composed);
  const notes = [
    ...(composes
      ? ["llama.cpp does not compose characters, so decomposed ones, such as e and an accent, have other tokens there."]
      : []),
    ...stripping(files),
  ];
  if (!isByteLevel(json)) {
    const startsOnly = findPrefix(json)?.at === "start";
    const prefixed =
      "llama.cpp writes a space after each special token, and before a text that begins with one; this tokenizer does not.";
    const { written, different } = sentencePiece(files, common, own, texts);
    return { ...written, notes: [...notes, ...(startsOnly ? [prefixed] : []), ...others(different, texts)] };
  }
  const merges = json.model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  const plain = { ...common, model: "gpt2", merges, scores: null, addSpacePrefix: null };
  const tries = candidates(given.tokenizerJson).flatMap((pre) => {
    const known = preTokenizers.get(pre);
    const reduced = known?.ignoreMerges && !same(given.tokenizerJson, pre) ? withoutContractions(merges) : merges;
    return reduced.length === merges.length
      ? [{ ...plain, pre }]
      : [
          { ...plain, pre, merges: reduced },
          { ...plain, pre },
        ];
  });
  let best: { readonly written: Omit<WrittenTokenizer, "notes">; readonly different: readonly string[] } | null = null;
  for (const written of tries) {
    const different = differentIn(own, written, texts);
    if (best === null || different.length < best.different.length) best = { written, different };
    if (different.length === 0) break;
  }
  if (best === null || best.different.length > mostDifferent) {
    throw refusal("its pre_tokenizer splits words as none of llama.cpp's patterns does");
  }
  const { written, different } = best;
  if (written.pre !== null && different.length === 0 && same(given.tokenizerJson, written.pre))
    return { ...written, notes };
  const pattern =
    `llama.cpp has no pattern that splits words as this tokenizer does. By ${quote(written.pre)}, ` +
    `${(texts.length - different.length).toLocaleString("en-US")} of ${texts.length.toLocaleString("en-US")} samples have the same tokens.`;
  return { ...written, notes: [...notes, pattern, ...others(different, texts)] };
}

/** Names a text that has other tokens in llama.cpp. */
function others([example, ...more]: readonly string[], texts: readonly string[]): readonly string[] {
  if (example === undefined) return [];
  const count = `${1 + more.length} of ${texts.length.toLocaleString("en-US")} samples`;
  return [`In llama.cpp, ${count} have other tokens, such as ${quote(example)}.`];
}

/** One sample in a thousand; above this the words are other ones. */
const mostDifferent = 3;

/**
 * The merges but those of a sign and a letter, such as "'" and "s". By a name that takes whole words as they are, the token "'s"
 * then stands for the word "'s" alone, and "'sam" becomes "'" and "sam", as in a tokenizer that splits contractions only there.
 */
const withoutContractions = (merges: readonly string[]): readonly string[] =>
  merges.filter((merge) => !/[!-/:-@[-`{-~] [A-Za-z]/.test(merge));

/** The text and type of every id. */
function tokensOf({ names, json, special, addedTokens, vocabulary }: TokenizerFiles, rows: number) {
  if (names.length > rows) {
    throw refusal(
      `it has ${names.length} tokens, but the embedding has ${rows} rows, and llama.cpp needs one for each`,
    );
  }
  const added = new Set(addedTokens.map(({ id }) => id));
  const unknown =
    json.model.type === "BPE" && json.model.unk_token != null ? vocabulary.get(json.model.unk_token) : null;
  const spelt = !isByteLevel(json);
  const typeOf = (id: number, text: string | undefined) => {
    if (text === undefined) return tokenTypes.unused;
    if (id === unknown) return tokenTypes.unknown;
    if (special.has(id)) return tokenTypes.control;
    if (added.has(id)) return tokenTypes.userDefined;
    return spelt && isByteToken(text) ? tokenTypes.byte : tokenTypes.normal;
  };
  return {
    // llama.cpp looks for these tokens before it replaces spaces.
    tokens: Array.from({ length: rows }, (_, id) => {
      const text = names[id] ?? `[PAD${id}]`;
      return spelt && typeOf(id, names[id]) === tokenTypes.userDefined ? text.replaceAll("▁", " ") : text;
    }),
    types: Array.from({ length: rows }, (_, id) => typeOf(id, names[id])),
  };
}

/** Added tokens that take the spaces beside them; llama.cpp's do so in few models, which it knows by name. */
function stripping({ addedTokens }: TokenizerFiles): readonly string[] {
  const [first, ...others] = addedTokens.filter(({ lstrip, rstrip }) => lstrip === true || rstrip === true);
  if (!first) return [];
  const more = others.length > 0 ? ` and ${others.length} other tokens` : "";
  return [`${quote(first.content)}${more} take the spaces beside them; in llama.cpp they may not.`];
}

interface PreTokenizerJson {
  readonly pre_tokenizer?: unknown;
  readonly model?: { readonly ignore_merges?: unknown };
}

/** The parts of a pre-tokenizer in one list, without fields that split no word. */
function partsOf(json: unknown): string {
  const flat = (part: unknown): readonly unknown[] => {
    if (typeof part !== "object" || part === null) return [];
    const { type, pretokenizers, trim_offsets: _offsets, ...fields } = part as Readonly<Record<string, unknown>>;
    if (type === "Sequence" && Array.isArray(pretokenizers)) return pretokenizers.flatMap(flat);
    const use_regex = type === "ByteLevel" ? { use_regex: fields.use_regex ?? true } : {};
    return [Object.entries({ type, ...fields, ...use_regex }).sort(([a], [b]) => (a < b ? -1 : 1))];
  };
  return JSON.stringify(flat(json));
}

/** Whether llama.cpp splits words by this name as the tokenizer does. */
function same(tokenizerJson: unknown, pre: string): boolean {
  const { pre_tokenizer: own, model } = Object(tokenizerJson) as PreTokenizerJson;
  const known = preTokenizers.get(pre);
  return (
    known !== undefined &&
    partsOf(known.parts) === partsOf(own) &&
    known.ignoreMerges === (model?.ignore_merges === true)
  );
}

/** One name for each known pattern: that of the tokenizer first. */
function candidates(tokenizerJson: unknown): readonly string[] {
  const first = new Map<string, string>();
  for (const [name, { parts, ignoreMerges }] of preTokenizers) {
    const key = `${ignoreMerges} ${partsOf(parts)}`;
    if (!first.has(key)) first.set(key, name);
  }
  const names = [...first.values()];
  return [...names.filter((name) => same(tokenizerJson, name)), ...names.filter((name) => !same(tokenizerJson, name))];
}

/** SentencePiece's form: a score orders the pieces, the earliest merge first. */
function sentencePiece(
  files: TokenizerFiles,
  common: Omit<WrittenTokenizer, "model" | "pre" | "scores" | "merges" | "addSpacePrefix" | "notes">,
  own: Tokenizer,
  texts: readonly string[],
): { readonly written: Omit<WrittenTokenizer, "notes">; readonly different: readonly string[] } {
  const { model } = files.json;
  const scores = common.tokens.map(() => 0);
  if (model.type === "BPE") {
    model.merges.forEach((merge, rank) => {
      const id = files.vocabulary.get(typeof merge === "string" ? merge.replace(" ", "") : merge.join(""));
      if (id !== undefined && scores[id] === 0) scores[id] = -1 - rank;
    });
    // A piece that no merge makes comes after all others.
    common.types?.forEach((type, id) => {
      const text = common.tokens[id] ?? "";
      const isWhole = type === tokenTypes.normal && Array.from(text).length > 1;
      if (isWhole && scores[id] === 0) scores[id] = -1 - model.merges.length - id;
    });
  }
  const prefix = findPrefix(files.json);
  const written = {
    ...common,
    ...{ model: "llama", pre: "default", merges: null, scores },
    addSpacePrefix: prefix !== null,
  };
  // Where only the start of a text has the prefix, llama.cpp adds one to a space there too.
  const startsOnly = findPrefix(files.json)?.at === "start";
  const compared = startsOnly ? texts.map((text) => text.replace(/^[ \u2581]+/, "")) : texts;
  const different = differentIn(own, written, compared);
  const [example = ""] = different;
  if (different.length > mostDifferent) throw refusal(`llama.cpp would split ${quote(example)} into other tokens`);
  return { written, different };
}

/** The texts that llama.cpp's tokenizer of these keys splits otherwise, no more than are needed to refuse it. */
function differentIn(own: Tokenizer, written: GgufTokenizer, texts: readonly string[]): readonly string[] {
  const { json, config } = tokenizerFromGguf(written);
  const theirs = createTokenizer(json, config);
  const plain = { role: null, message: null, answer: false, supervised: false, weight: 0, kind: "content" } as const;
  const idsOf = (tokenizer: Tokenizer, text: string) => tokenizer.encode([{ ...plain, text }]).ids;
  const different: string[] = [];
  for (const text of texts) {
    const [one, other] = [idsOf(own, text), idsOf(theirs, text)];
    if (one.length !== other.length || one.some((id, i) => id !== other[i])) different.push(text);
    if (different.length > mostDifferent) break;
  }
  return different;
}

/** Texts in which tokenizers differ: white space, digits, case, contractions, scripts, marks, emoji and bytes. */
const odd = [
  ..." |  |   |\t|\n|\n\n|\r\n|\n \n|\u00a0|\u3000|\u200b|\u200d|\ufeff|\u0000|\u0007|\u0085|\u2028".split("|"),
  ..."0|7|42|123|1234|3.14|1,000,000|0x1F|½|٣٤|五|Ⅷ|a1b2|1st|v2.0|'s|'S|'t|'re|'VE|'m|'ll|'D|'tis|'Sam|'together".split(
    "|",
  ),
  ..."I'm|can't|WE'LL|it's|o'clock|rock'n'roll|'quoted'|\"quoted\"|(in)|[in]|{in}|<in>|a_b|a-b|a/b|a\\b|a|b".split("|"),
  ..."camelCase|HTTPServer|iPhone|ALLCAPS|McDonald|ñandú|naïve|Straße|ΣΊΣΥΦΟΣ|привет|שלום|مرحبا|你好世界|こんにちは|안녕|ไทย|हिन्दी".split(
    "|",
  ),
  ..."é|e\u0301|Å|A\u030a|ﬁ|👍|👍🏽|👩‍👩‍👧|🇩🇪|©|™|…|—|–|«»|“”|‘’|!!!|?!|...|--|==|&&|$5|50%|#1|@you|http://a.b/c?d=e&f#g".split(
    "|",
  ),
];

/** Contractions before and in words, by which patterns differ most. */
const contracted = "O'Neil'sam|'sam|it'sOK|it's-|'ll'sh|they'reality|WE'VE|x'dX".split("|");

const sampleCount = 3000;

/** Seeded texts of the tokenizer's own tokens and of odd pieces, mixed. */
function samplesOf(own: Tokenizer, types: readonly number[]): readonly string[] {
  const random = createRandom(20261201);
  const normal = types.flatMap((type, id) => (type === tokenTypes.normal ? [id] : []));
  const piece = () => {
    const share = random.next();
    if (share < 0.45 || normal.length === 0) return odd[random.below(odd.length)] ?? "";
    // A token of a part of a character has no text of its own.
    if (share < 0.97) return own.decode([normal[random.below(normal.length)] ?? 0]).replaceAll("\ufffd", "");
    return String.fromCodePoint(0x20 + random.below(0xd7ff - 0x20));
  };
  const spaced = () => piece() + (random.next() < 0.5 ? " " : "");
  const mixed = Array.from({ length: sampleCount }, () =>
    Array.from({ length: 1 + random.below(10) }, spaced).join(""),
  );
  return [...odd, ...contracted, ...mixed];
}
