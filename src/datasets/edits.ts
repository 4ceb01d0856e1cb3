/** Rows with the user's edits, and examples with the options of their source. */

import type { RowChange } from "../protocol/datasets.ts";
import { replacedIn } from "../quality/characters.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import { variantsOf } from "../quality/variants.ts";
import type { Converted, ExampleBody } from "../records/formats/convert.ts";
import { Unusable } from "../records/formats/fields.ts";
import { readTools } from "../records/formats/tools.ts";
import { wellFormed } from "../records/read/parseJson.ts";
import type { DataRecord } from "../records/read/record.ts";
import { jsonRow } from "../records/read/row.ts";
import type { Value } from "../records/value.ts";
import { writeJson } from "../records/writeJson.ts";
import { jsonProblem, longestEdits } from "../run/edits.ts";
import type { RowEdit, SourceOptions } from "../run/source.ts";
import type { Rows } from "./rows.ts";

/** The record with the value of its edit, as if the file had that row; an unreadable row becomes readable. */
export function editedRecord(record: DataRecord, edit: RowEdit | undefined): DataRecord {
  return edit === undefined ? record : jsonRow(wellFormed(edit.value), record.line);
}

/** The rows with their edits. */
export function withEdits(rows: Rows, edits: readonly RowEdit[] = []): Rows {
  if (edits.length === 0) return rows;
  const byRow = new Map(edits.map((edit) => [edit.row, edit]));
  return {
    summary: rows.summary,
    async *pieces(signal) {
      for await (const { from, records } of rows.pieces(signal))
        yield { from, records: records.map((record, i) => editedRecord(record, byRow.get(from + i))) };
    },
    record: async (row) => editedRecord(await rows.record(row), byRow.get(row)),
  };
}

interface CheckedEdits {
  /** Edits to save. */
  readonly edits: readonly RowEdit[];
  /** Rows that have their file's value again. */
  readonly undone: readonly number[];
}

/**
 * The changes as edits to save and to delete: a row with its file's value again has no edit. Throws for a row that is not
 * there, for a text that is no JSON, and where the edits would be too long.
 */
export async function checkedEdits(
  rows: Rows,
  before: readonly RowEdit[],
  changes: readonly RowChange[],
): Promise<CheckedEdits> {
  const after = new Map(before.map((edit) => [edit.row, edit]));
  const edits: RowEdit[] = [];
  const undone: number[] = [];
  for (const { row, value } of changes) {
    const record = await rows.record(row);
    const edit = value === null ? null : { row, value: wellFormed(value) };
    const problem = edit && jsonProblem(edit.value);
    if (problem) throw new Error(`Row ${row + 1} of ${rows.summary.name} ${problem}.`);
    if (edit && textOf(editedRecord(record, edit)) !== textOf(record)) {
      edits.push(edit);
      after.set(row, edit);
    } else {
      undone.push(row);
      after.delete(row);
    }
  }
  const length = [...after.values()].reduce((sum, { value }) => sum + value.length, 0);
  if (length > longestEdits)
    throw new Error(
      `The edits of ${rows.summary.name} would have ${length} characters, more than ${longestEdits}: undo some, or edit the file.`,
    );
  return { edits, undone };
}

/** The record's value as JSON text; null where it cannot be read. */
const textOf = (record: DataRecord) => ("problem" in record ? null : writeJson(record.value));

type Convert = (value: unknown) => Converted & { readonly isReplaced?: boolean };

/**
 * Adds the options of a source to its examples: tools to chats without their own, and the mark for special tokens. A row with
 * U+FFFD is a problem, with `isReplaced`, unless the option `replaced` is set. Throws where the option's tools are no list;
 * `name` is the source's.
 */
export function withOptions(
  convert: Convert,
  { tools: toolsText = "", specialTokens = false, replaced = false }: SourceOptions = {},
  name: string,
): Convert {
  const tools = toolsOf(toolsText, name);
  const add = (example: ExampleBody): ExampleBody => {
    const marked = specialTokens ? { ...example, specialTokens } : example;
    return marked.kind === "chat" && tools.length > 0 && marked.tools === undefined ? { ...marked, tools } : marked;
  };
  return (value) => {
    const converted = convert(value);
    if ("problem" in converted) return converted;
    const fault = replaced ? null : findReplaced(converted.examples);
    if (fault !== null) return { problem: `${fault}; correct it, or use rows with U+FFFD`, isReplaced: true };
    return tools.length === 0 && !specialTokens ? converted : { examples: converted.examples.map(add) };
  };
}

/** Turns each example into the examples that the settings ask for: see `variantsOf`. */
export function withVariants(convert: Convert, settings: DataSettings): Convert {
  if (settings.turns !== "each" && settings.reasoning !== "tags") return convert;
  return (value) => {
    const converted = convert(value);
    if ("problem" in converted) return converted;
    return { ...converted, examples: converted.examples.flatMap((example) => variantsOf(example, settings)) };
  };
}

function findReplaced(examples: readonly ExampleBody[]): string | null {
  for (const example of examples) {
    const found = replacedIn(example);
    if (found !== null) return found;
  }
  return null;
}

function toolsOf(text: string, name: string): readonly Value[] {
  try {
    return readTools({ path: "Tools", value: text });
  } catch (error) {
    if (error instanceof Unusable) throw new Error(`The option of ${name} cannot be used: ${error.message}.`);
    throw error;
  }
}
