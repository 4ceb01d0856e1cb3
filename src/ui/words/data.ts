/** What the Data screen says: ways to bring rows, each source, and which of its columns plays which part. */

import type { FileKind } from "../../records/read/record.ts";
import { bytes, plural, share } from "../format.ts";

export const dataWords = {
  title: "Data",
  weights: (sources: number) =>
    `Here: ${plural(sources, "source")}${sources > 1 ? ", each with its λ" : ", so λ = 1"}.`,
  heldOut: (held: number, rows: number) =>
    held > 0
      ? `Here: ${share(held)} of ${plural(rows, "row")} are held out; the share is set under Train.`
      : "Here: no row is held out; the share is set under Train.",
  amount: (rows: number, sources: number) => `${plural(rows, "row")}${sources > 1 ? ` in ${sources} sources` : ""}`,
  choose: "Choose a file",
  files: "Data files",
  paste: "Paste text",
  samples: "Samples",
  drop: "Or drop files here, several at once. JSON, JSON Lines, CSV, TSV, Parquet, text or Markdown, gzipped or not.",
  reading: "Reading the data",
  failed: "The data could not be read",
  failedFiles: (files: number) => `${files} files could not be read`,
  list: "Data in this browser",
  few: (rows: number) =>
    `${plural(rows, "row")}: enough to see training work; careful sets have about 1,000 rows or more.`,
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

export const sourceWords = {
  choose: (name: string) => `Train on ${name}`,
  about: (file: { kind: FileKind; gzip: boolean; rows: number; byteLength: number; stored: boolean }) =>
    `${kinds[file.kind]}${file.gzip ? ", gzipped" : ""} · ${plural(file.rows, "row")} · ${bytes(file.byteLength)}${file.stored ? "" : " · gone when the tab closes"}`,
  remove: "Delete",
  removeQuestion: "Delete the copy in this browser?",
  removeConfirm: "Delete",
  found: (format: string) => `Found ${format}`,
  readAs: (format: string) => `Read as ${format}`,
  change: "Change",
  changeOf: (name: string) => `Change the columns of ${name}`,
  close: "Close",
  closeOf: (name: string) => `Close the columns of ${name}`,
  excluded: (rows: number) => `${plural(rows, "row")} excluded by you.`,
  putBack: "Put all back",
  unreadable: (rows: number, listed: number) =>
    `${plural(rows, "row")} could not be read${rows > listed ? `; the first ${listed} are listed` : ""}:`,
  unreadableRows: (name: string) => `Rows of ${name} that could not be read`,
  weight: "Weight λ",
  weightOf: (name: string) => `Weight λ of ${name}`,
  weightRefused: "More than 0, like 2 or 0.5.",
} as const;

export const mappingWords = {
  title: (name: string) => `Columns of ${name}`,
  format: "Format",
  detectedFormat: (title: string) => `${title} (as detected)`,
  needed: "Needs a column.",
  choose: "Choose a column…",
  none: "None",
  asDetected: "As detected",
  missing: "Rows without a column for each needed part are left out.",
  unused: "A column without a part is not used. The preview shows the rows as they are read now.",
} as const;
