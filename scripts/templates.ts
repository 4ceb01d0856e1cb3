/**
 * `npm run templates -- DIR [--rows FILE] [--json FILE]`: renders every template of a folder beside Python's Jinja and prints
 * each difference, and whether the answers were found. With `--freeze` alone, writes Python's renderings for the tests. A development command: it needs python3 with jinja2.
 */

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { createChatTemplate } from "../src/templates/chatTemplate.ts";
import type { Rendered } from "../src/templates/template.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { conversations, type Spoken } from "./oracle/conversations.ts";
import { freeze } from "./oracle/freeze.ts";
import { conversationsOf, jsonTextOf, renderWithHone } from "./oracle/hone.ts";
import { type JinjaCase, type JinjaResult, jinjaMissing, renderWithPython } from "./oracle/jinja.ts";
import { tokenizerOf } from "./oracle/tokenizer.ts";

const usage = "npm run templates -- DIR [--rows FILE] [--json FILE], or --freeze";

/** Conversations of a file of rows, each under its line. */
async function rowsOf(path: string): Promise<Record<string, Spoken>> {
  const found = await conversationsOf(path, new Uint8Array(await readFile(path)));
  return Object.fromEntries(found.map(({ line, spoken }) => [`line ${line}`, spoken]));
}

interface Prepared {
  readonly mine: JinjaResult;
  readonly forPython: JinjaCase;
}

/** Hone's rendering, and the same variables for Python. */
function prepare(source: string, spoken: Spoken, generationPrompt: boolean): Prepared {
  const { result, variables } = renderWithHone(source, spoken, generationPrompt);
  return { mine: result, forPython: { source, variables: jsonTextOf(variables) } };
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
    options: { rows: { type: "string" }, json: { type: "string" }, freeze: { type: "boolean" } },
  });
  const missing = jinjaMissing();
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  if (values.freeze === true) return freeze();
  const folder = existing("folder", positionals[0], usage);
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
