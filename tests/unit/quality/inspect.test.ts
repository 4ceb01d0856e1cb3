/** Reports on made-up rows. Oracle: counts and findings known by construction. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { histogram } from "../../../src/quality/histogram.ts";
import type { FindingKind } from "../../../src/quality/report.ts";
import type { ChatExample, TextExample } from "../../../src/records/example.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { cases } from "../../support/long.ts";
import { chat, findingOf, idOf, inspect, inspectorOf, plain, rowsOf, type Setting, tokenised } from "./made.ts";

const random = createRandom(9);
/** Answers that do not repeat by chance. */
const sentence = () => Array.from({ length: 12 }, () => `w${random.below(2 ** 31)}`).join(" ");
const ordinary = (row: number) => chat(row, `question ${row}: ${sentence()}`, sentence());

describe("counts", () => {
  test("tokens and supervised tokens, in all and per source, as counted by hand", () => {
    const examples = [chat(0, "a b", "c"), chat(1, "a", "b c d"), plain(0, "x y z")];
    const sources = [
      { name: "chats.jsonl", records: 7, lambda: 1 },
      { name: "text.md", records: 1, lambda: 2 },
    ];
    const report = inspect(examples, { sources, sourceOf: (i) => (i < 2 ? 0 : 1) });
    // <s> <|user|> a b <|end|> <|assistant|> c <|end|>: 8 tokens, 2 supervised. <s> x y z: 4 tokens, 3 supervised.
    expect(report).toMatchObject({ examples: 3, tokens: 8 + 9 + 4, supervisedTokens: 2 + 4 + 3, leftOutCount: 0 });
    expect(report.sources).toMatchObject([
      { name: "chats.jsonl", records: 7, examples: 2, excluded: 0, tokens: 17, supervisedTokens: 6, lambda: 1 },
      { name: "text.md", records: 1, examples: 1, excluded: 0, tokens: 4, supervisedTokens: 3, lambda: 2 },
    ]);
    // Three draws, one from source 1 and two from source 2: 3 and 6 supervised tokens.
    expect(report.sources.map(({ passes }) => passes)).toEqual([0.5, 2]);
    expect(report.sources[0]?.realisedShare).toBeCloseTo(3 / 9);
    expect(report.sources[1]?.realisedShare).toBeCloseTo(6 / 9);
    const weighted = inspect(examples, { sources, mixture: "weight", sourceOf: (i) => (i < 2 ? 0 : 1) });
    expect(weighted.sources.map(({ passes, realisedShare }) => [passes, realisedShare])).toEqual([
      [1, 0.5],
      [1, 0.5],
    ]);
    expect(report.seconds).toBeGreaterThanOrEqual(0);
  });

  test("held-out rows are counted, but have no share in the mixture", () => {
    const sources = [
      { name: "a", records: 2, lambda: 1 },
      { name: "b", records: 2, lambda: 1 },
    ];
    const examples = [chat(0, "a", "b"), chat(1, "a", "c d e"), chat(0, "a", "f"), chat(1, "a", "g")];
    const report = inspect(examples, { sources, sourceOf: (i) => i >> 1, isHeldOut: (i) => i === 1 });
    expect(report.sources.map(({ examples: count }) => count)).toEqual([2, 2]);
    expect(report.sources.map(({ passes }) => passes)).toEqual([1.5, 0.75]);
    expect(report.sources.map(({ realisedShare }) => realisedShare)).toEqual([0.5, 0.5]);
  });

  test("by kind, as in stages: without held-out rows, with shares and draws within the kind", () => {
    const sources = [
      { name: "both", records: 4, lambda: 1 },
      { name: "text", records: 2, lambda: 3 },
    ];
    const examples = [
      chat(0, "a", "b"),
      chat(1, "a", "c d e"),
      plain(2, "x y z"),
      plain(0, "u v"),
      plain(1, "w w w w"),
    ];
    const report = inspect(examples, { sources, sourceOf: (i) => (i < 3 ? 0 : 1), isHeldOut: (i) => i === 1 });
    // Source 1 has the only training chat. Of three draws of texts it gets a quarter, 0.75 passes over its one text of 3
    // supervised tokens; source 2 gets 2.25 draws from two texts of 2 and 4.
    expect(report.sources.map(({ byKind }) => byKind.chat)).toEqual([
      { training: 1, realisedShare: 1, passes: 1 },
      { training: 0, realisedShare: 0, passes: 0 },
    ]);
    expect(report.sources.map(({ byKind }) => byKind.text)).toEqual([
      { training: 1, realisedShare: 0.25, passes: 0.75 },
      { training: 2, realisedShare: 0.75, passes: 1.125 },
    ]);
  });

  test("the first 2,000 left-out rows are listed with line and reason, without preference rows", () => {
    const inspector = inspectorOf();
    for (let row = 0; row < 2500; row++) {
      inspector.leaveOut({ source: 0, row, line: row + 2, message: "broken JSON: …", kind: "unreadable" });
    }
    inspector.leaveOut({ source: 0, row: 2500, line: 2502, message: "preference pair", kind: "preference" });
    inspector.exclude(0, 2501);
    const report = inspector.finish({ isHeldOut: () => false });
    expect(report.leftOutCount).toBe(2500);
    expect(report.leftOut).toHaveLength(2000);
    expect(report.leftOut[0]).toEqual({ source: 0, row: 0, line: 2, message: "broken JSON: …" });
    expect(rowsOf(report, "unreadable")).toHaveLength(2500);
    expect(findingOf(report, "unreadable")).toMatchObject({ excludable: false, title: "2,500 rows cannot be read" });
    expect(findingOf(report, "unreadable")?.examples).toHaveLength(20);
    expect(findingOf(report, "unreadable")?.examples[1]).toBe("row 2 (line 3): broken JSON: …");
    expect(rowsOf(report, "preference")).toEqual([2500]);
    expect(report.sources[0]?.excluded).toBe(1);
  });

  test("remaining and lost tokens of truncation", () => {
    const examples = [chat(0, "a b c d e f g", "h"), chat(1, "a", "b c d e f g h"), chat(2, "a", "b")];
    const right = inspect(examples, { maxLength: 10, truncation: "right" });
    // The first row loses both supervised tokens; the caller, not the inspector, would leave it out.
    expect(right.truncation).toEqual({ rows: 2, remaining: 5, lost: 2 + 3 });
    const left = inspect(examples, { maxLength: 10, truncation: "left" });
    expect(left.truncation).toEqual({ rows: 2, remaining: 10, lost: 0 });
    expect(findingOf(left, "truncated")).toMatchObject({
      severity: "hint",
      title: "2 rows are cut to 10 tokens; no supervised token is lost",
    });
    expect(findingOf(right, "truncated")).toMatchObject({
      severity: "warning",
      title: "2 rows are cut to 10 tokens; 5 supervised tokens are lost",
    });
    expect(findingOf(right, "truncated")?.examples[1]).toBe("row 2: 13 tokens; 3 supervised tokens lost, 5 left");
  });
});

describe("the histogram", () => {
  test("has round edges and at most 25 bins, and counts every length once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 50_000 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 500 }),
        (list, scale) => {
          const lengths = Int32Array.from(list, (length) => Math.floor(length / scale));
          const { edges, counts, longest, median } = histogram(lengths);
          const width = edges[1] ?? 0;
          expect(String(width)).toMatch(/^[125]0*$/);
          expect(edges).toEqual(counts.map((_, i) => i * width).concat(counts.length * width));
          expect(counts.length).toBeLessThanOrEqual(25);
          expect(counts).toEqual(
            counts.map((_, i) => lengths.filter((n) => n >= (edges[i] ?? 0) && n < (edges[i + 1] ?? 0)).length),
          );
          expect(longest).toBe(Math.max(0, ...lengths));
          expect(lengths.filter((n) => n < median).length).toBeLessThanOrEqual(lengths.length / 2);
          expect(lengths.filter((n) => n > median).length).toBeLessThanOrEqual(lengths.length / 2);
        },
      ),
      { seed: 31, numRuns: cases(2000) },
    );
  });
  test("has at least nine bins if the longest example has 25 tokens or more", () => {
    for (const longest of [25, 99, 250, 512, 1000, 2048, 4999, 100_000]) {
      expect(histogram(Int32Array.of(1, longest)).counts.length).toBeGreaterThanOrEqual(9);
    }
  });
});

describe("findings list their rows", () => {
  const usual = Array.from({ length: 30 }, (_, i) => ordinary(100 + i));
  const long = sentence();
  const longer = `${sentence()} ${sentence()}`;
  const rows: [FindingKind, (ChatExample | TextExample)[], number[], string, Setting?][] = [
    ["exact-duplicate", [chat(3, "a", long), chat(4, "a", long), chat(9, "a", long)], [4, 9], "row 5 = row 4"],
    ["near-duplicate", [chat(0, `${longer} a`, long), chat(1, `${longer} b`, long)], [1], "row 2 ≈ row 1, about"],
    [
      "contradiction",
      [chat(0, "a", `b ${long}`), chat(1, "a", `c ${long}`)],
      [1],
      "row 2 has the prompt of row 1, and another answer",
    ],
    [
      "leakage",
      [chat(0, "a", long), chat(1, "b", sentence()), chat(2, "a", long)],
      [2],
      "row 3 (training) = row 1 (validation)",
      { isHeldOut: (sequence) => sequence === 0 },
    ],
    [
      "empty-answer",
      [chat(0, "a", " \u200b\n"), chat(1, "a", "", "b", long)],
      [0, 1],
      "row 1: message 2 has no visible text",
    ],
    ["short-answer", [chat(0, "a", "ok"), chat(1, "b", "TODO"), chat(2, "c", "7")], [0, 1], 'row 1: "ok"'],
    [
      "template-language",
      [chat(0, "[INST] a [/INST]", long), plain(1, `${long}<|im_end|>`)],
      [0, 1],
      "row 1: [INST] (Llama 2",
    ],
    ["control-characters", [chat(0, "a\u0000", long)], [0], "row 1: U+0000 (null) at character 2"],
    ["special-token-text", [chat(0, "a</s>", long), chat(1, "<b>a</b>", long)], [0], "row 1: </s>"],
    ["personal-data", [chat(0, "a", `${long} me@example.com`)], [0], "row 1: a mail address, …e@example.com"],
    [
      "straddled",
      [chat(0, "a", long)],
      [0],
      "row 1: 2",
      { change: (t, { row }) => (row === 0 ? { ...t, encoding: { ...t.encoding, straddled: 2 } } : t) },
    ],
    [
      "unknown-text",
      [chat(0, "a", long)],
      [0],
      "row 1: 3 unknown tokens",
      { change: (t, { row }) => (row === 0 ? { ...t, encoding: { ...t.encoding, unknown: 3 } } : t) },
    ],
    [
      "truncated",
      [chat(0, `${long} ${long} ${long}`, long)],
      [0],
      "row 1: 53 tokens; 0 supervised tokens lost",
      { maxLength: 40, truncation: "left" },
    ],
  ];
  test.each(rows)("%s", (kind, examples, expected, words, setting) => {
    const report = inspect([...examples, ...usual], setting);
    expect(rowsOf(report, kind)).toEqual(expected);
    expect(findingOf(report, kind)?.examples[0]).toContain(words);
    expect(findingOf(report, kind)?.title).toMatch(new RegExp(`^${expected.length} rows? [a-z]`));
    expect(findingOf(report, kind)?.detail).toMatch(/[.]$/);
    expect(findingOf(report, kind)?.excludable).toBe(true);
    // Without its rows the finding disappears.
    const without = inspect([...examples.filter(({ row }) => !expected.includes(row)), ...usual], setting);
    expect(rowsOf(without, kind)).toEqual([]);
  });

  test("ordinary rows have no finding", () => {
    expect(inspect(usual).findings).toEqual([]);
  });

  test("warnings come before hints, and each kind comes once", () => {
    const { findings } = inspect([...rows.flatMap(([, examples]) => examples), ...usual]);
    const severities = findings.map(({ severity }) => severity);
    expect(severities).toEqual([...severities].sort().reverse());
    expect(new Set(findings.map(({ kind }) => kind)).size).toBe(findings.length);
    expect(findings.length).toBeGreaterThan(8);
  });

  test("rows of several sources have their source's name, and are ordered by source, then row", () => {
    const sources = ["a.jsonl", "b.jsonl"].map((name) => ({ name, records: 3, lambda: 1 }));
    const report = inspect([chat(5, "a", long), chat(2, "a", long), chat(0, "b", sentence()), chat(7, "a", long)], {
      sources,
      sourceOf: (i) => (i < 2 ? 0 : 1),
    });
    expect(findingOf(report, "exact-duplicate")).toMatchObject({
      rows: { sources: [0, 1], rows: [2, 7] },
      examples: ["a.jsonl, row 3 = a.jsonl, row 6", "b.jsonl, row 8 = a.jsonl, row 6"],
    });
  });

  test("a long text in several windows is one row, not a duplicate of itself", () => {
    const text = plain(0, `${Array.from({ length: 60 }, () => "again and again").join(" ")} me@example.com`);
    const change: Setting["change"] = (t) => ({ ...t, encoding: { ...t.encoding, straddled: 2 } });
    const report = inspect([text], { maxLength: 20, change });
    expect(report.examples).toBeGreaterThan(5);
    expect(report.findings.map(({ kind }) => kind)).toEqual(["personal-data", "straddled"]);
    expect(findingOf(report, "straddled")?.title).toBe("1 row has 2 tokens across a boundary of supervised text");
    expect(rowsOf(report, "personal-data")).toEqual([0]);
  });

  test("a row is listed once, even if several of its examples are faulty", () => {
    const thread = (answer: string) => chat(0, "me@example.com", answer);
    expect(rowsOf(inspect([thread("a"), thread("b"), thread("c")]), "personal-data")).toEqual([0]);
  });

  test("all repeated rows but the first, in any order. Oracle: plain counting", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("red", "green", "blue", "grey"), { maxLength: 25 }), (colours) => {
        const report = inspect(colours.map((colour, row) => chat(row, "say", colour)));
        const expected = colours.flatMap((colour, row) => (colours.indexOf(colour) < row ? [row] : []));
        expect(rowsOf(report, "exact-duplicate")).toEqual(expected);
      }),
      { seed: 32, numRuns: cases(2000) },
    );
  });
});

describe("the chosen template compared with the model's own", () => {
  const chatML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  const own = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}";
  test("is a hint if they write turns differently", () => {
    const finding = findingOf(inspect([ordinary(0)], { chatTemplate: chatML }), "template-choice");
    expect(finding).toMatchObject({ severity: "hint", excludable: false, rows: { rows: [] } });
    expect(finding?.title).toMatch(/like Hone.*like ChatML/);
  });
  test.each([own, null, "{{ messages }}"])("is absent for %j", (chatTemplate) => {
    expect(findingOf(inspect([ordinary(0)], { chatTemplate }), "template-choice")).toBeUndefined();
  });
});

test("the test tokenizer returns the tokens that the tests expect", () => {
  const { encoding } = tokenised(chat(0, "a b", "c"));
  const texts = ["<s>", "<|user|>", "a", " b", "<|end|>", "<|assistant|>", "c", "<|end|>"];
  expect([...encoding.ids]).toEqual(texts.map(idOf));
  expect([...encoding.weights]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
});
