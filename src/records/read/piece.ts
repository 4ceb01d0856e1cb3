/** The text of a piece of stored rows: a JSON array with one record per line. */

import type { Value } from "../value.ts";
import { corrected, mayLose, parseJson } from "./parseJson.ts";
import type { DataRecord } from "./record.ts";

/** Most levels of a stored row: a tree of 500 replies has two levels per reply. */
export const deepestRow = 2000;

/** The text of a piece, from the JSON of its records. */
export const writePiece = (texts: readonly string[]) => `[${texts.join(between)}]`;

/** JSON on one line has no line break, so that this stands only between two records. */
const between = ",\n";

/** The records of a piece. Throws where the text is no JSON. */
export function readPiece(text: string): readonly DataRecord[] {
  const quick = quickly(text);
  if (quick && !quick.some(isInexact)) return quick;
  const lines = text.slice(1, -1).split(between);
  const records = quick ?? lines.map(() => null);
  const exact = lines.map((line, i) => {
    const record = records[i];
    return record && !isInexact(record) ? record : readRecord(line, record ?? null);
  });
  // A piece that another program wrote may have other white space.
  return exact.length === records.length && exact.every((record) => record !== null) ? exact : readWhole(text);
}

const isInexact = (record: DataRecord) => "value" in record && mayLose(record.value, deepestRow);

/** The records as JSON.parse reads them; null where it cannot, because of NaN. */
function quickly(text: string): readonly DataRecord[] | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The record of one line, which JSON.parse read as `quick` or not at all; null where Hone did not write the line. The record's
 * own line number needs no exact parser.
 */
function readRecord(text: string, quick: DataRecord | null): DataRecord | null {
  const [head, line] = /^\{"line":(\d+),"(?:value|problem)":/.exec(text) ?? [];
  if (head === undefined || !text.endsWith("}")) return null;
  const source = text.slice(head.length, -1);
  const parsed =
    quick && "value" in quick ? corrected(source, quick.value as Value, deepestRow) : parseJson(source, deepestRow);
  if ("why" in parsed) return null;
  const { value } = parsed;
  if (head.endsWith('"value":')) return { line: Number(line), value };
  return typeof value === "string" ? { line: Number(line), problem: value } : null;
}

function readWhole(text: string): readonly DataRecord[] {
  const parsed = parseJson(text, deepestRow);
  if ("why" in parsed) throw new Error(`Stored rows cannot be read: ${parsed.why}.`);
  // The rows were checked when they were stored.
  return parsed.value as unknown as readonly DataRecord[];
}
