/** TRL's token ids and assistant masks as an oracle, where this machine has transformers, and their comparison with Hone's. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tokenizeExample } from "../../src/quality/tokenize.ts";
import { createClock } from "../../src/templates/clock.ts";
import { Budget } from "../../src/templates/jinja/budget.ts";
import { jsonOf } from "../../src/templates/jinja/print.ts";
import { plain } from "../../src/templates/jinja/text.ts";
import type { Value } from "../../src/templates/jinja/values.ts";
import type { Template } from "../../src/templates/template.ts";
import { asPython, asVariable } from "../../src/templates/variables.ts";
import { beginsAnswer } from "../../src/tokenizer/addedTokens.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import type { Spoken } from "./conversations.ts";

const script = fileURLToPath(new URL("./masks.py", import.meta.url));

/** One prepared row; offsets are UTF-16 units of the rendered text. */
export interface Masked {
  readonly ids: readonly number[];
  /** 1 where the token is supervised. */
  readonly mask: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Hone's preparation. */
export interface Mine extends Pick<Masked, "ids" | "mask"> {
  /** Offsets in the rendered text where answers begin. */
  readonly answers: ReadonlySet<number>;
}

export type MaskResult = Masked | { readonly error: string };

export interface MaskJob {
  readonly template: string;
  /** A tokenizer's two files. */
  readonly files: TwoFiles;
  /** JSON texts, because JavaScript's numbers are not Python's. */
  readonly rows: readonly { readonly messages: string; readonly tools: string }[];
}

/** Texts that a tokenizer encodes with its own special tokens. */
export interface TextJob {
  readonly template: null;
  readonly files: TwoFiles;
  readonly rows: readonly string[];
}

interface TwoFiles {
  readonly json: unknown;
  readonly config: object;
}

/** Why the Python at this path cannot be the oracle; null where it can. */
export function transformersMissing(python: string): string | null {
  const { status, error } = spawnSync(python, ["-c", "import transformers, jinja2"], { stdio: "ignore" });
  if (error) return `${python} is not installed`;
  return status === 0 ? null : `${python} has no transformers with jinja2: install them by pip, or use --python PATH`;
}

/** Prepares the rows of each job with transformers. */
export const maskWithPython = (python: string, jobs: readonly MaskJob[]): MaskResult[][] => runPython(python, jobs);

/** Encodes the texts of each job with transformers. */
export const encodeWithPython = (python: string, jobs: readonly TextJob[]): Pick<Masked, "ids">[][] =>
  runPython(python, jobs);

function runPython<Result>(python: string, jobs: readonly (MaskJob | TextJob)[]): Result {
  const folder = mkdtempSync(join(tmpdir(), "hone-masks-"));
  try {
    const inputs = jobs.map(({ template, files, rows }, i) => {
      const own = join(folder, `${i}`);
      mkdirSync(own);
      writeFileSync(join(own, "tokenizer.json"), JSON.stringify(files.json));
      writeFileSync(join(own, "tokenizer_config.json"), JSON.stringify(files.config));
      const texts = rows.map((row) =>
        typeof row === "string"
          ? JSON.stringify({ text: row })
          : `{"messages": ${row.messages}, "tools": ${row.tools}}`,
      );
      return `{"folder": ${JSON.stringify(own)}, "template": ${JSON.stringify(template)}, "rows": [${texts.join(",\n")}]}`;
    });
    const input = `[${inputs.join(",\n")}]`;
    return JSON.parse(execFileSync(python, [script], { input, encoding: "utf8", maxBuffer: 2 ** 30, stdio: "pipe" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A row as transformers gets it. `words`: the names that the template may read. */
export function pythonRow(words: ReadonlySet<string>, { messages, tools }: Spoken): MaskJob["rows"][number] {
  const options = { indent: null, between: ",", colon: ":", sorted: false, ascii: true };
  const json = (value: Value) => plain(jsonOf(value, options, new Budget(1e7, createClock())));
  return {
    messages: json(messages.map((message, i) => asVariable(message, i, words))),
    tools: tools ? json(tools.map((tool) => asPython(tool, { message: null, field: "tools" }))) : "null",
  };
}

/** Hone's ids and mask of a row, or why it refuses the row. */
export function prepare(template: Template, tokenizer: Tokenizer, spoken: Spoken): Mine | string {
  const settings = { systemPrompt: null, mask: "responses", maxLength: 1e6, truncation: "drop" } as const;
  const prepared = tokenizeExample({ kind: "chat", ...spoken, row: 0, line: 1 }, { tokenizer, template, settings });
  if (!("encoding" in prepared)) return prepared.problem;
  const { encoding, segments } = prepared;
  const answers = new Set<number>();
  let at = 0;
  segments.forEach((segment, i) => {
    if (beginsAnswer(segment, segments[i - 1] ?? null)) answers.add(at);
    at += segment.text.length;
  });
  return { ids: [...encoding.ids], mask: [...encoding.mask], answers };
}

/** A stretch of tokens in which two preparations differ. */
export interface Difference {
  /** Indexes of the tokens in each, the end excluded. */
  readonly mine: readonly [number, number];
  readonly theirs: readonly [number, number];
  readonly kind: "ids" | "mask";
  /** Why Hone's is right; null where it is not known. */
  readonly reason: string | null;
}

/** The differences of two preparations of the same row. */
export function compare(mine: Mine, theirs: Masked, tokenizer: Tokenizer): Difference[] {
  const pairs = [...matched(mine.ids, theirs.ids), [mine.ids.length, theirs.ids.length] as const];
  const found: Omit<Difference, "reason">[] = [];
  let [a, b] = [0, 0];
  for (const [i, j] of pairs) {
    if (i > a || j > b) extend(found, { kind: "ids", mine: [a, i], theirs: [b, j] });
    if (i < mine.ids.length && j < theirs.ids.length && mine.mask[i] !== theirs.mask[j])
      extend(found, { kind: "mask", mine: [i, i + 1], theirs: [j, j + 1] });
    [a, b] = [i + 1, j + 1];
  }
  return found.map((difference) => {
    const crosses = crossesAnswer(mine, theirs, difference);
    const own = difference.kind === "ids" ? null : reasonOfMask(mine, difference, tokenizer);
    return { ...difference, reason: crosses ? crossing : own };
  });
}

/** Adds a difference; one of the same kind beside it, or after one equal token, becomes the same difference. */
function extend(found: Omit<Difference, "reason">[], next: Omit<Difference, "reason">): void {
  const last = found.at(-1);
  const gap = next.kind === "ids" ? 1 : 0;
  if (last?.kind === next.kind && next.mine[0] - last.mine[1] <= gap && next.theirs[0] - last.theirs[1] <= gap)
    found[found.length - 1] = { ...next, mine: [last.mine[0], next.mine[1]], theirs: [last.theirs[0], next.theirs[1]] };
  else found.push(next);
}

/** Pairs of indexes of equal ids: a longest common subsequence. */
function matched(mine: readonly number[], theirs: readonly number[]): [number, number][] {
  let first = 0;
  while (first < mine.length && mine[first] === theirs[first]) first++;
  const width = theirs.length - first + 1;
  const longest = new Int32Array((mine.length - first + 1) * width);
  const at = (i: number, j: number) => longest[(i - first) * width + (j - first)] ?? 0;
  if (first < mine.length && first < theirs.length)
    for (let i = mine.length - 1; i >= first; i--)
      for (let j = theirs.length - 1; j >= first; j--)
        longest[(i - first) * width + (j - first)] =
          mine[i] === theirs[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const pairs = Array.from({ length: first }, (_, i): [number, number] => [i, i]);
  let [i, j] = [first, first];
  while (i < mine.length && j < theirs.length) {
    if (mine[i] === theirs[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

type Place = Pick<Difference, "mine" | "theirs">;

const crossing = "their token crosses the start of an answer, where generation starts";

/**
 * Whether one of their tokens crosses an answer's start, or the one before them with the white space that it strips, or the one
 * after them where they have none.
 */
function crossesAnswer({ answers }: Mine, theirs: Masked, { theirs: [from, to] }: Place): boolean {
  for (let j = Math.max(0, from - 1); j < Math.max(to, from + 1); j++) {
    const [start = 0, end = 0] = [theirs.starts[j], theirs.ends[j]];
    for (const answer of answers) if (start < answer && answer < end) return true;
  }
  return false;
}

function reasonOfMask({ ids, mask }: Mine, { mine: [from, to] }: Place, tokenizer: Tokenizer): string | null {
  if (from === 0 && to === 1) return "no token predicts the first one";
  const added = mask.slice(from, to).every((value) => value === 1);
  const spaces = ids.slice(from, to - 1).every((id) => tokenizer.show(id).trim() === "");
  const ends = tokenizer.isSpecial(ids[to - 1] ?? -1);
  if (added && spaces && ends && mask[from - 1] === 1) return "the token that ends the turn stands outside the tags";
  return null;
}
