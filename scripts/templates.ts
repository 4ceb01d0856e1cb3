/**
 * `npm run templates -- DIR [--rows FILE] [--json FILE]`: renders every template of a folder beside Python's Jinja and prints
 * each difference, and whether the answers were found. A development command: it needs python3 with jinja2.
 */

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { createConverter } from "../src/records/formats/convert.ts";
import { readRecords } from "../src/records/read/read.ts";
import { createChatTemplate } from "../src/templates/chatTemplate.ts";
import { createClock } from "../src/templates/clock.ts";
import { Budget } from "../src/templates/jinja/budget.ts";
import { run } from "../src/templates/jinja/interpret.ts";
import { compile } from "../src/templates/jinja/parse.ts";
import { jsonOf } from "../src/templates/jinja/print.ts";
import { plain } from "../src/templates/jinja/text.ts";
import { Dict, type Value } from "../src/templates/jinja/values.ts";
import { type Rendered, TemplateError } from "../src/templates/template.ts";
import { asPython, asVariable } from "../src/templates/variables.ts";
import { bytesFromMemory } from "../src/tensor/bytes.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { conversations, type Spoken } from "./oracle/conversations.ts";
import { type JinjaCase, jinjaMissing, renderWithPython } from "./oracle/jinja.ts";
import { tokenizerOf } from "./oracle/tokenizer.ts";

const usage = "npm run templates -- DIR [--rows FILE] [--json FILE]";

const now = new Date(2024, 6, 26);

type Outcome = { readonly text: string } | { readonly error: string };

/** Conversations of a file of rows, each under its line. */
async function rowsOf(path: string): Promise<Record<string, Spoken>> {
  const { batches } = await readRecords(bytesFromMemory(path, new Uint8Array(await readFile(path))));
  const convert = createConverter({ format: "mixed", columns: {} });
  const rows: Record<string, Spoken> = {};
  for await (const records of batches) {
    for (const record of records) {
      const converted = "problem" in record ? record : convert(record.value);
      if ("problem" in converted) throw new Error(`${path}, line ${record.line}: ${converted.problem}`);
      for (const example of converted.examples) if (example.kind === "chat") rows[`line ${record.line}`] = example;
    }
  }
  return rows;
}

interface Prepared {
  readonly mine: Outcome;
  readonly forPython: JinjaCase;
}

/** Hone's rendering, and the same variables for Python. */
function prepare(source: string, { messages, tools }: Spoken, generationPrompt: boolean): Prepared {
  const clock = createClock();
  const fallback: ReadonlySet<string> = new Set();
  let program: ReturnType<typeof compile> | null = null;
  let mine: Outcome = { error: "" };
  const attempt = <T>(act: () => T): T | null => {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      mine = { error: `${error.place ? `line ${error.place.line}: ` : ""}${error.message}` };
      return null;
    }
  };
  program = attempt(() => compile(source, clock));
  const dicts = messages.map((message, i) => asVariable(message, i, program?.words ?? fallback));
  const variables = new Map<string, Value>([
    ["bos_token", "<s>"],
    ["eos_token", "</s>"],
    ["messages", dicts],
    ["tools", tools ? tools.map((tool) => asPython(tool, { message: null, field: "tools" })) : null],
    ["documents", null],
    ["add_generation_prompt", generationPrompt],
  ]);
  if (program) {
    const known = program;
    const output = attempt(() =>
      run(known, { variables, messages: new Map(dicts.map((dict, i) => [dict, i])), length: 1e5, now }, clock),
    );
    if (output) mine = { text: output.text };
  }
  const options = { indent: null, between: ",", colon: ":", sorted: false, ascii: true };
  const json = jsonOf(new Dict(variables), options, new Budget(1e7, createClock()));
  return { mine, forPython: { source, variables: plain(json) } };
}

/** How the answers of a conversation were found, or why not. */
function spansOf(source: string, rows: Readonly<Record<string, Spoken>>): Record<string, string> {
  const { json, config } = tokenizerOf(source);
  const found: Record<string, string> = {};
  try {
    const template = createChatTemplate({ name: "", source, tokenizer: createTokenizer(json, config), own: true });
    for (const [name, spoken] of Object.entries(rows)) {
      try {
        found[name] = shown(template.render(spoken));
      } catch (error) {
        found[name] = `refused: ${error instanceof Error ? error.message : error}`;
      }
    }
  } catch (error) {
    found["the template"] = `refused: ${error instanceof Error ? error.message : error}`;
  }
  return found;
}

/** The rendering with its answers between ⟦ and ⟧. */
function shown({ segments, proof }: Rendered): string {
  let text = "";
  let open = false;
  for (const [i, segment] of segments.entries()) {
    const previous = segments[i - 1];
    const continues = open && segment.answer && previous?.message === segment.message;
    if (open && !continues) text += "⟧";
    if (segment.answer && !continues) text += "⟦";
    open = segment.answer;
    text += segment.text;
  }
  return `${proof}: ${text}${open ? "⟧" : ""}`;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rows: { type: "string" }, json: { type: "string" } },
  });
  const folder = existing("folder", positionals[0], usage);
  const missing = jinjaMissing();
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const rows = values.rows === undefined ? conversations : await rowsOf(existing("rows", values.rows, usage));
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(jinja2?|j2)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const counts = {
    templates: files.length,
    renderings: 0,
    equal: 0,
    "refused by both": 0,
    "refused by Hone alone": 0,
    different: 0,
  };
  const spans = { found: 0, "refused with a reason": 0 };
  const report: Record<string, unknown> = {};
  for (const file of files) {
    const name = relative(folder, file);
    const source = await readFile(file, "utf8");
    const cases = Object.entries(rows).flatMap(([row, spoken]) =>
      [false, true].map((prompt) => {
        const asked = prompt ? { ...spoken, messages: spoken.messages.slice(0, -1) } : spoken;
        return { label: prompt ? `${row}, as a prompt` : row, ...prepare(source, asked, prompt) };
      }),
    );
    const python = renderWithPython(cases.map(({ forPython }) => forPython));
    cases.forEach(({ label, mine }, i) => {
      const theirs = python[i] ?? { error: "no result" };
      counts.renderings++;
      if ("error" in mine && "error" in theirs) counts["refused by both"]++;
      else if ("text" in mine && "text" in theirs && mine.text === theirs.text) counts.equal++;
      else if ("error" in mine) {
        counts["refused by Hone alone"]++;
        console.info(`${name}, ${label}: refused by Hone alone: ${mine.error}`);
      } else {
        counts.different++;
        console.info(
          `${name}, ${label}: different\n  Hone   ${JSON.stringify(mine.text)}\n  Python ${JSON.stringify("text" in theirs ? theirs.text : theirs.error)}`,
        );
      }
    });
    const renderable = Object.fromEntries(Object.entries(rows).filter((_, i) => "text" in (cases[2 * i]?.mine ?? {})));
    const found = spansOf(source, renderable);
    for (const [row, how] of Object.entries(found)) {
      if (!how.startsWith("refused")) spans.found++;
      else {
        spans["refused with a reason"]++;
        console.info(`${name}, ${row}: answers ${how}`);
      }
    }
    report[name] = found;
  }
  console.table(counts);
  console.table(spans);
  if (values.json !== undefined) await writeJson(values.json, { counts, spans, templates: report });
  if (counts.different > 0) process.exitCode = 1;
}

runCommand(main);
