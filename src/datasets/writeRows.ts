/** Writes the rows of a source as JSON Lines, with its edits and without its excluded rows. */

import type { RowForm, WrittenRows } from "../protocol/datasets.ts";
import type { Value } from "../records/value.ts";
import { writeJson } from "../records/writeJson.ts";
import type { SourceChoice } from "../run/source.ts";
import { exampleValue } from "./exampleValue.ts";
import type { ChosenRows } from "./inspection.ts";
import { createTurns } from "./turns.ts";

/** Characters after which a text becomes a part of the Blob, which the browser may move to the disk. */
const partLength = 2 ** 22;

/** The rows of a source with its edits, and their conversion. */
export interface SourceRows extends Pick<ChosenRows, "rows" | "convert"> {
  readonly choice: SourceChoice;
}

interface WriteParts {
  readonly progress: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * "rows": each row as it is, and a text without columns as `{"text": …}`. "messages": each example of a row. Rows that cannot
 * be read, or converted, are left out and counted. Throws the signal's reason.
 */
export async function writeRows(
  { rows, choice, convert }: SourceRows,
  form: RowForm,
  { progress, signal }: WriteParts,
): Promise<WrittenRows> {
  const { kind, rows: total } = rows.summary;
  const isText = kind === "text" || kind === "markdown";
  const valuesOf = (value: Value): readonly Value[] => {
    if (form === "rows") return [isText && typeof value === "string" ? { text: value } : value];
    const converted = convert(value);
    return "examples" in converted ? converted.examples.map(exampleValue) : [];
  };
  const excluded = new Set(choice.excluded);
  const parts: Blob[] = [];
  let lines: string[] = [];
  let length = 0;
  const flush = () => {
    parts.push(new Blob(lines));
    lines = [];
    length = 0;
  };
  const turns = createTurns(signal);
  const counts = { rows: 0, excluded: 0, leftOut: 0 };
  for await (const { from, records } of rows.pieces(signal)) {
    for (const [i, record] of records.entries()) {
      if (turns.due()) {
        progress(from + i, total);
        await turns.next();
      }
      if (excluded.has(from + i)) {
        counts.excluded++;
        continue;
      }
      const values = "problem" in record ? [] : valuesOf(record.value as Value);
      if (values.length === 0) counts.leftOut++;
      for (const value of values) {
        const line = `${writeJson(value)}\n`;
        lines.push(line);
        length += line.length;
        counts.rows++;
      }
      if (length >= partLength) flush();
    }
  }
  flush();
  progress(total, total);
  return { ...counts, content: new Blob(parts, { type: "application/jsonl" }) };
}
