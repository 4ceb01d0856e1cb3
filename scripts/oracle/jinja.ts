/** Python's Jinja as an oracle, where this machine has it. */

import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./jinja.py", import.meta.url));

export interface JinjaCase {
  readonly source: string;
  /** JSON text of an object, because JavaScript's numbers are not Python's. */
  readonly variables: string;
}

export type JinjaResult = { readonly text: string } | { readonly error: string };

/** Why this machine has no Jinja for Python; null where it has. */
export function jinjaMissing(): string | null {
  const { status, error } = spawnSync("python3", ["-c", "import jinja2"], { stdio: "ignore" });
  if (error) return "python3 is not installed";
  return status === 0 ? null : "python3 has no jinja2: install Debian's python3-jinja2, or jinja2 by pip";
}

/** Renders each case with Python. */
export const renderWithPython = (cases: readonly JinjaCase[]): JinjaResult[] =>
  runScript(cases.map(({ source, variables }) => `{"source": ${JSON.stringify(source)}, "variables": ${variables}}`));

/** A template and a row of a file, which Python reads for itself. */
export interface RowCase {
  readonly source: string;
  /** JSON text of a row with messages and tools. */
  readonly row: string;
  readonly generationPrompt: boolean;
}

/** Reads and renders each row with Python. */
export const renderRowsWithPython = (cases: readonly RowCase[]): JinjaResult[] =>
  runScript(
    cases.map(({ source, row, generationPrompt }) => JSON.stringify({ source, row, prompt: generationPrompt })),
  );

/** `cases`: JSON texts of the script's cases. */
function runScript(cases: readonly string[]): JinjaResult[] {
  const input = `[${cases.join(",\n")}]`;
  return JSON.parse(execFileSync("python3", [script], { input, encoding: "utf8", maxBuffer: 2 ** 30 }));
}
