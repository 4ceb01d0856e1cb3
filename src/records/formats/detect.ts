/** Detects the format of a file from its first rows, and explains the choice. */

import { quote, shortened } from "../read/row.ts";
import { ExactNumber, entriesOf, isList, isObject, memberOf } from "../value.ts";
import { createConverter } from "./convert.ts";
import { columnRoles, formatLabel } from "./describe.ts";
import { withLabel } from "./detectLabel.ts";
import { detectReady } from "./detectReady.ts";
import { isRow, nameOf, type Row } from "./fields.ts";
import type { ColumnRole, Detection, Mapping } from "./mapping.ts";
import { isFlatReply } from "./oasst.ts";
import { guessColumns, longestColumn, mappingsFor } from "./recognise.ts";

/** Number of rows to inspect; more would rarely change the result. */
const sampleSize = 400;

/** Limits of the listed columns and alternatives: a file may have a hundred thousand different keys. */
const mostColumns = 1000;
const mostAlternatives = 12;
/** Longest reason in characters. */
const longestReason = 360;
/** Number of row kinds that the reason lists. */
const mostListed = 6;

/** A mapping that fits some of the rows. */
interface Candidate {
  readonly mapping: Mapping;
  /** Columns that every row of this mapping has. */
  readonly needed: readonly string[];
  readonly rows: Set<number>;
  /** Number of rows whose likeliest mapping this is. */
  readonly firsts: number;
  /** Sum of its ranks in the rows' lists of mappings; rank 0 is the likeliest. */
  readonly places: number;
}

/**
 * Detects the format by the fields of the rows: "mixed" if the rows have several formats, "columns" if the roles are guessed
 * from column names or unknown. Never throws.
 */
export function detectFormat(sample: readonly unknown[]): Detection {
  const values = sample.slice(0, sampleSize);
  const decide = (found: Mapping, because: string, others: readonly Mapping[] = []): Detection => {
    const detected = withLabel(found, values);
    const rating =
      detected.columns.label === undefined
        ? ""
        : ` ${quote(detected.columns.label)} says whether the answer is wanted: for KTO.`;
    const { mapping, reason, more } = withReady(detected, `${because}${rating}`, values);
    const alternatives = readable([...more, ...others], mapping, values);
    return {
      mapping,
      reason: shortened(reason, longestReason),
      alternatives,
      columns: sampleColumns(values, [mapping, ...alternatives]),
    };
  };

  const rows = new Map<number, Row>();
  values.forEach((value, index) => {
    if (isRow(value)) rows.set(index, value);
  });
  const texts = values.filter((value) => typeof value === "string").length;
  if (texts > 0 && rows.size === 0)
    return decide({ format: "text", columns: {} }, `${share(texts, values)} plain text.`);
  if (rows.size === 0) {
    const found = values.length === 0 ? "The file has no row" : `No row has fields; the first is ${nameOf(values[0])}`;
    return decide({ format: "columns", columns: {} }, `${found}.`);
  }
  const flat = values.filter(isFlatReply).length;
  if (flat * 2 > values.length) {
    return decide(
      { format: "oasst", columns: { prompt: "prompt" } },
      `${share(flat, values, "have")} "message_id", "parent_id", "role" and "text": replies that Hone joins into trees.`,
      textOnly(rows),
    );
  }

  const candidates = rank(rows);
  const [best, ...others] = candidates;
  if (!best) {
    const guessed = [...rows.values()].map(guessColumns).reduce(merge, {});
    return decide(
      { format: "columns", columns: guessed },
      "No row has the fields of a known format: choose which column is the instruction and which the response.",
      textOnly(rows),
    );
  }
  const otherKinds = otherFormats(best, others, rows);
  const mappings = others.map(({ mapping }) => mapping);
  if (otherKinds.length > 0 || texts > 0) {
    const parts = [best, ...otherKinds].map(({ mapping, rows: own }) => ({
      label: formatLabel(mapping),
      count: own.size,
    }));
    if (texts > 0) parts.push({ label: "rows that are only text", count: texts });
    const more = parts.length > mostListed ? ` and ${parts.length - mostListed} more` : "";
    const listed = parts
      .slice(0, mostListed)
      .map(({ label, count }) => `${label} (${count})`)
      .join(", ");
    return decide({ format: "mixed", columns: {} }, `${values.length} rows of several formats: ${listed}${more}.`, [
      best.mapping,
      ...mappings,
    ]);
  }
  return decide(best.mapping, explain(best, values, rows), [...mappings, ...textOnly(rows)]);
}

/** Ready-made conversations instead of the detected texts, where nearly all rows are; else a hint and alternatives. */
function withReady(mapping: Mapping, reason: string, values: readonly unknown[]) {
  if (mapping.format === "mixed") return { mapping, reason, more: [] };
  const ready = detectReady(mapping, values);
  if (ready === null) return { mapping, reason, more: [] };
  const { rendered, marked, count, most, families } = ready;
  const what = `${share(count, values)} ${values.length === 1 ? "a conversation" : "conversations"} rendered with ${families}`;
  return most
    ? { mapping: rendered, reason: `${what}. Hone reads the messages back.`, more: [marked, mapping] }
    : {
        mapping,
        reason: `${reason} ${what}: choose ready-made text to train on these only.`,
        more: [rendered, marked],
      };
}

/** Candidates, the likeliest for most rows first. */
function rank(rows: ReadonlyMap<number, Row>): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const [index, row] of rows) {
    mappingsFor(row).forEach((mapping, place) => {
      const needed = requiredColumns(mapping);
      const key = JSON.stringify([mapping.format, needed]);
      const known = candidates.get(key);
      // The mapping gets every role that any of its rows has.
      const merged = { format: mapping.format, columns: merge(known?.mapping.columns ?? {}, mapping.columns) };
      const own = known?.rows ?? new Set<number>();
      own.add(index);
      const firsts = (known?.firsts ?? 0) + (place === 0 ? 1 : 0);
      candidates.set(key, { mapping: merged, needed, rows: own, firsts, places: (known?.places ?? 0) + place });
    });
  }
  const meanPlace = ({ places, rows: own }: Candidate) => places / own.size;
  return [...candidates.values()].sort(
    (a, b) => b.firsts - a.firsts || meanPlace(a) - meanPlace(b) || b.rows.size - a.rows.size,
  );
}

/** Adds the roles of `more` whose columns have no role yet; sorted as in the mapping editor. */
function merge(known: Mapping["columns"], more: Mapping["columns"]): Mapping["columns"] {
  const taken = Object.values(known);
  const merged: Partial<Record<ColumnRole, string>> = {};
  for (const role of columnRoles) {
    const column = known[role] ?? more[role];
    if (column !== undefined && (known[role] !== undefined || !taken.includes(column))) merged[role] = column;
  }
  return merged;
}

const identifying: readonly ColumnRole[] = [
  "messages",
  "instruction",
  "prompt",
  "response",
  "chosen",
  "rejected",
  "text",
];

function requiredColumns({ format, columns }: Mapping): string[] {
  // The two answers identify a preference row; its prompt may be in other columns in each row.
  const roles = format === "preference" ? (["chosen", "rejected"] as const) : identifying;
  return roles.map((role) => columns[role]).filter((column) => column !== undefined);
}

/** The formats of rows that lack every required column of the best format: such a file is mixed. */
function otherFormats(best: Candidate, others: readonly Candidate[], rows: ReadonlyMap<number, Row>): Candidate[] {
  const rest = new Map(
    [...rows].filter(([index, row]) => !best.rows.has(index) && best.needed.every((c) => memberOf(row, c) == null)),
  );
  const found: Candidate[] = [];
  for (const other of others) {
    // Text under another column name is only a guess, too weak to call a file mixed.
    if (other.mapping.format === "text" && other.mapping.columns.text !== "text") continue;
    const own = [...rest.keys()].filter((index) => other.rows.has(index));
    if (own.length === 0) continue;
    for (const index of own) rest.delete(index);
    found.push({ ...other, rows: new Set(own) });
  }
  return found;
}

/** `198 of 200 rows have "instruction" and "output", and "input" too.` */
function explain(
  { mapping, needed, rows }: Candidate,
  values: readonly unknown[],
  all: ReadonlyMap<number, Row>,
): string {
  const extra = Object.values(mapping.columns).filter(
    (column) => !needed.includes(column) && column !== mapping.columns.label,
  );
  const shape = {
    openai: ", a list of {role, content}",
    sharegpt: ", a list of {from, value}",
    oasst: ", a tree of replies",
  };
  const what = Object.entries(shape).find(([format]) => format === mapping.format)?.[1] ?? "";
  let reason = `${share(rows.size, values, "have")} ${and(needed)}${what}`;
  if (extra.length > 0) reason += `; also used: ${and(extra)}`;
  if (mapping.format === "columns") {
    const roles = Object.entries(mapping.columns).map(([role, column]) => `${quote(column)} as ${role}`);
    reason = `${share(rows.size, values, "have")} ${and(needed)}; guessed by name: ${roles.join(", ")}`;
  }
  const readyMade =
    mapping.format !== "text" && [...all.values()].some((row) => typeof memberOf(row, "text") === "string");
  if (readyMade && !Object.values(mapping.columns).includes("text"))
    reason += `. The ready-made "text" is not used; choose plain text to train on it`;
  return `${reason}.`;
}

function share(count: number, values: readonly unknown[], verb = "are"): string {
  if (values.length === 1) return `The only row ${verb === "are" ? "is" : "has"}`;
  return count === values.length ? `All ${count} rows ${verb}` : `${count} of ${values.length} rows ${verb}`;
}

function and(columns: readonly string[]): string {
  const quoted = columns.map((name) => quote(name));
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}

/** The mappings of a `text` column; they are only alternatives to other formats. */
function textOnly(rows: ReadonlyMap<number, Row>): Mapping[] {
  const text: Mapping = { format: "text", columns: { text: "text" } };
  if (![...rows.values()].some((row) => typeof memberOf(row, "text") === "string")) return [];
  const ready = detectReady(text, [...rows.values()]);
  return ready ? [ready.rendered, ready.marked, text] : [text];
}

/** Mappings other than the chosen one, without duplicates, that can read at least one of the rows. */
function readable(mappings: readonly Mapping[], chosen: Mapping, values: readonly unknown[]): Mapping[] {
  const seen = new Set([identity(chosen)]);
  const distinct = mappings.filter((mapping) => {
    const key = identity(mapping);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return distinct.slice(0, mostAlternatives).filter((mapping) => {
    const convert = createConverter(mapping);
    return values.some((value) => "examples" in convert(value));
  });
}

function identity({ format, columns }: Mapping): string {
  return JSON.stringify([format, requiredColumns({ format, columns })]);
}

/** The first columns and all mapped ones, each with the beginning of its first non-empty value. */
function sampleColumns(values: readonly unknown[], mappings: readonly Mapping[]): Detection["columns"] {
  const mapped = new Set(mappings.flatMap(({ columns }) => Object.values(columns)));
  const samples = new Map<string, string>();
  for (const value of values) {
    if (!isRow(value)) continue;
    for (const [name, own] of entriesOf(value)) {
      if (samples.size >= mostColumns && !samples.has(name) && !mapped.has(name)) continue;
      if (name.length <= longestColumn && !samples.get(name)) samples.set(name, beginning(own));
    }
  }
  return [...samples].map(([name, sample]) => ({ name, sample }));
}

/** At most 80 characters of a value; a large value is never stringified in full. */
function beginning(value: unknown): string {
  if (value == null) return "";
  const written = typeof value === "string" ? value : shortJson(value);
  return written.length > 80 ? `${written.slice(0, 79)}…` : written;
}

function shortJson(value: unknown, depth = 0): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (value instanceof ExactNumber) return value.text;
  if (!isList(value) && !isObject(value)) return String(value);
  if (depth > 4) return "…";
  if (isList(value))
    return `[${value
      .slice(0, 4)
      .map((item) => shortJson(item, depth + 1))
      .join(",")}]`;
  const members = entriesOf(value).slice(0, 4);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${shortJson(item, depth + 1)}`).join(",")}}`;
}
