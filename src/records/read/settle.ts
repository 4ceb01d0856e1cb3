/** Refuses rows whose text the decoder could not read: no row is used with characters that are not in its file. */

import { entriesOf, isList, isObject, type Value } from "../value.ts";
import type { TextReader } from "./decode.ts";
import { beyondAscii, damage } from "./encoding.ts";
import type { DataRecord, ReadProblem } from "./record.ts";

/** Passes intact records; a damaged one becomes a problem in its place. */
export function createSettler(texts: TextReader) {
  let refused = false;

  return {
    settle(record: DataRecord): DataRecord {
      if (texts.brokenLine === null && texts.encoding !== "windows-1252") return record;
      const { line } = record;
      if ("problem" in record) {
        if (!record.problem.includes(damage)) return record;
        refused = true;
        return { line, problem: record.problem.replaceAll(damage, "\uFFFD") };
      }
      const value = record.value as Value;
      if (texts.brokenLine !== null && someText(value, true, (text) => text.includes(damage))) {
        refused = true;
        return { line, problem: `the row ${damageOf(texts)}` };
      }
      if (texts.encoding === "windows-1252" && isOnlyUtf8(value)) {
        return {
          line,
          problem: "the row is UTF-8, but other rows of the file are Windows-1252; save the file as UTF-8",
        };
      }
      return record;
    },
    /** A problem for damage that no record contains. */
    end(): ReadProblem[] {
      const { brokenLine } = texts;
      return brokenLine === null || refused ? [] : [{ line: brokenLine, problem: `the file ${damageOf(texts)}` }];
    },
  };
}

function damageOf({ encoding }: TextReader): string {
  if (encoding === undefined) return "has bytes that are not UTF-8; save the file as UTF-8";
  if (encoding === "windows-1252") return "has bytes that are neither UTF-8 nor Windows-1252; save the file as UTF-8";
  return "has bytes that are not UTF-16; save the file as UTF-8";
}

/** Whether a row of a Windows-1252 file has characters beyond ASCII that are all UTF-8. */
function isOnlyUtf8(value: Value): boolean {
  let some = false;
  const others = someText(value, false, (text) => {
    const found = beyondAscii(text);
    some ||= found === "utf-8";
    return found === "windows-1252";
  });
  return some && !others;
}

/** Whether a text of the value passes the test, or the name of a member `withNames`. */
function someText(value: Value, withNames: boolean, test: (text: string) => boolean): boolean {
  if (typeof value === "string") return test(value);
  if (isList(value)) return value.some((item) => someText(item, withNames, test));
  if (!isObject(value)) return false;
  return entriesOf(value).some(([name, item]) => (withNames && test(name)) || someText(item, withNames, test));
}
