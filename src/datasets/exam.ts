/** Reads an exam from files of rows: chats become questions with answers, plain texts measure the loss. */

import * as v from "valibot";
import { sha256 } from "../hub/hash.ts";
import type { Exam, ExamItem } from "../protocol/datasets.ts";
import type { RowProblem } from "../records/example.ts";
import { type Converted, createConverter, type ExampleBody } from "../records/formats/convert.ts";
import { detectFormat } from "../records/formats/detect.ts";
import { isRow } from "../records/formats/fields.ts";
import { readRecords } from "../records/read/read.ts";
import type { DataRecord } from "../records/read/record.ts";
import { memberOf } from "../records/value.ts";
import { graderProblem } from "../run/grading/grade.ts";
import { type Grader, GraderSchema, graderKinds, graderOf } from "../run/grading/grader.ts";
import type { ByteSource } from "../tensor/bytes.ts";

/** Most rows of an exam: more would take hours to answer. */
const maxRows = 20_000;

/**
 * The first question of a chat with its answer, or the question of a preference row with its chosen answer; null for other
 * examples, and for a question with an unwanted answer only.
 */
export function questionOf(example: ExampleBody): { readonly prompt: string; readonly reference: string } | null {
  if (example.kind === "text") return null;
  const messages = example.kind === "chat" ? example.messages : [...example.prompt, ...example.chosen];
  const [question, reply] = messages.filter(({ role }) => role !== "system");
  // In a longer conversation the second message is context, not the chosen answer.
  if (example.kind === "preference" && !example.chosen.some((message) => message === reply)) return null;
  if (question?.role !== "user" || reply?.role !== "assistant" || reply.content === "") return null;
  return { prompt: question.content, reference: reply.content };
}

/**
 * Reads an exam from files of any supported format. A row may name its `group` and its task. Throws when a file cannot be
 * read or has too many rows, and when there is no question; the signal's reason when cancelled.
 */
export async function readExam(
  files: readonly ByteSource[],
  onProgress: (task: string, done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<Exam> {
  const questions: ExamItem[] = [];
  const texts: string[] = [];
  const problems: RowProblem[] = [];
  for (const file of files) {
    const records = await recordsOf(file, onProgress, signal);
    const values = records.flatMap((record) => ("value" in record ? [record.value] : []));
    const convert = converterOf(values);
    for (const record of records) {
      const { line } = record;
      const converted = "problem" in record ? record : convert(record.value);
      if ("problem" in converted) {
        problems.push({ line, message: converted.problem });
        continue;
      }
      for (const example of converted.examples) {
        const question = questionOf(example);
        if (question) {
          const { prompt, reference: expected } = question;
          const judged = judgementOf(record);
          const problem = judged.problem ?? (judged.grader && graderProblem(judged.grader, { ...judged, expected }));
          if (problem !== undefined && problem !== null) problems.push({ line, message: problem });
          else {
            const { problem: _problem, ...own } = judged;
            questions.push({ prompt, expected, task: example.category ?? null, group: groupOf(record), ...own });
          }
        } else if (example.kind === "text") texts.push(example.text);
        else problems.push({ line, message: "no question with an answer" });
      }
    }
  }
  const name = files.map((file) => file.name).join(" and ");
  if (questions.length === 0) {
    const [first] = problems;
    const why = first ? ` Line ${first.line}: ${first.message}.` : "";
    throw new Error(
      `${name} has no question with an answer.${why} An exam's rows are like those of instruction data: ` +
        '{"instruction": …, "output": …}, with "group" and "task" where they have one.',
    );
  }
  const hash = await sha256(new TextEncoder().encode(JSON.stringify(["hone-exam", 1, questions, texts])));
  return { name, hash, questions, texts, problems };
}

async function recordsOf(
  file: ByteSource,
  onProgress: (task: string, done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<DataRecord[]> {
  const task = `Reading ${file.name}`;
  const { batches } = await readRecords(file, {
    onProgress: (done, total) => onProgress(task, done, total),
    ...(signal && { signal }),
  });
  const records: DataRecord[] = [];
  for await (const batch of batches) {
    records.push(...batch);
    if (records.length > maxRows) {
      throw new Error(`${file.name} has more than ${maxRows} rows, the most that an exam may have: take a part of it.`);
    }
  }
  return records;
}

/** Converts by the detected format, else by the row alone: the detection samples only the first rows. */
function converterOf(values: readonly unknown[]): (value: unknown) => Converted {
  const byDetection = createConverter(detectFormat(values).mapping);
  const byRow = createConverter({ format: "mixed", columns: {} });
  return (value) => {
    const converted = byDetection(value);
    if ("examples" in converted) return converted;
    const other = byRow(value);
    return "examples" in other ? other : converted;
  };
}

interface Judgement {
  readonly grader?: Grader;
  readonly choices?: readonly string[];
  readonly problem?: string;
}

/** The grader and the choices that a row names: "grader" is a kind, or an object with a kind and its settings. */
function judgementOf(record: DataRecord): Judgement {
  if (!("value" in record) || !isRow(record.value)) return {};
  const [named, listed] = [memberOf(record.value, "grader"), memberOf(record.value, "choices")];
  const choices = v.safeParse(v.array(v.string()), listed);
  if (listed !== undefined && listed !== null && !choices.success) return { problem: '"choices" is no list of texts' };
  const given = choices.success ? { choices: choices.output } : {};
  if (named === undefined || named === null) return choices.success ? { ...given, grader: graderOf("choice") } : {};
  const kind = graderKinds.find((known) => known === named);
  if (kind) return { ...given, grader: graderOf(kind) };
  const usual = isRow(named) ? graderKinds.find((known) => known === memberOf(named, "kind")) : undefined;
  const parsed = v.safeParse(GraderSchema, usual && isRow(named) ? { ...graderOf(usual), ...named } : named);
  if (parsed.success) return { ...given, grader: parsed.output };
  return { problem: `"grader" is none that Hone has: give ${graderKinds.map((known) => `"${known}"`).join(", ")}` };
}

function groupOf(record: DataRecord): string | null {
  const value = "value" in record && isRow(record.value) ? memberOf(record.value, "group") : null;
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}
