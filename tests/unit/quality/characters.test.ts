/** Characters that a wrong encoding changed. Oracles: texts by hand, and TextDecoder for Windows-1252. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findMojibake, replacedIn } from "../../../src/quality/characters.ts";
import type { Message } from "../../../src/records/example.ts";
import { ExactNumber } from "../../../src/records/value.ts";
import { cases } from "../../support/long.ts";
import { inspectFile } from "./chain.ts";
import { findingOf, rowsOf } from "./made.ts";

const user = { role: "user", content: "Hi" } as const;
const chat = (...messages: Message[]) => ({ kind: "chat", messages }) as const;
const answer = (change: Partial<Message>): Message => ({ role: "assistant", content: "Ho", ...change });

describe("U+FFFD is found with its place", () => {
  test.each([
    ["a text", { kind: "text", text: "caf\uFFFD" } as const, 'the text has U+FFFD at character 4, after "caf"'],
    ["at the start", { kind: "text", text: "\uFFFDa" } as const, "the text has U+FFFD at character 1"],
    [
      "after a line break",
      { kind: "text", text: "a b\n\uFFFD" } as const,
      'the text has U+FFFD at character 5, after "a b "',
    ],
    ["an answer", chat(user, answer({ content: "na\uFFFDve" })), 'message 2 has U+FFFD at character 3, after "na"'],
    [
      "reasoning",
      chat(user, answer({ fields: { reasoning_content: "so \uFFFD" } })),
      'message 2 has U+FFFD at character 4, after "so "',
    ],
    [
      "deep in a field",
      chat(user, answer({ fields: { extra: [{ a: new ExactNumber("1.0"), b: ["x", { c: "\uFFFD" }] }] } })),
      "message 2 has U+FFFD at character 1",
    ],
    [
      "a key",
      chat(user, answer({ fields: { extra: { "b\uFFFD": 1 } } })),
      'message 2 has U+FFFD at character 2, after "b"',
    ],
    [
      "a structured tool result",
      chat(user, answer({}), { role: "tool", content: "", structured: [{ text: "12 \uFFFDC" }] }),
      'message 3 has U+FFFD at character 4, after "12 "',
    ],
    [
      "a call's arguments",
      chat(user, answer({ content: "", toolCalls: [{ name: "find", arguments: { city: "K\uFFFDln" } }] })),
      'message 2 has U+FFFD at character 2, after "K"',
    ],
    [
      "tool descriptions",
      { ...chat(user, answer({})), tools: [{ name: "find", description: "\uFFFD" }] },
      "tools has U+FFFD at character 1",
    ],
    [
      "a rejected answer",
      { kind: "preference", prompt: [user], chosen: [answer({})], rejected: [answer({ content: "\uFFFD" })] } as const,
      "message 3 has U+FFFD at character 1",
    ],
  ])("%s", (_, example, words) => {
    expect(replacedIn(example)).toBe(words);
  });
  test.each([
    ["accents", "café, naïve, Köln"],
    ["the object replacement character", "a\uFFFCb"],
    ["an emoji", "👍🏽"],
    ["a question mark", "caf?"],
  ])("%s are none", (_, text) => {
    expect(replacedIn(chat(user, answer({ content: text })))).toBeNull();
  });
});

describe("UTF-8 that was read as Windows-1252", () => {
  const latin = new TextDecoder("windows-1252");
  const misread = (text: string) => latin.decode(new TextEncoder().encode(text));

  test.each([
    ["é", "cafÃ©", '"Ã©" for "é"'],
    ["an apostrophe", "itâ€™s", '"â€™" for "’"'],
    ["a dash", "1939â€“1945", '"â€“" for "–"'],
    ["an opening quotation mark", "â€œYesâ€\u009d", '"â€œ" for "“"'],
    ["a degree sign", "12Â°C", '"Â°" for "°"'],
    ["a no-break space", "12Â\u00a0km", '"Â\u00a0" for "\u00a0"'],
    ["ß", "StraÃŸe", '"ÃŸ" for "ß"'],
    ["Ü at the start", "Ãœber", '"Ãœ" for "Ü"'],
    ["Ö, a dash in Windows-1252", "Ã–sterreich", '"Ã–" for "Ö"'],
    ["an emoji", "ðŸ˜€", '"ðŸ˜€" for "😀"'],
  ])("%s", (_, text, words) => {
    expect(findMojibake(text)).toBe(words);
  });

  test.each([
    ["plain English", "It's 1939-1945."],
    ["accents", "café, naïve, Köln, Ångström, À côté"],
    ["upper case with a quotation mark", "“AMANHÃ” e “PÂ”"],
    ["upper case with an ellipsis", "AMANHÃ… e depois"],
    ["guillemets", "«MAÇÃ» et «À»"],
    ["Romanian", "în cât timp"],
    ["Turkish", "Kâğıt, âşık"],
    ["an accent before an ellipsis and a quotation mark", "“voilà…”"],
    ["Icelandic", "Ðað er Þór"],
    ["Vietnamese", "Ăn Âu, ÂM"],
    ["Russian", "Привет"],
    ["Japanese", "日本語、テスト。"],
    ["a euro sign", "12 €, 13€"],
    ["superscripts", "m² and µm"],
    ["HTML entities", "caf&eacute;"],
    ["capital letters in a row", "ÀÉÎÕÜ ÃÃ ÂÂ"],
  ])("%s is none", (_, text) => {
    expect(findMojibake(text)).toBeNull();
  });

  test("every pair of letters of another script, and what it should be, are found", () => {
    const letters = [..."яжПриβαΣאבمسहिन日本語한국"];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...letters), { minLength: 2, maxLength: 2 }), (two) => {
        const text = two.join("");
        expect(findMojibake(`a ${misread(text)} b`)).toBe(`"${misread(text)}" for "${text}"`);
        expect(findMojibake(`a ${text} b`)).toBeNull();
      }),
      { seed: 15, numRuns: cases(400) },
    );
  });

  test("hostile texts end in linear time", () => {
    const began = performance.now();
    for (const unit of ["Ã", "â€", "ðŸ", "Â", "ä¸", "é\u0080", "\u00C2\u0080x"]) findMojibake(unit.repeat(2 ** 19));
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("in a file", () => {
  const pair = (i: number, output: string) => ({ instruction: `Question ${i}: what is ${i * 7}?`, output });
  const good = Array.from({ length: 4 }, (_, i) => pair(i, `The answer to number ${i} is ${i * 7}.`));
  const bad = pair(4, "We met in the caf\uFFFD by the harbour.");
  const file = [...good, bad, pair(5, "We met in the cafÃ© by the sea.")].map((row) => JSON.stringify(row)).join("\n");

  test("rows with U+FFFD are left out, with the reason and a way to use them", async () => {
    const { report, table } = await inspectFile("a.jsonl", file);
    expect(report.examples).toBe(5);
    expect([...table.rows]).not.toContain(4);
    expect(findingOf(report, "replacement-character")).toMatchObject({
      severity: "warning",
      title: "1 row contains U+FFFD and is left out",
      remedy: "use-replaced",
      excludable: false,
    });
    expect(rowsOf(report, "replacement-character")).toEqual([4]);
    expect(report.leftOut).toMatchObject([
      {
        row: 4,
        message: 'message 2 has U+FFFD at character 18, after "t in the caf"; correct it, or use rows with U+FFFD',
      },
    ]);
    expect(findingOf(report, "unusable")).toBeUndefined();
    expect(findingOf(report, "control-characters")).toBeUndefined();
  });

  test("with the option they train, and stay a finding", async () => {
    const { report, table } = await inspectFile("a.jsonl", file, { options: { replaced: true } });
    expect(report.examples).toBe(6);
    expect([...table.rows]).toContain(4);
    expect(findingOf(report, "replacement-character")).toBeUndefined();
    expect(findingOf(report, "replacement-used")).toMatchObject({
      severity: "warning",
      title: "1 row contains U+FFFD",
      remedy: null,
      excludable: true,
    });
  });

  test("misread UTF-8 is a hint with its row and what it should be", async () => {
    const { report } = await inspectFile("a.jsonl", file);
    expect(findingOf(report, "mojibake")).toMatchObject({ severity: "hint", examples: ['row 6: "Ã©" for "é"'] });
    expect(rowsOf(report, "mojibake")).toEqual([5]);
  });
});
