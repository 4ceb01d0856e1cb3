/** Ids, weights and offsets; oracles: PyTorch's golden rows, the library's own `encode` of plain text, and the text itself. */

import { Tokenizer as Library } from "@huggingface/tokenizers";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import type { Message, Segment } from "../../../src/data/example.ts";
import { createTemplate, render, type TemplateName } from "../../../src/data/template.ts";
import { createTokenizer, type Encoding } from "../../../src/data/tokenizer.ts";
import { test as sharedTest } from "../../support/shared.ts";
import { byteLevelTokenizer, metaspace, sentencePieceTokenizer } from "./tokenizers.ts";

const chatmlMarkers = ["<|im_start|>", "<|im_end|>"];
const honeMarkers = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"];
const llama3Split = {
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: {
          Regex:
            "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+",
        },
        behavior: "Isolated",
        invert: false,
      },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
};

/** Every way in which tokens, markers and prefixes meet. */
const cases: [string, { json: object; config: object }, TemplateName][] = [
  ["byte level, plain markers", byteLevelTokenizer(), "hone"],
  ["byte level, marker tokens", byteLevelTokenizer({ added: honeMarkers, bos: "post-processor" }), "hone"],
  ["byte level, ChatML tokens, no BOS", byteLevelTokenizer({ added: chatmlMarkers, bos: "none" }), "chatml"],
  ["byte level, plain ChatML", byteLevelTokenizer(), "chatml"],
  ["byte level, Llama 3 pre-tokenizer", byteLevelTokenizer({ added: ["<|end|>"] }, llama3Split), "hone"],
  [
    "byte level, prefix space",
    byteLevelTokenizer({}, { pre_tokenizer: { type: "ByteLevel", add_prefix_space: true, use_regex: true } }),
    "hone",
  ],
  ["SentencePiece, plain markers", sentencePieceTokenizer(), "hone"],
  ["SentencePiece, marker tokens", sentencePieceTokenizer({ added: honeMarkers }), "hone"],
  ["SentencePiece, merges across words", sentencePieceTokenizer({ crossing: true }), "chatml"],
  ["SentencePiece, Metaspace", sentencePieceTokenizer({ bos: "post-processor" }, metaspace), "hone"],
];

function open([, { json, config }, name]: (typeof cases)[number]) {
  const tokenizer = createTokenizer(json, config);
  return { tokenizer, template: createTemplate(name, tokenizer) };
}

const nasty = [
  "<|end|>",
  "<|im_end|>",
  "<|im_start|>",
  "</s>",
  "<s>",
  "<|user|>",
  "\n\n",
  " ",
  "  ",
  "hello",
  " the",
  ">",
];
const unicode = [
  "😀",
  "👩‍👩‍👧",
  "e\u0301",
  "\u0301",
  "é",
  "\uFEFF",
  "\0",
  "\u0007",
  "\r\n",
  "\u200D",
  "日本",
  "\u{10FFFF}",
];
/** Any text without lone surrogates; "▁" is left out, for SentencePiece itself reads it as a space. */
const content = fc
  .array(fc.oneof(fc.constantFrom(...nasty, ...unicode), fc.string({ unit: "binary", maxLength: 6 })), { maxLength: 8 })
  .map((list) => list.join("").replaceAll("▁", "_"));
const conversation = fc
  .record({
    system: fc.option(content),
    turns: fc.array(fc.tuple(content, content, fc.constantFrom(undefined, 0, 0.5, 1)), { minLength: 1, maxLength: 3 }),
  })
  .map(({ system, turns }): Message[] => [
    ...(system === null ? [] : [{ role: "system" as const, content: system }]),
    ...turns.flatMap(([question, answer, weight]): Message[] => [
      { role: "user", content: question },
      { role: "assistant", content: answer, ...(weight !== undefined && { weight }) },
    ]),
  ]);

/** The segments with their place in the encoding's text. */
function place(segments: readonly Segment[]) {
  let end = 0;
  return segments.map((segment) => {
    const start = end;
    end += segment.text.length;
    return { ...segment, start, end };
  });
}

/** Ids of the tokens that begin in [start, end). */
const idsIn = ({ ids, starts, ends }: Encoding, start: number, end: number) =>
  ids.filter((_, i) => (starts[i] ?? 0) >= start && (ends[i] ?? 0) <= end && (ends[i] ?? 0) > (starts[i] ?? 0));

describe.each(cases)("%s", (...row) => {
  const { tokenizer, template } = open(row);
  const check = (property: (messages: Message[]) => void) =>
    fc.assert(fc.property(conversation, property), { seed: 3, numRuns: 100 });

  test("offsets cover the rendered text, each token its own part", () => {
    check((messages) => {
      const segments = render(template, messages);
      const { text, ids, starts, ends } = tokenizer.encode(segments);
      expect(text).toBe(segments.map((segment) => segment.text).join(""));
      let reached = 0;
      const misplaced = [...ids.keys()].filter((i) => {
        const [start = -1, end = -1] = [starts[i], ends[i]];
        // A token may begin inside the character at which the last one ended, never after a gap.
        const overlap = reached - start;
        reached = Math.max(reached, end);
        return overlap < 0 || overlap > 2 || end < reached;
      });
      expect(misplaced).toEqual([]);
      expect(reached).toBe(text.length);
    });
  });

  test("decoded assistant spans give back the message text exactly", () => {
    check((messages) => {
      const segments = place(render(template, messages));
      const encoding = tokenizer.encode(segments);
      segments.forEach((segment, i) => {
        const marker = segments[i + 1];
        if (segment.kind !== "content" || segment.role !== "assistant" || !marker) return;
        const decoded = tokenizer.decode(idsIn(encoding, segment.start, marker.end));
        expect(decoded).toBe(segment.text + (template.stop ? template.turnEnd : ""));
      });
    });
  });

  test("weights: assistant spans with their stop token, and nothing else", () => {
    check((messages) => {
      const segments = place(render(template, messages));
      const { ids, weights, starts, ends, straddled } = tokenizer.encode(segments);
      expect(straddled).toBe(0);
      const wrong = [...ids.keys()].filter((i) => {
        const [start = 0, end = 0, weight = 0] = [starts[i], ends[i], weights[i]];
        const inside = segments.filter((segment) => segment.end > start && segment.start < end);
        if (weight > 0 && (weights[i + 1] ?? 0) === 0 && ids[i] !== template.stopIds[0]) return true;
        if (weight > 0 && inside.length === 0) return true;
        return inside.some((segment) => segment.weight !== weight || (weight > 0 && segment.role !== "assistant"));
      });
      expect(wrong).toEqual([]);
      const taught = messages.filter((message) => message.role === "assistant" && message.weight !== 0);
      const stops = ids.filter((id, i) => id === template.stopIds[0] && weights[i] !== 0);
      expect(stops).toHaveLength(taught.length);
    });
  });

  test("the ids that generation feeds are the first ids of training, at every turn", () => {
    check((messages) => {
      const whole = tokenizer.encode(render(template, messages)).ids;
      messages.forEach(({ role }, i) => {
        if (role !== "assistant") return;
        const prompt = tokenizer.encode(render(template, messages.slice(0, i), { generationPrompt: true })).ids;
        expect(whole.slice(0, prompt.length).join()).toBe(prompt.join());
      });
    });
  });

  test("special-token text in content stays text", () => {
    check((messages) => {
      const { ids } = tokenizer.encode(render(template, messages));
      const plain = messages.map(({ role }) => ({ role, content: "x" }));
      const reference = tokenizer.encode(render(template, plain)).ids;
      const marks = ["<s>", "</s>", ...honeMarkers, ...chatmlMarkers].flatMap(
        (text) => tokenizer.addedToken(text) ?? [],
      );
      expect(ids.filter((id) => marks.includes(id))).toEqual(reference.filter((id) => marks.includes(id)));
    });
  });

  test("exactly one BOS at the start where the model wants it", () => {
    const { ids } = tokenizer.encode(render(template, [{ role: "user", content: "<s>" }]));
    expect([...ids].filter((id) => id === tokenizer.bos?.id)).toHaveLength(tokenizer.addBos ? 1 : 0);
    if (tokenizer.addBos) expect(ids[0]).toBe(tokenizer.bos?.id);
  });

  test("plain text has the ids that the library itself gives it", () => {
    const library = new Library(row[1].json, row[1].config);
    fc.assert(
      fc.property(content, (text) => {
        const marks = [...honeMarkers, ...chatmlMarkers, "<s>", "</s>"];
        fc.pre(text !== "" && !marks.some((mark) => text.includes(mark)));
        const segment: Segment = { text, kind: "content", role: "user", supervised: false, weight: 0 };
        const expected = library.encode(text, { add_special_tokens: false }).ids;
        expect(tokenizer.encode([segment]).ids.join()).toBe(expected.join());
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  test("a stream never gives half a character, and all of it is the text", () => {
    fc.assert(
      fc.property(content, (text) => {
        const { ids } = tokenizer.encode(render(template, [{ role: "user", content: text }]));
        const decoder = tokenizer.createStreamDecoder();
        const given = [...ids].map((id) => decoder.push(id));
        if (!text.includes("\uFFFD")) expect(given.filter((piece) => /\uFFFD|\p{Surrogate}/u.test(piece))).toEqual([]);
        expect(given.join("") + decoder.end()).toContain(text);
        expect(tokenizer.decode(ids)).toContain(text);
      }),
      { seed: 5, numRuns: 100 },
    );
  });
});

describe("borders inside one run of text", () => {
  const tokenizer = createTokenizer(byteLevelTokenizer().json, byteLevelTokenizer().config);
  const segment = (text: string, weight: number): Segment => ({
    text,
    kind: "content",
    role: "user",
    supervised: weight > 0,
    weight,
  });

  test("a token over a border of the mask weighs 0 and is counted", () => {
    const { ids, weights, straddled } = tokenizer.encode([segment("x he", 0), segment("llo!", 1)]);
    expect([...ids].map((id) => tokenizer.decode([id]))).toEqual(["x", " ", "hello", "!"]);
    expect([...weights]).toEqual([0, 0, 0, 1]);
    expect(straddled).toBe(1);
  });

  test("a border between equal weights is none", () => {
    const { weights, straddled } = tokenizer.encode([segment("x", 0), segment("he", 1), segment("llo", 1)]);
    expect([...weights]).toEqual([0, 1]);
    expect(straddled).toBe(0);
  });

  test("bytes of one character all have its place", () => {
    const { starts, ends } = tokenizer.encode([segment("a😀b", 0)]);
    expect([...starts]).toEqual([0, 1, 1, 1, 1, 3]);
    expect([...ends]).toEqual([1, 3, 3, 3, 3, 4]);
  });

  test("merging over the answer's beginning is what the border prevents", () => {
    const template = createTemplate("chatml", tokenizer);
    const messages: Message[] = [
      { role: "user", content: "a" },
      { role: "assistant", content: "\nb" },
    ];
    const segments = render(template, messages);
    const merged = tokenizer.encode(segments.map((s) => ({ ...s, role: "user" as const }))).ids;
    expect([...merged].map((id) => tokenizer.decode([id]))).toContain("\n\n");
    expect([...tokenizer.encode(segments).ids].map((id) => tokenizer.decode([id]))).not.toContain("\n\n");
  });
});

test("a lone surrogate becomes U+FFFD, and a pair over two segments is none", () => {
  const tokenizer = createTokenizer(byteLevelTokenizer().json, byteLevelTokenizer().config);
  const segment = (text: string): Segment => ({ text, kind: "content", role: "user", supervised: false, weight: 0 });
  expect(tokenizer.encode([segment("a\ud83d"), segment("\ude00")]).text).toBe("a\uFFFD\uFFFD");
});

test("a normalizer acts on each segment, and offsets are those of the normalised text", () => {
  const { json, config } = byteLevelTokenizer({}, { normalizer: { type: "NFC" } });
  const tokenizer = createTokenizer(json, config);
  const template = createTemplate("hone", tokenizer);
  const { text, ends } = tokenizer.encode(
    render(template, [
      { role: "user", content: "e\u0301" },
      { role: "assistant", content: "\u0301e\u0301" },
    ]),
  );
  expect(text).toBe("<s><|user|>é<|end|>\n<|assistant|>\u0301é<|end|></s>");
  expect(ends.at(-1)).toBe(text.length);
});

const plainText = (text: string): Segment => ({ text, kind: "content", role: "user", supervised: false, weight: 0 });

test("words are merged as one text where the vocabulary reaches over their beginning", () => {
  const { json, config } = sentencePieceTokenizer({ crossing: true });
  const { ids } = createTokenizer(json, config).encode([plainText("a> b")]);
  const library = new Library(json, config);
  expect([...ids]).toEqual(library.encode("a> b", { add_special_tokens: false }).ids);
  expect([...ids].map((id) => library.id_to_token(id))).toContain(">▁");
});

test("text that reads like a special token is not one, even where the vocabulary has it as a word", () => {
  const { json, config } = byteLevelTokenizer();
  const end = json.added_tokens[1]?.id ?? -1;
  const model = { ...json.model, ignore_merges: true, vocab: { ...json.model.vocab, "</s>": end } };
  const tokenizer = createTokenizer({ ...json, model }, config);
  const { ids } = tokenizer.encode([plainText("</s>")]);
  expect(ids).toHaveLength(4);
  expect(tokenizer.decode(ids)).toBe("</s>");
});

test("vocabularies hold the names that JavaScript's objects have", () => {
  const { json, config } = byteLevelTokenizer();
  const merges = ["c o", "co n"];
  Object.assign(json.model, { merges, vocab: { ...json.model.vocab, co: 900, constructor: 901, con: 902 } });
  const tokenizer = createTokenizer(json, config);
  expect(tokenizer.decode([901])).toBe("constructor");
  expect(tokenizer.decode([902, 5000])).toBe("con\uFFFD");
});

describe("what is missing or not supported is named", () => {
  const { json, config } = byteLevelTokenizer();
  const rows: [string, unknown, unknown, RegExp][] = [
    ["no object", [], config, /^tokenizer\.json: model is missing/],
    ["null", null, config, /^tokenizer\.json: its content/],
    ["another model", { ...json, model: { ...json.model, type: "Unigram" } }, config, /model\.type is "Unigram".*BPE/],
    ["no merges", { ...json, model: { ...json.model, merges: undefined } }, config, /model\.merges/],
    ["a vocabulary of another form", { ...json, model: { ...json.model, vocab: [["a", -1]] } }, config, /model\.vocab/],
    ["no bytes", { ...json, pre_tokenizer: null }, config, /ByteLevel pre_tokenizer or byte_fallback/],
    ["a normalizer", { ...json, normalizer: { type: "BertNormalizer" } }, config, /normalizer "BertNormalizer"/],
    [
      "a pre-tokenizer that drops text",
      {
        ...json,
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: "\\s" }, behavior: "Removed", invert: false },
            { type: "ByteLevel", use_regex: false },
          ],
        },
      },
      config,
      /pre_tokenizer Split, ByteLevel drops or adds text/,
    ],
    [
      "a post-processor",
      { ...json, post_processor: { type: "BertProcessing" } },
      config,
      /post_processor "BertProcessing"/,
    ],
    ["an unknown eos", json, { eos_token: "<eos>" }, /eos_token "<eos>" is not in tokenizer\.json/],
    ["a BOS without a name", json, { add_bos_token: true }, /add_bos_token is true/],
  ];
  test.each(rows)("%s", (_, tokenizerJson, tokenizerConfig, message) => {
    expect(() => createTokenizer(tokenizerJson, tokenizerConfig)).toThrow(message);
  });

  test("text without tokens, at the row that has it", () => {
    const { json: small, config } = sentencePieceTokenizer();
    const vocab = Object.fromEntries(Object.entries(small.model.vocab).filter(([token]) => token !== "<0xC3>"));
    const tokenizer = createTokenizer({ ...small, model: { ...small.model, vocab } }, config);
    const encode = (text: string) =>
      tokenizer.encode([{ text, kind: "content", role: "user", supervised: false, weight: 0 }]);
    expect(() => encode("all ü is")).toThrow(/no tokens for "ü is"/);
    expect(() => encode("all é is")).not.toThrow();
  });

  test("nothing that could stop an answer", () => {
    const tokenizer = createTokenizer(json, null);
    expect(() => createTemplate("hone", tokenizer)).toThrow(/neither "<\|end\|>" nor an end-of-sequence token/);
  });
});

describe("templates", () => {
  const texts = (name: TemplateName, added: readonly string[], system: string | null = null) => {
    const { json, config } = byteLevelTokenizer({ added });
    const template = createTemplate(name, createTokenizer(json, config));
    const messages: Message[] = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
    ];
    const text = (segments: readonly Segment[]) => segments.map((segment) => segment.text).join("");
    return {
      template,
      whole: text(render(template, messages, { system })),
      prompt: text(render(template, messages.slice(0, 1), { system, generationPrompt: true })),
    };
  };

  test("hone, as DOMAIN.md writes it", () => {
    const { whole, prompt, template } = texts("hone", honeMarkers, "You are a helpful assistant.");
    expect(whole).toBe(
      "<s><|system|>You are a helpful assistant.<|end|>\n<|user|>Hi<|end|>\n<|assistant|>Hello<|end|>",
    );
    expect(prompt).toBe("<s><|system|>You are a helpful assistant.<|end|>\n<|user|>Hi<|end|>\n<|assistant|>");
    expect(template.stopIds).toHaveLength(2);
  });

  test("a model that knows only its end of sequence gets it after the plain marker of an answer", () => {
    const { whole, template } = texts("hone", []);
    expect(whole).toBe("<s><|user|>Hi<|end|>\n<|assistant|>Hello<|end|></s>");
    expect(template).toMatchObject({ stop: "</s>", turnEnd: "<|end|>" });
  });

  test("ChatML", () => {
    const { whole } = texts("chatml", chatmlMarkers);
    expect(whole).toBe("<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>");
  });

  test("a header that is BOS itself is the only one", () => {
    const { json } = byteLevelTokenizer({ added: chatmlMarkers });
    const tokenizer = createTokenizer(json, {
      add_bos_token: true,
      bos_token: "<|im_start|>",
      eos_token: "<|im_end|>",
    });
    expect(tokenizer.bos?.text).toBe("<|im_start|>");
    const template = createTemplate("chatml", tokenizer);
    expect(template).toMatchObject({ bos: "", opensWithBos: true, stop: "" });
  });
});

const Golden = v.object({
  batch: v.object({ ids: v.array(v.array(v.number())), labels: v.array(v.array(v.number())) }),
});

sharedTest("stories260K: the golden rows' ids and mask follow from their text", async ({ shared }) => {
  const tokenizer = createTokenizer(
    await shared.json("models/stories260K/tokenizer.json"),
    await shared.json("models/stories260K/tokenizer_config.json"),
  );
  const template = createTemplate("hone", tokenizer);
  const { batch } = v.parse(Golden, await shared.json("golden/stories260K.json"));
  expect(batch.ids).toHaveLength(4);
  batch.ids.forEach((padded, b) => {
    const golden = padded.slice(0, padded.indexOf(2) + 1);
    const parsed = /^<\|user\|>(.*)<\|end\|>\n<\|assistant\|>(.*)$/.exec(tokenizer.decode(golden));
    const [, question = "", answer = ""] = parsed ?? [];
    expect(answer).not.toBe("");
    const segments = render(template, [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ]);

    // The golden rows end in </s> at once; the template puts its plain end marker before it.
    const bare = segments.map((s, i) => (i === segments.length - 1 ? { ...s, text: template.stop } : s));
    const { ids, weights } = tokenizer.encode(bare);
    expect([...ids]).toEqual(golden);
    const labels = batch.labels[b] ?? [];
    expect([...weights]).toEqual(golden.map((_, i) => (i > 0 && labels[i - 1] !== -100 ? 1 : 0)));

    const full = tokenizer.encode(segments).ids;
    expect([...full.slice(0, golden.length - 1)]).toEqual(golden.slice(0, -1));
    expect(tokenizer.decode(full.slice(golden.length - 1))).toBe("<|end|>");
    expect(full.at(-1)).toBe(2);
  });
});
