/** Templates with generation tags, each with a small tokenizer and the conversations that are frozen for it. */

import { readFileSync } from "node:fs";
import { byteLevelTokenizer, gemmaParts, llama3Words, qwenWords, sentencePieceTokenizer } from "./tokenizers.ts";

const rows = ["one turn", "a system message", "several turns", "white space", "other scripts"];
const reasoning = ["reasoning in its field", "reasoning in each turn", "reasoning in the content"];
const calls = ["a tool's call", "two calls and an empty result", "calls in two turns with reasoning"];

const source = (name: string) => readFileSync(new URL(`../golden/masks/${name}.jinja`, import.meta.url), "utf8");

/** The same files with flags of their added tokens. */
function flagged(files: ReturnType<typeof byteLevelTokenizer>, flags: { lstrip?: boolean; rstrip?: boolean }) {
  const added = files.json.added_tokens.map((token) => ({ ...token, ...flags }));
  return { ...files, json: { ...files.json, added_tokens: added } };
}

const roles = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"];

const subjects = [
  {
    name: "tags without the end",
    source: source("outside"),
    files: byteLevelTokenizer({ added: ["<|im_start|>", "<|im_end|>"], bos: "none" }),
    rows: [...rows, "reasoning in the content"],
  },
  {
    name: "tokens that strip white space",
    source: source("stripping"),
    files: flagged(byteLevelTokenizer({ added: roles, bos: "none" }, llama3Words), { rstrip: true }),
    rows,
  },
  {
    name: "tokens that strip on both sides",
    source: source("stripping"),
    files: flagged(byteLevelTokenizer({ added: roles, bos: "none" }, llama3Words), { lstrip: true, rstrip: true }),
    rows,
  },
  {
    name: "reasoning and two blocks",
    source: source("thinking"),
    files: byteLevelTokenizer({ added: ["<|turn>", "<turn|>"], bos: "none" }, qwenWords),
    rows: [...rows, ...reasoning],
  },
  {
    name: "calls",
    source: source("calls"),
    files: byteLevelTokenizer({ added: ["[ANSWER]", "[ASK]", "[/ASK]", "[RESULT]", "[/RESULT]"] }, llama3Words),
    rows: [...rows, ...calls],
  },
  {
    name: "calls, Gemma's kind of tokenizer",
    source: source("calls"),
    files: sentencePieceTokenizer({ added: ["[ANSWER]", "[ASK]", "[/ASK]", "[RESULT]", "[/RESULT]"] }, gemmaParts),
    rows: [...rows, ...calls],
  },
];

export const maskSubjects = subjects.map((subject) => ({
  ...subject,
  // transformers reads no object without its class here.
  files: { json: subject.files.json, config: { ...subject.files.config, eos_token: "</s>" } },
}));
