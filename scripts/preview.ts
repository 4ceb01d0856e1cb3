/**
 * `npm run preview -- --data FILE [--template NAME|FILE.jinja] --model DIR [--row N] [--json FILE]`: shows the rows of a file
 * as a model would read them: rendered template, tokens, loss weights, and the checks before a run.
 */

import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { createDatasetService } from "../src/datasets/datasets.ts";
import type { PreviewExample, PreviewRow, TokenizerFiles } from "../src/protocol/datasets.ts";
import type { DataReport } from "../src/quality/report.ts";
import type { DataSpec } from "../src/run/dataSpec.ts";
import { wholeSource } from "../src/run/source.ts";
import { openStorage } from "../src/storage/storage.ts";
import type { BuiltInTemplate, TemplateChoice } from "../src/templates/choice.ts";
import { suggestTemplate, templateTitles } from "../src/templates/choose.ts";
import { TemplateError } from "../src/templates/template.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import { count, existing, oneOf, runCommand, writeJson } from "./harness/arguments.ts";
import { readTokenizerFiles } from "./harness/modelFolder.ts";
import { createProgress } from "./harness/progress.ts";
import { type Paint, paintFor } from "./harness/terminal.ts";

const usage =
  "npm run preview -- --data FILE [--template NAME|FILE.jinja] --model DIR [--row N] [--system TEXT] [--length N] [--mask responses|last|everything] [--truncation drop|left|right] [--json FILE]";

/** Number of rows shown by default. */
const shownRows = 3;

async function templateOf(text: string | undefined, model: TokenizerFiles): Promise<TemplateChoice> {
  if (text === undefined) {
    const tokenizer = createTokenizer(model.tokenizerJson, model.tokenizerConfig);
    return suggestTemplate({ tokenizer, chatTemplate: model.chatTemplate });
  }
  if (text === "model") return { kind: "model" };
  if (/\.(jinja2?|j2)$/.test(text))
    return { kind: "custom", source: await readFile(existing("template", text, usage), "utf8") };
  const names = Object.keys(templateTitles) as BuiltInTemplate[];
  return { kind: "built-in", name: oneOf("template", text, names) };
}

async function main() {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      template: { type: "string" },
      model: { type: "string" },
      row: { type: "string" },
      system: { type: "string" },
      length: { type: "string" },
      mask: { type: "string", default: "responses" },
      truncation: { type: "string", default: "drop" },
      json: { type: "string" },
    },
  });
  const file = existing("data", values.data, usage);
  const model = await readTokenizerFiles(existing("model", values.model, usage));
  const template = await templateOf(values.template, model);
  const bar = createProgress("reading");
  const storage = await openStorage();
  const datasets = createDatasetService(storage, ({ task, done, total }) => bar(done, total ?? done, task)).during("");
  await datasets.addModel(model);
  const { sources, failures } = await datasets.open([new File([await openAsBlob(file)], basename(file))]);
  const [source] = sources;
  if (!source) throw new Error(failures.map(({ message }) => message).join("\n"));
  const spec: DataSpec = {
    modelHash: model.modelHash,
    sources: [wholeSource(source.hash)],
    settings: {
      template,
      systemPrompt: values.system ?? null,
      mask: oneOf("mask", values.mask, ["responses", "last", "everything"]),
      maxLength: count("length", values.length) ?? model.contextLength,
      truncation: oneOf("truncation", values.truncation, ["drop", "left", "right"]),
    },
    mixture: "sampling",
    validationShare: 0,
    seed: 0,
  };
  const report = await datasets.inspect(spec).catch((error: unknown) => {
    if (!(error instanceof TemplateError) || !error.place) throw error;
    const { line, column } = error.place;
    throw new Error(`${values.template ?? "The model's template"}, line ${line}, column ${column}: ${error.message}`);
  });
  const paint = paintFor(process.stdout);
  const only = count("row", values.row);
  if (only !== null && only > source.rows) {
    throw new Error(`--row ${only}: ${basename(file)} has ${source.rows} rows.`);
  }
  const shown = only === null ? [...Array(Math.min(shownRows, source.rows)).keys()] : [only - 1];
  console.log(`${basename(file)}: ${source.detection.reason}\n`);
  for (const row of shown) showRow(await datasets.row(spec, 0, row), paint);
  showReport(report, paint);
  if (values.json !== undefined) {
    const wanted = only === null ? [...Array(source.rows).keys()] : [only - 1];
    const rows = [];
    for (const row of wanted) rows.push(jsonOf(await datasets.row(spec, 0, row)));
    const { checks, findings, leftOutCount, tokens, supervisedTokens } = report;
    writeJson(values.json, { rows, preflight: checks, findings, leftOutCount, tokens, supervisedTokens });
  }
  process.exitCode = report.checks.every(({ passed }) => passed) ? 0 : 1;
}

/** A row as JSON; a row with several examples, such as a tree of replies, also lists them under `threads`. */
function jsonOf({ row, line, problem, examples }: PreviewRow) {
  const plain = ({ text, tokens, spans, problem: reason }: PreviewExample) => ({
    text,
    tokens: tokens.map(({ id, text: shown, start, end, weight }) => ({ id, text: shown, start, end, weight })),
    spans: spans.map(({ start, end, role, supervised }) => ({ start, end, role, supervised })),
    problem: reason,
  });
  const [first, ...others] = examples.map(plain);
  const nothing = { text: "", tokens: [], spans: [], problem };
  return { row: row + 1, line, ...(first ?? nothing), ...(others.length > 0 && { threads: others }) };
}

function showRow({ row, line, problem, examples }: PreviewRow, paint: Paint) {
  console.log(paint.heading(`Row ${row + 1} (line ${line})`));
  if (problem !== null) console.log(paint.bad(`left out: ${problem}`));
  for (const example of examples) {
    const { text, tokens, spans, supervised, lost, proof } = example;
    console.log(spans.map((span) => paint.span(visible(text.slice(span.start, span.end)), span)).join(""));
    const roleAt = (start: number) => spans.find((span) => span.start <= start && start < span.end)?.role ?? null;
    console.log(tokens.map((token) => paint.token(visible(token.text), token, roleAt(token.start))).join("|"));
    const words = [
      `${tokens.length} tokens`,
      `${supervised} supervised`,
      lost > 0 && `${lost} lost`,
      `spans by ${proof}`,
    ];
    console.log(paint.quiet(words.filter(Boolean).join(" · ")));
    if (example.problem !== null) console.log(paint.bad(`left out: ${example.problem}`));
  }
  console.log("");
}

/** Makes white space visible; a line break also stays a line break. */
const visible = (text: string) => text.replaceAll(" ", "·").replaceAll("\t", "→").replaceAll("\n", "↵\n");

function showReport(report: DataReport, paint: Paint) {
  const share = report.tokens > 0 ? Math.round((100 * report.supervisedTokens) / report.tokens) : 0;
  console.log(
    `${report.examples} examples, ${report.tokens} tokens, ${report.supervisedTokens} supervised (${share} %), ` +
      `${report.leftOutCount} rows left out`,
  );
  for (const { title, severity } of report.findings)
    console.log(`${severity === "hint" ? "hint   " : "warning"} ${title}`);
  for (const { passed, title, detail } of report.checks) {
    console.log(passed ? `${paint.good("ok")}      ${title}` : `${paint.bad("FAILED")}  ${title}. ${detail}`);
  }
}

runCommand(main);
