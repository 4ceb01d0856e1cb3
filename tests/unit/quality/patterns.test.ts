/** Texts that the patterns find, texts that they do not find, and a bound on their time. */

import { describe, expect, test } from "vitest";
import {
  findControlCharacter,
  findPersonalData,
  findSpecialToken,
  findTemplateMarker,
  isInvisible,
  passesLuhn,
} from "../../../src/quality/patterns.ts";

describe("control characters", () => {
  test.each([
    ["a null", "ab\u0000c", "U+0000 (null) at character 3"],
    ["an escape", "\u001b[31mred", "U+001B (escape) at character 1"],
    ["delete", "a\u007f", "U+007F at character 2"],
    ["a control character of Latin-1", "a\u0085b", "U+0085 at character 2"],
    ["a zero-width space", "a\u200bb", "U+200B (zero-width space) at character 2"],
    ["a joiner between Latin letters", "pass\u200dword", "U+200D (zero-width joiner) at character 5"],
    ["a change of direction", "abc\u202etxt", "U+202E (right-to-left override) at character 4"],
    ["a byte order mark inside", "a\uFEFFb", "U+FEFF (byte order mark) at character 2"],
  ])("%s is found with its place", (_, text, found) => {
    expect(findControlCharacter(text)).toBe(found);
  });
  test.each([
    ["tabs and line breaks", "a\tb\r\nc"],
    ["a family of emoji", "👩\u200d👧 and ❤\uFE0F"],
    ["Persian with its non-joiner", "می\u200cخواهم"],
    ["a no-break space and a soft hyphen", "10\u00a0km and co\u00adoperate"],
  ])("%s are not found", (_, text) => {
    expect(findControlCharacter(text)).toBeNull();
  });
});

describe("personal data", () => {
  const filler = "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp9Oo8Nn7";
  test.each([
    ["a mail address", "Write to jo.smith+list@mail.example.co.uk.", "a mail address, …t@mail.example.co.uk"],
    ["an OpenAI key", `key=sk-${filler}`, "a key, sk-Zz9…"],
    ["a project key", `sk-proj-ab_${filler}`, "a key, sk-pro…"],
    ["an AWS key", "AKIAABCDEFGHIJKLMNOP", "a key, AKIAAB…"],
    ["a GitHub token", `ghp_${filler.slice(0, 36)}`, "a key, ghp_Zz…"],
    ["a Hugging Face token", `hf_${filler.slice(0, 30)}`, "a key, hf_Zz9…"],
    ["a Google key", `AIza${filler.slice(0, 35)}`, "a key, AIzaZz…"],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMII", "a private key"],
    ["a private key without a kind", "-----BEGIN PRIVATE KEY-----", "a private key"],
    ["a card in groups", "Card: 4242 4242 4242 4242, until 12/30", "a card number, …4242"],
    ["a card with hyphens", "5555-5555-5555-4444", "a card number, …4444"],
    ["a card without groups", "pay with 4242424242424242 please", "a card number, …4242"],
    ["a card of 15 digits", "3782 822463 10005", "a card number, …0005"],
    ["a telephone number", "Call +44 20 7946 0958 today", "a phone number, +44 2…"],
    ["a North American one", "+1 (555) 010-9999", "a phone number, +1 (5…"],
  ])("%s is found and shown only in part", (_, text, found) => {
    expect(findPersonalData(text)).toBe(found);
    expect(findPersonalData(`first line\n${text}`)).toBe(found);
  });
  test.each([
    ["a package", "npm install @types/node@20.1.2 or look at user@localhost"],
    ["a decorator", "@app.route('/') def home(): pass"],
    ["a wrong check digit", "4242 4242 4242 4241"],
    ["digits of no card issuer", "1234567812345670"],
    ["a long number", "31415926535897932384626433832795"],
    ["a decimal", "0.4242424242424242"],
    ["an identifier", "order_4242424242424242"],
    ["a sum", "2 + 3 4 5 = 14, +123456789012"],
    ["words with sk-", "a risk-averse and desk-bound sk-learn-based-classifier-pipeline"],
    ["a public key", "-----BEGIN PUBLIC KEY-----"],
    ["times", "2026-11-22 17:28:17, 10:00-12:00"],
  ])("%s is not found", (_, text) => {
    expect(findPersonalData(text)).toBeNull();
  });

  // Oracle: the check digit computed from a list of digits, as the standard describes it.
  test("exactly one of the ten possible last digits passes the check", () => {
    for (let start = 0; start < 500; start++) {
      const doubled = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
      const digits = Array.from({ length: 15 }, (_, i) => (start * 7919 + i * i * 31) % 10);
      const sum = digits.reduce((total, digit, i) => total + (i % 2 === 0 ? (doubled[digit] ?? 0) : digit), 0);
      for (let last = 0; last < 10; last++) {
        expect(passesLuhn(`${digits.join("")}${last}`)).toBe((sum + last) % 10 === 0);
      }
    }
  });
});

describe("markers of chat templates", () => {
  test.each([
    ["<|im_start|>user\nhi<|im_end|>", "ChatML"],
    ["[INST] hi [/INST] hello", "Llama 2 or Mistral"],
    ["<<SYS>>be kind", "Llama 2 or Mistral"],
    ["<start_of_turn>user", "Gemma"],
    ["text<|eot_id|>", "Llama 3"],
    ["<|user|>hi<|end|>", "Hone, Phi-3 or Zephyr"],
    ["Below is a task.\n\n### Instruction:\nAdd.\n\n### Response:\n4", "Alpaca"],
    ["\n\nHuman: hi\n\nAssistant: hello", "plain speakers"],
  ])("%j belongs to %s", (text, family) => {
    expect(findTemplateMarker(text)?.family).toBe(family);
  });
  test.each([
    "Human: an interview with one speaker",
    "## Response time\n[inst] a < b | c > d",
    "an <img> tag and <user> in a usage line",
  ])("%j has no marker", (text) => {
    expect(findTemplateMarker(text)).toBeNull();
  });
});

test("special tokens are found in brackets only if the tokenizer has them", () => {
  const added = new Map([
    ["</s>", 2],
    ["<|im_end|>", 5],
    ["[PAD]", 7],
    ["<｜end▁of▁sentence｜>", 9],
  ]);
  const find = (text: string) => findSpecialToken(text, (token) => added.get(token));
  expect(find("the end</s>")).toBe("</s>");
  expect(find("a <b>bold</b> word and <|im_end|>")).toBe("<|im_end|>");
  expect(find("[MASK] and [PAD]")).toBe("[PAD]");
  expect(find("so <｜end▁of▁sentence｜>")).toBe("<｜end▁of▁sentence｜>");
  expect(find("<s> </S> [pad] <|im_end |>")).toBeNull();
});

test("white space and control characters are invisible; one other character is not", () => {
  expect(["", " \n\t", "\u200b\u2060 \ufeff", "\u00a0\u3000", "\u0000"].map(isInvisible)).toEqual(Array(5).fill(true));
  expect(["a", ".", "👍", "。", "0"].map(isInvisible)).toEqual(Array(5).fill(false));
});

describe("a text of a megabyte, made to be slow, is searched in time", () => {
  const million = (unit: string) => unit.repeat(Math.ceil(2 ** 20 / unit.length));
  test.each(
    [
      "a",
      "0",
      "1 ",
      "1-",
      "4242 ",
      "4242 4242 4242 424",
      "@",
      "a@",
      "a@a.",
      "@aaaaaaaa.",
      "a@b-",
      "sk-",
      "sk-a",
      "sk-sk-sk-sk-aaaaaaaaaaaaaaaa ",
      "AKIA",
      "ghp_a",
      "hf_",
      "xox",
      "-----BEGIN ",
      "-----BEGIN A",
      "BEGIN RSA ",
      "+",
      "+1 ",
      "+1 (",
      "+44 20 79 ",
      "<",
      "<|",
      "<a",
      "[",
      "[A",
      "[INST",
      "<|im_start|",
      "###",
      "### ",
      "Human:",
      "Human: ",
      "\nHuman: ",
      "\u200d",
      "a\u200d",
      "\u200da",
      " ",
      "\n",
      "\u00a0",
      "_",
      "é",
      "👍",
      "字",
    ].map((unit) => [unit]),
  )(
    "%j again and again",
    (unit) => {
      const text = million(unit);
      findControlCharacter(text);
      findPersonalData(text);
      findTemplateMarker(text);
      findSpecialToken(text, () => undefined);
      isInvisible(text);
    },
    15_000,
  );
});
