/** The name of a file of saved rows: the source's, without the ending of its kind. */

import type { RowForm } from "../../protocol/datasets.ts";

export function rowsFileName(source: string, form: RowForm): string {
  const base = source.replace(/(\.(json|jsonl|ndjson|csv|tsv|parquet|txt|md|markdown))?(\.gz)?$/i, "") || "rows";
  return `${base}.${form === "rows" ? "saved" : "messages"}.jsonl`;
}
