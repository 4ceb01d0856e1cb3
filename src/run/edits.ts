/** The bounds of edits and options of a source. */

import { jsonExcess } from "../hub/json.ts";
import { maxDepth, parseExactly, tooDeep } from "../records/read/exactJson.ts";
import { parseJson } from "../records/read/parseJson.ts";
import type { RowEdit, SourceOptions } from "./source.ts";

/** Most characters of all edits of a source. */
export const longestEdits = 64 * 2 ** 20;

/** Most characters of a source's tool descriptions. */
export const longestTools = 2 ** 20;

/** The reason why a text is no JSON of bounded depth, as the end of a sentence; null without one. */
export function jsonProblem(text: string): string | null {
  // The depth is bounded before parsing: each level of a deep text takes memory.
  if (jsonExcess(new TextEncoder().encode(text), maxDepth) !== null) return `is not read: ${tooDeep}`;
  if ("value" in parseJson(text)) return null;
  // The exact parser names the place in the same words in every browser.
  const parsed = parseExactly(text, maxDepth);
  return "why" in parsed ? `is not JSON: ${parsed.why.replace(/^broken JSON: /, "")}` : null;
}

/** As `jsonProblem`, without the parser's words: for a file of a stranger. */
const foreignProblem = (text: string) => jsonProblem(text)?.replace(/^is not JSON:.*/s, "is not JSON") ?? null;

/** The problem of a source's edits, as the end of a sentence; null without one. */
export function editsProblem(edits: readonly RowEdit[]): string | null {
  const length = edits.reduce((sum, { value }) => sum + value.length, 0);
  if (length > longestEdits) return `edits has ${length} characters, more than ${longestEdits}`;
  let before = -1;
  for (const [index, { row, value }] of edits.entries()) {
    if (row <= before) return `edits.${index}.row is ${row}, after row ${before}: edits must be ascending, one a row`;
    before = row;
    const problem = foreignProblem(value);
    if (problem) return `edits.${index}.value ${problem}`;
  }
  return null;
}

/** The problem of tool descriptions, as the end of a sentence; null without one. */
export function toolsProblem(tools: string): string | null {
  if (tools.length > longestTools) return `has ${tools.length} characters, more than ${longestTools}`;
  return jsonProblem(tools) ?? (/^\s*\[/.test(tools) ? null : "is not a list");
}

/** The problem of a source's options, as the end of a sentence; null without one. */
export function optionsProblem({ tools }: SourceOptions): string | null {
  const problem = tools === undefined ? null : (foreignProblem(tools) ?? toolsProblem(tools));
  return problem && `options.tools ${problem}`;
}
