/** Reports of exams. Oracles: a parser of HTML and of Markdown's own marks on hostile texts, and the figures of the statistics. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { pairedTests } from "../../../src/run/comparison.ts";
import { verdictText } from "../../../src/run/comparisonText.ts";
import { plotCurve } from "../../../src/run/curveSvg.ts";
import { escapeHtml } from "../../../src/run/escapeHtml.ts";
import { type ExamReport, escapeMarkdown, htmlReport, markdownReport } from "../../../src/run/examReport.ts";
import type { WholeExamResult } from "../../../src/run/results.ts";

const hostile = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</table></td><style>*{display:none}</style>",
  "a | b\n| c | d |\n\n# heading",
  "[link](javascript:alert(1)) ![x](http://evil.example/x.png)",
  "`code` **bold** ~~gone~~ https://evil.example www.evil.example",
  "</svg><foreignObject>",
  "\u0000\u0007\u001b[31m",
  "&lt;b&gt; &amp;",
  "<!-- --> ]]> <![CDATA[",
  "\u202Eabc",
  "- item",
  "12. item",
  "===",
  "mail@evil.example",
];

function resultOf(right: readonly boolean[], text: string, step: number | null): WholeExamResult {
  return {
    ...{ id: "r", modelHash: "m", runId: step === null ? null : "run", step },
    exam: { name: text, hash: "h", questions: right.length, texts: 0 },
    ...{
      template: { kind: "built-in", name: "hone" },
      systemPrompt: null,
      takenAt: "2026-12-01T00:00:00Z",
      seconds: 1,
    },
    ...{ correct: right.filter(Boolean).length, textLoss: null },
    questions: right.map((correct) => ({
      ...{ prompt: text, expected: text, group: null, task: null, answer: text, finish: "stop" as const, correct },
    })),
  };
}

function reportOf(text: string): ExamReport {
  const base = resultOf([false, true, false, false, false, false, false, false], text, null);
  const tuned = resultOf([true, true, true, true, true, true, true, true], text, 20);
  const lines = [
    { name: text, points: [{ step: 0, results: [base] }], last: [base] },
    { name: `${text} tuned`, points: [{ step: 20, results: [tuned] }], last: [tuned] },
  ];
  const tests = pairedTests(lines.map(({ name, last }) => ({ name, results: last })));
  return { exam: text, model: text, lines, tests };
}

const allowed = new Set([
  "html",
  "head",
  "meta",
  "title",
  "style",
  "body",
  "h1",
  "h2",
  "p",
  "ul",
  "li",
  "div",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
  "svg",
  "line",
  "polyline",
  "circle",
  "text",
]);

/** Names of all tags, and the number of scripts' doors: attributes that run code or load something. */
function tagsOf(html: string) {
  const tags = [...html.matchAll(/<\/?([a-zA-Z][a-zA-Z0-9]*)((?:"[^"]*"|'[^']*'|[^>"'])*)>/g)];
  return { names: tags.map(([, name = ""]) => name), attributes: tags.map(([, , rest = ""]) => rest) };
}

test.each(hostile)("HTML has no tag from %j, and shows it", (text) => {
  const html = htmlReport(reportOf(text));
  const { names, attributes } = tagsOf(html);
  for (const name of names) expect(allowed).toContain(name);
  for (const rest of attributes) expect(rest).not.toMatch(/\b(?:on\w+|src|href)\s*=/i);
  // The same number of tags as for a harmless text.
  expect(names.length).toBe(tagsOf(htmlReport(reportOf("plain"))).names.length);
  expect(html).toContain(escapeHtml(text));
  expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)[^\s]*["']/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
  expect(html).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
});

test("HTML unescapes to the same text", () => {
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const escaped = escapeHtml(text);
      expect(escaped).not.toMatch(/[<>"']/);
      const back = escaped.replace(/&(lt|gt|amp|quot|#39);/g, (_, name: string) => entities[name] ?? "");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are replaced
      expect(back).toBe(text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g, "\ufffd"));
    }),
  );
});

test.each(hostile)("Markdown keeps its rows and has no mark from %j", (text) => {
  const plain = markdownReport(reportOf("plain")).split("\n");
  const lines = markdownReport(reportOf(text)).split("\n");
  expect(lines.map((line) => line.slice(0, 2))).toEqual(plain.map((line) => line.slice(0, 2)));
  for (const [index, line] of lines.entries()) {
    expect(line.match(/\|/g)?.length ?? 0).toBe(plain[index]?.match(/\|/g)?.length ?? 0);
  }
  const written = escapeMarkdown(text).replace(/&(?:#\d+|[a-z]+);/g, "e");
  expect(written).not.toMatch(/[<>`*_[\]|~\\!@#\n\r]|^[-+=]|^\d+[.)]/);
  expect(written).not.toMatch(/https?:\/\//);
});

test("Markdown unescapes to the same text on one line", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]*$/), (text) => {
      const back = escapeMarkdown(text)
        .replace(/&#8203;/g, "")
        .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
        .replace(/&lt;/g, "<")
        .replace(/&gt;/g, ">")
        .replace(/&amp;/g, "&");
      expect(back).toBe(text);
    }),
  );
});

test("both forms have scores, intervals, tests, settings and answers", () => {
  const report = reportOf("plain");
  const [paired] = report.tests;
  if (!paired) throw new Error("There is a test.");
  const { finding, figures } = verdictText(paired, ["plain", "plain tuned"]);
  expect(finding).toBe("plain tuned is better than plain.");
  expect(figures).toBe(
    "+87.5 points, 95 % interval +40.1 to +97.8. Right where the other is wrong: 7, the reverse: 0. p 0.0156 (mid-p 0.0078), corrected 0.0156.",
  );
  const html = htmlReport(report);
  for (const part of [
    `${finding} ${figures}`,
    "12.5 %",
    "100.0 %",
    "67.6 % to 100.0 %",
    "exact match",
    "greedy",
    "✓ plain",
  ]) {
    expect(html).toContain(escapeHtml(part));
    expect(markdownReport(report)).toContain(escapeMarkdown(part));
  }
  expect(html).toContain("<svg");
});

test("the plot keeps its marks inside, for any results", () => {
  const point = fc.tuple(fc.nat(5000), fc.nat(50));
  fc.assert(
    fc.property(fc.array(fc.array(point, { maxLength: 6 }), { maxLength: 5 }), (lines) => {
      const plot = plotCurve(
        lines.map((points, index) => ({
          name: `${index}`,
          points: points.map(([step, correct]) => ({
            step,
            results: [{ correct, exam: { name: "e", hash: "h", questions: 50, texts: 0 } }],
          })),
        })),
        390,
      );
      for (const { marks } of plot.lines) {
        for (const { x, y, low, high } of marks) {
          expect(x).toBeGreaterThanOrEqual(plot.left);
          expect(x).toBeLessThanOrEqual(plot.right + 1);
          expect(high).toBeGreaterThanOrEqual(plot.top - 1e-6);
          expect(high).toBeLessThanOrEqual(y + 1e-6);
          expect(low).toBeGreaterThanOrEqual(y - 1e-6);
          expect(low).toBeLessThanOrEqual(plot.bottom + 1e-6);
        }
      }
      for (const { at } of plot.ticks.y) expect(at).toBeGreaterThanOrEqual(plot.top - 1e-6);
      expect(plot.ticks.x.length).toBeLessThan(12);
    }),
  );
});
