/** Exams from files. Oracle: the rows, read by eye. */

import { expect, test } from "vitest";
import { readExam } from "../../../src/datasets/exam.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { jsonLines } from "../../support/tinyLlama.ts";

const read = (...files: readonly (readonly [name: string, text: string])[]) =>
  readExam(
    files.map(([name, text]) => bytesFromMemory(name, new TextEncoder().encode(text))),
    () => undefined,
  );
const question = (i: number) => ({ instruction: `What is ${i}?`, output: `It is ${i}.`, task: "number" });

test("questions with group and task, and texts, from one file or from two: the same exam", async () => {
  const rows = [
    { ...question(1), group: "held-out tasks" },
    { instruction: "Add.", input: "1, 2", output: "3" },
  ];
  const texts = [{ text: "Once upon a time." }];
  const two = await read(["exam.jsonl", jsonLines(rows)], ["text.jsonl", jsonLines(texts)]);
  expect(two).toMatchObject({
    name: "exam.jsonl and text.jsonl",
    questions: [
      { prompt: "What is 1?", expected: "It is 1.", group: "held-out tasks", task: "number" },
      { prompt: expect.stringMatching(/^Add\.\s+1, 2$/), expected: "3", group: null, task: null },
    ],
    texts: ["Once upon a time."],
    problems: [],
  });
  const one = await read(["all.json", JSON.stringify([...rows, ...texts])]);
  expect({ ...one, name: two.name }).toEqual(two);
  expect((await read(["exam.jsonl", jsonLines(rows)])).hash).not.toBe(two.hash);
});

test("texts behind more questions than a detection looks at are texts, and what is neither is told with its line", async () => {
  const rows = [...Array.from({ length: 500 }, (_, i) => question(i)), { text: "A text." }, { instruction: "Alone?" }];
  const exam = await read(["long.jsonl", jsonLines(rows)]);
  expect(exam.questions).toHaveLength(500);
  expect(exam.texts).toEqual(["A text."]);
  expect(exam.problems).toEqual([{ line: 502, message: expect.stringContaining("output") }]);
});

test("columns are taken by their usual names, in other kinds of files as well", async () => {
  const exam = await read(["exam.csv", "question,answer,group\nWhy?,Because.,easy\n"]);
  expect(exam.questions).toEqual([{ prompt: "Why?", expected: "Because.", group: "easy", task: null }]);
});

test.each([
  [
    "no question",
    jsonLines([{ text: "Only text." }]),
    /exam\.jsonl has no question with an answer\. An exam's rows are/,
  ],
  ["no answer", jsonLines([{ instruction: "Why?" }]), /exam\.jsonl has no question .* Line 1: .*output/],
  ["nothing", "", /exam\.jsonl is empty/],
])("a file with %s is refused in a sentence", async (_what, text, reason) => {
  await expect(read(["exam.jsonl", text])).rejects.toThrow(reason);
});
