/** A report of exams as one HTML file or as Markdown: curve, intervals, paired tests, settings and sample answers. */

import { figureOf, type PairedTest } from "./comparison.ts";
import { graderText, intervalText, percentOf, samplingText, spreadText, verdictText } from "./comparisonText.ts";
import { curveSvg } from "./curveSvg.ts";
import { escapeHtml } from "./escapeHtml.ts";
import { exactGrader, type Grader } from "./grading/grader.ts";
import type { ExamResult, WholeExamResult } from "./results.ts";

export interface ReportLine {
  readonly name: string;
  readonly points: readonly { readonly step: number; readonly results: readonly ExamResult[] }[];
  /** Of the last point, with questions. */
  readonly last: readonly WholeExamResult[];
}

export interface ExamReport {
  readonly exam: string;
  /** Name of the base model. */
  readonly model: string;
  /** Base model first. */
  readonly lines: readonly ReportLine[];
  /** Between the lines that have results, in their order. */
  readonly tests: readonly PairedTest[];
}

/** Questions with their answers in the report. */
const mostSamples = 12;

interface Block {
  readonly kind: "heading" | "text" | "list" | "table" | "svg";
  readonly lines: readonly string[];
  readonly rows?: readonly (readonly string[])[];
}

/** Both forms are written from these, so that they say the same. */
function blocksOf({ exam, model, lines, tests }: ExamReport): Block[] {
  const taken = lines.filter(({ last }) => last.length > 0);
  const head = taken[0]?.last[0];
  const names = taken.map(({ name }) => name);
  const graders = gradersOf(head);
  const scores = lines.flatMap(({ name, points }) =>
    points.map(({ step, results }) => {
      const figure = figureOf(results);
      return [name, String(step), `${percentOf(figure.share)} ${spreadText(figure)}`.trim(), intervalText(figure)];
    }),
  );
  const samples = (head?.questions ?? []).slice(0, mostSamples).map((question, index) => [
    question.prompt,
    question.expected,
    ...taken.map(({ last }) => {
      const given = last[0]?.questions[index];
      return given ? `${given.correct ? "✓" : "✗"} ${given.answer.trim()}` : "";
    }),
  ]);
  return [
    { kind: "heading", lines: ["Settings"] },
    {
      kind: "list",
      lines: [
        `Base model: ${model}`,
        `Exam: ${exam}, ${head?.exam.questions ?? 0} questions`,
        `Graders: ${graders}`,
        `Answers: ${samplingText(head?.sampling)}`,
        `Seeds: ${head?.sampling ? taken[0]?.last.length : 1}`,
      ],
    },
    { kind: "heading", lines: ["Right answers by step"] },
    { kind: "svg", lines: [curveSvg(lines)] },
    {
      kind: "table",
      lines: ["Model", "Step", "Right", "95 % interval (Wilson)"],
      rows: scores,
    },
    { kind: "heading", lines: ["Paired tests of the last checkpoints"] },
    {
      kind: "text",
      lines: [
        "McNemar's exact test on the same questions; for several seeds the exact sign-flip test. p values are corrected by Holm for all tests of this list.",
      ],
    },
    {
      kind: "list",
      lines: tests.map((test) => {
        const { finding, figures } = verdictText(test, names);
        return `${finding} ${figures}`;
      }),
    },
    { kind: "heading", lines: ["Sample answers"] },
    { kind: "table", lines: ["Question", "Expected", ...names], rows: samples },
  ];
}

/** The graders of an exam with the number of their questions. */
function gradersOf(result: WholeExamResult | undefined): string {
  const counts = new Map<string, number>();
  for (const { grader } of result?.questions ?? []) {
    const text = graderText(grader ?? result?.grader ?? (exactGrader satisfies Grader));
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [only] = counts.keys();
  if (counts.size <= 1) return only ?? graderText(exactGrader);
  return [...counts].map(([text, count]) => `${text} (${count})`).join(", ");
}

const entities = (marks: string) => Array.from(marks, (mark) => `&#${mark.codePointAt(0)};`).join("");

/** For text within one line of Markdown, table cells included: every mark of CommonMark and GFM as an entity or escaped. */
export const escapeMarkdown = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what is replaced
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "\ufffd")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_{}[\]#!|~@$^]|:(?=\/\/)|^[-+=]|^\d+(?=[.)])/g, entities)
    .replace(/\bwww\b/gi, (word) => `${word.slice(0, 1)}&#8203;${word.slice(1)}`)
    .replace(/[\r\n\u2028\u2029\u0085]+/g, " ");

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #8886;overflow-wrap:anywhere;white-space:pre-wrap}
.wide{overflow-x:auto}svg{max-width:100%;height:auto}`;

/** One file without scripts; nothing in it is loaded from elsewhere. */
export function htmlReport(report: ExamReport): string {
  const title = escapeHtml(`Exam report: ${report.exam}`);
  const body = blocksOf(report).map(({ kind, lines, rows = [] }): string => {
    const cells = (tag: string, texts: readonly string[]) =>
      texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join("");
    switch (kind) {
      case "heading":
        return `<h2>${escapeHtml(lines[0] ?? "")}</h2>`;
      case "text":
        return `<p>${escapeHtml(lines[0] ?? "")}</p>`;
      case "list":
        return `<ul>${cells("li", lines)}</ul>`;
      case "table": {
        const data = rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n");
        return `<div class="wide"><table><thead><tr>${cells("th", lines)}</tr></thead><tbody>\n${data}\n</tbody></table></div>`;
      }
      default:
        return lines[0] ?? "";
    }
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
${body.join("\n")}
</body>
</html>
`;
}

/** The same report without the drawing of the curve. */
export function markdownReport(report: ExamReport): string {
  const row = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
  const blocks = blocksOf(report).flatMap(({ kind, lines, rows = [] }): string[] => {
    switch (kind) {
      case "heading":
        return [`## ${escapeMarkdown(lines[0] ?? "")}`];
      case "text":
        return [escapeMarkdown(lines[0] ?? "")];
      case "list":
        return lines.length === 0 ? [] : [lines.map((line) => `- ${escapeMarkdown(line)}`).join("\n")];
      case "table":
        return [[row(lines), `|${lines.map(() => "---").join("|")}|`, ...rows.map(row)].join("\n")];
      default:
        return [];
    }
  });
  return `${[`# ${escapeMarkdown(`Exam report: ${report.exam}`)}`, ...blocks].join("\n\n")}\n`;
}
