/** Texts of the Data screen: opening rows, each source, and the roles of its columns. */

import type { FileEncoding } from "../../records/read/encoding.ts";
import type { FileKind } from "../../records/read/record.ts";
import { bytes, plural, share } from "../format.ts";

export const dataWords = {
  title: "Data",
  weights: (sources: number) => `Here: ${plural(sources, "source")}${sources > 1 ? ", each with a λ" : ", so λ = 1"}.`,
  heldOut: (heldOut: number, rows: number) =>
    heldOut > 0
      ? `Here: ${share(heldOut)} of ${plural(rows, "row")} are held out. Set the share under Train.`
      : "Here: no row is held out. Set the share under Train.",
  amount: (rows: number, sources: number) => `${plural(rows, "row")}${sources > 1 ? ` in ${sources} sources` : ""}`,
  choose: "Choose a file",
  files: "Data files",
  paste: "Paste text",
  samples: "Samples",
  drop: "Or drop one or more files here: JSON, JSON Lines, CSV, TSV, Parquet, text or Markdown, gzipped or not.",
  reading: "Reading the data",
  failed: "The data could not be read",
  failedFiles: (files: number) => `${files} files could not be read`,
  list: "Data in this browser",
  few: (rows: number) => `${plural(rows, "row")}: enough for a test. Useful datasets have about 1,000 rows or more.`,
} as const;

export const pasteWords = {
  text: "Rows as text",
  about: "JSON, JSON Lines, CSV with a header, or plain text.",
  name: "Name",
  unnamed: "Pasted text",
  read: "Read the text",
} as const;

const kinds: Readonly<Record<FileKind, string>> = {
  json: "JSON",
  jsonl: "JSON Lines",
  csv: "CSV",
  tsv: "TSV",
  parquet: "Parquet",
  text: "text",
  markdown: "Markdown",
};

const encodings: Readonly<Record<FileEncoding, string>> = {
  "utf-16le": "Read as UTF-16.",
  "utf-16be": "Read as UTF-16.",
  "windows-1252": "Read as Windows-1252, because the file is not UTF-8. Check the accents in the preview.",
};

export const sourceWords = {
  choose: (name: string) => `Train on ${name}`,
  about: (file: { kind: FileKind; gzip: boolean; rows: number; byteLength: number; stored: boolean }) =>
    `${kinds[file.kind]}${file.gzip ? ", gzipped" : ""} · ${plural(file.rows, "row")} · ${bytes(file.byteLength)}${file.stored ? "" : " · lost when the tab closes"}`,
  encoding: (encoding: FileEncoding) => encodings[encoding],
  remove: "Delete",
  removeQuestion: (edits: number) =>
    edits === 0
      ? "Delete the copy in this browser?"
      : `Delete the copy in this browser, with ${plural(edits, "edit")}?`,
  removeConfirm: "Delete",
  found: (format: string) => `Found ${format}`,
  readAs: (format: string) => `Read as ${format}`,
  change: "Change",
  changeOf: (name: string) => `Change the columns of ${name}`,
  close: "Close",
  closeOf: (name: string) => `Close the columns of ${name}`,
  excluded: (rows: number) => `You excluded ${plural(rows, "row")}.`,
  putBack: "Include all",
  unreadable: (rows: number, listed: number) =>
    `${plural(rows, "row")} could not be read${rows > listed ? `; the first ${listed} are listed` : ""}:`,
  unreadableRows: (name: string) => `Rows of ${name} that could not be read`,
  weight: "Weight λ",
  weightOf: (name: string) => `Weight λ of ${name}`,
  weightRefused: "Enter a number above 0, for example 0.5.",
} as const;

export const mappingWords = {
  title: (name: string) => `Columns of ${name}`,
  format: "Format",
  detectedFormat: (title: string) => `${title} (as detected)`,
  needed: "Needs a column.",
  choose: "Choose a column…",
  none: "None",
  asDetected: "As detected",
  missing: "Rows without a required column are left out.",
  unused: "Columns without a role are not used. The preview shows the rows with these roles.",
} as const;
