/** Detects the kind of a file by its bytes, then by its name, then by its text. */

import type { TableForm } from "./delimited.ts";
import { jsonRow, nameShown, quote } from "./row.ts";
import { tableForm } from "./table.ts";

/** How to parse a file. */
export type Reading =
  | { readonly as: "parquet" }
  | { readonly as: "array" }
  | { readonly as: "objects" }
  | { readonly as: "table"; readonly form: TableForm }
  | { readonly as: "text"; readonly markdown: boolean };

export const remedy = "Choose a JSON, JSON Lines, CSV, TSV, Parquet, text or Markdown file, unpacked or as .gz";

const is = (bytes: Uint8Array, at: number, magic: string) =>
  [...magic].every((character, index) => bytes[at + index] === character.charCodeAt(0));

/** Other kinds of files, by their beginning; `text` is the beginning as text. */
const otherKinds: readonly { kind: string; matches: (bytes: Uint8Array, text: string) => boolean }[] = [
  { kind: "a PNG image", matches: (b) => is(b, 0, "\x89PNG") },
  { kind: "a JPEG image", matches: (b) => is(b, 0, "\xff\xd8\xff") },
  { kind: "a PDF document", matches: (b) => is(b, 0, "%PDF-") },
  { kind: "a zip archive or an Office document", matches: (b) => is(b, 0, "PK\x03\x04") },
  { kind: "a 7z archive", matches: (b) => is(b, 0, "7z\xbc\xaf\x27\x1c") },
  { kind: "an xz archive", matches: (b) => is(b, 0, "\xfd7zXZ\0") },
  { kind: "a bzip2 archive", matches: (b) => is(b, 0, "BZh") && is(b, 4, "1AY&SY") },
  { kind: "a Zstandard archive", matches: (b) => is(b, 0, "\x28\xb5\x2f\xfd") },
  { kind: "a gzip archive within another", matches: (b) => is(b, 0, "\x1f\x8b") },
  { kind: "a tar archive (unpack it, and choose the files in it)", matches: (b) => is(b, 257, "ustar") },
  { kind: "an Arrow table (save it as Parquet)", matches: (b) => is(b, 0, "ARROW1") || is(b, 0, "\xff\xff\xff\xff") },
  { kind: "a SQLite database", matches: (b) => is(b, 0, "SQLite format 3\0") },
  { kind: "a NumPy array", matches: (b) => is(b, 0, "\x93NUMPY") },
  { kind: "an encrypted Parquet table (write it without encryption)", matches: (b) => is(b, 0, "PARE") },
  { kind: "a GGUF model", matches: (b) => is(b, 0, "GGUF") },
  { kind: "a safetensors model", matches: (_, text) => text.includes("\0") && text.includes('"data_offsets"') },
  { kind: "a web page", matches: (_, text) => /^\s*<(!doctype html|html|\?xml|head|body)/i.test(text) },
  {
    kind: "UTF-32 text (save it as UTF-8)",
    matches: (b) => is(b, 0, "\xff\xfe\0\0") || is(b, 0, "\0\0\xfe\xff"),
  },
  { kind: "a binary file", matches: (_, text) => text.includes("\0") },
];

/**
 * Chooses the parser by the first 64 KiB of the unpacked file and their `text`; `whole`: the file is not longer. Throws an
 * error with the file's name and kind when it is not a file of rows.
 */
export function findReading(fileName: string, beginning: Uint8Array, text: string, whole: boolean): Reading {
  const name = nameShown(fileName);
  if (is(beginning, 0, "PAR1")) return { as: "parquet" };
  const other = otherKinds.find(({ matches }) => matches(beginning.subarray(0, 4096), text.slice(0, 4096)));
  if (other) throw new Error(`${name} is not a file of rows: it looks like ${other.kind}. ${remedy}.`);

  const extension = /\.([a-z0-9]+)$/.exec(fileName.toLowerCase().replace(/\.gz(ip)?$/, ""))?.[1] ?? "";
  const start = text.trimStart();
  switch (extension) {
    case "csv":
      return { as: "table", form: tableForm(text, whole) };
    case "tsv":
    case "tab":
      return { as: "table", form: tableForm(text, whole, "\t") };
    case "md":
    case "markdown":
      return { as: "text", markdown: true };
    case "txt":
    case "text":
      return { as: "text", markdown: false };
    case "jsonl":
    case "ndjson":
      return start[0] === "[" && !isListLines(start) ? { as: "array" } : { as: "objects" };
    case "parquet":
      throw new Error(`${name} is not a Parquet table: it begins with ${quote(start)}, not with PAR1. ${remedy}.`);
  }
  if (start[0] === "[") return { as: "array" };
  if (start[0] === "{") return { as: "objects" };
  if (extension === "json") {
    const line = text.slice(0, text.length - start.length).split("\n").length;
    throw new Error(`${name}, line ${line}: the JSON begins with ${quote(start)}, not with [ or {. ${remedy}.`);
  }
  const form = tableForm(text, whole);
  return form.namesDelimiter || isTable(text, form) ? { as: "table", form } : { as: "text", markdown: false };
}

/** JSON Lines whose rows are lists. */
function isListLines(start: string): boolean {
  const [first = "", ...others] = start.split("\n");
  const second = others.find((line) => line.trim() !== "");
  return second?.startsWith("[") === true && "value" in jsonRow(first, 1);
}

/** Whether the first line may be a header, and the lines after it have at least as many fields. */
function isTable(text: string, { delimiter, newline }: TableForm): boolean {
  const lines = text.split(newline).slice(0, 10);
  const whole = lines.length < 10 ? lines : lines.slice(0, -1);
  const fields = whole.filter((line) => line.trim() !== "").map((line) => line.split(delimiter));
  const header = fields[0] ?? [];
  const named = header.every((field) => field.trim() !== "" && field.length <= 60 && !/[.!?]\s*$/.test(field));
  return fields.length > 1 && header.length > 1 && named && fields.every((row) => row.length >= header.length);
}
