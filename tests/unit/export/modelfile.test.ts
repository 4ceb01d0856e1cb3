/** Ollama's Modelfile. Oracle: the rules of Ollama's parser (parser/parser.go, 2026), written again below, rune by rune. */

import { expect, test } from "vitest";
import { modelfile, ollamaName, runText } from "../../../src/export/modelfile.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const isSpace = (rune: string) => rune === " " || rune === "\t";
const isBreak = (rune: string) => rune === "\n" || rune === "\r";
const isPrint = (rune: string) => rune === " " || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(rune);

function unquote(text: string): string | null {
  if (text.startsWith('"""')) return text.length >= 6 && text.endsWith('"""') ? text.slice(3, -3) : null;
  if (text.startsWith('"')) return text.length >= 2 && text.endsWith('"') ? text.slice(1, -1) : null;
  return text;
}

/** The commands of a Modelfile; throws where Ollama refuses it. */
function parse(file: string): (readonly [string, string])[] {
  const commands: (readonly [string, string])[] = [];
  let [state, buffer, name] = ["nil", "", ""];
  for (const rune of file) {
    if (state === "nil") {
      if (isSpace(rune) || isBreak(rune)) continue;
      [state, buffer] = [rune === "#" ? "comment" : "name", rune];
    } else if (state === "comment") {
      if (isBreak(rune)) state = "nil";
    } else if (state === "name") {
      if (/[a-z]/i.test(rune)) buffer += rune;
      else if (!isSpace(rune)) throw new Error(`invalid command ${buffer}`);
      else
        [name, buffer, state] = [
          buffer.toLowerCase(),
          "",
          buffer.toLowerCase() === "parameter" ? "parameter" : "value",
        ];
    } else if (state === "parameter") {
      if (/[a-z0-9_]/i.test(rune)) buffer += rune;
      else [name, buffer, state] = [buffer, "", "value"];
    } else if (isBreak(rune) || isSpace(rune)) {
      const value = unquote(buffer.trim());
      if (value === null || isSpace(rune)) buffer += rune;
      else {
        commands.push([name, value]);
        [state, buffer] = ["nil", ""];
      }
    } else if (isPrint(rune)) buffer += rune;
  }
  if (state === "value") {
    const value = unquote(buffer.trim());
    if (value === null) throw new Error("unexpected end");
    commands.push([name, value]);
  } else if (state !== "nil") throw new Error("unexpected end");
  return commands;
}

const systems = [
  "Answer briefly.",
  "",
  " a  b ",
  "line 1\nline 2\r\n\n  line 3\n",
  'He said "yes".',
  '"',
  '""',
  '"quoted"',
  'ends with "',
  '"""',
  'a """ b',
  'first"\nsecond',
  '# no comment\nFROM other\nSYSTEM "x"',
  '{{ .System }} {% if x %}\\n \\"',
  "naïve 日本語 שלום 👍🏽 e\u0301",
  "\ttab\t",
];

test.each(systems)("%# survives: %j", (system) => {
  const file = modelfile({ from: "./model-F16.gguf", stops: ["<|end|>", '"""', "\n\n"], system });
  expect(parse(file)).toEqual([
    ["from", "./model-F16.gguf"],
    ["stop", "<|end|>"],
    ["stop", '"""'],
    ["stop", "\n\n"],
    ["system", system],
  ]);
});

test.each([
  ['a line with """\nand more', /ends with three quotes/],
  ["no\u00a0break", /U\+00A0/],
  ["👩\u200d👩", /U\+200D/],
  ["\u0000", /U\+0000/],
  ["\u2028", /U\+2028/],
  ["half \ud800 a pair", /U\+D800/],
])("%# is a comment with the reason, because no quotes carry it: %j", (system, reason) => {
  const file = modelfile({ from: "x", stops: [], system });
  expect(parse(file)).toEqual([["from", "x"]]);
  expect(file).toMatch(reason);
});

test("random texts are read back, or left out (seed 18)", () => {
  const random = createRandom(18);
  const pieces = ['"', '""', '"""', "\n", "\r\n", " ", "\t", "a", "FROM x", "#", "\\", "é", "\u200d"];
  let carried = 0;
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: random.below(9) }, () => pieces[random.below(pieces.length)]).join("");
    const file = modelfile({ from: "x", stops: [], system: text });
    if (file.includes("# SYSTEM is missing")) continue;
    carried += 1;
    expect(parse(file), JSON.stringify(text)).toEqual([
      ["from", "x"],
      ["system", text],
    ]);
  }
  expect(carried).toBeGreaterThan(2000);
});

test("an adapter names its base, and both commands stand in the text", () => {
  const file = modelfile({ from: "./base.gguf", adapter: "./run-lora.gguf", stops: ["</s>"], system: null });
  expect(parse(file).slice(0, 2)).toEqual([
    ["from", "./base.gguf"],
    ["adapter", "./run-lora.gguf"],
  ]);
  const text = runText({ file: "run-lora.gguf", name: "My run", adapter: "Base 1", notes: ["A note."] });
  expect(text).toContain("ollama create my-run -f Modelfile && ollama run my-run");
  expect(text).toContain('llama-cli -m "BASE.gguf" --lora "run-lora.gguf" -cnv');
  expect(text).toContain("- A note.");
  expect(["Ünï", "../..", "", "日本"].map(ollamaName)).toEqual(["u-ni", "model", "model", "model"]);
});
