/** Made rows: ROUGE-L, the filters and the loop. Oracles: figures counted by hand, and a teacher whose answers the test writes. */

import { expect, test } from "vitest";
import { answerProblem, graderOf, questionProblem, tidied } from "../../../../src/generation/make/filters.ts";
import {
  type MadeOutcome,
  makeFromExamples,
  makeFromPassages,
  type Teacher,
} from "../../../../src/generation/make/make.ts";
import { rougeL, wordsOf } from "../../../../src/generation/make/rougeL.ts";
import { madeRowJson } from "../../../../src/run/made.ts";

const rouge = (a: string, b: string) => rougeL(wordsOf(a), wordsOf(b));

test.each([
  // The example of Lin 2004: LCS "police the gunman" of 4 words each.
  ["police killed the gunman", "police kill the gunman", 0.75],
  ["police killed the gunman", "the gunman kill police", 0.5],
  ["What is a fox?", "what is a FOX", 1],
  ["one", "two", 0],
  ["", "two", 0],
])("ROUGE-L of %j and %j is %f", (a, b, value) => {
  expect(rouge(a, b)).toBeCloseTo(value, 10);
  expect(rouge(b, a)).toBeCloseTo(value, 10);
});

const stop = (text: string) => ({ text, finish: "stop" as const });

test.each([
  ["What does a fox eat in winter?", null],
  ["", "empty"],
  ["?!", "empty"],
  ["A fox?", "short"],
  [`${"word ".repeat(151)}`, "long"],
  ["First line?\nSecond line here?", "form"],
  ["* What does a fox eat?", "form"],
  ["a b c d a b c d a b c d", "repeats"],
  ["Where does the red fox sleep?", "similar"],
])("the question %j: %s", (text, reason) => {
  expect(questionProblem(stop(text), [wordsOf("Where does a red fox sleep?")])).toBe(reason);
});

test("a question without an end is unfinished", () => {
  expect(questionProblem({ text: "What does a fox eat?", finish: "length" }, [])).toBe("unfinished");
});

test.each([
  ["It eats mice.", "The fox eats mice.", "none", "", null],
  ["It drinks milk daily.", "The fox eats mice.", "none", "", "unsupported"],
  ["It eats mice.", null, "contains", "MICE", null],
  ["It eats mice.", null, "exact", " it  eats mice. ", null],
  ["It eats mice.", null, "exact", "mice", "grader"],
  ["It eats mice.", null, "regex", "^it .*\\.$", null],
  ["What does it eat?", null, "none", "", "form"],
] as const)("the answer %j of %j with %s %j: %s", (text, passage, kind, wanted, reason) => {
  const grader = kind === "none" ? { kind } : { kind, text: wanted };
  expect(answerProblem(stop(text), "What does it eat?", passage, graderOf(grader))).toBe(reason);
});

test("a faulty expression is named; labels and quotes are removed", () => {
  expect(() => graderOf({ kind: "regex", text: "(" })).toThrow('"(" is no regular expression');
  expect(tidied(' Question 2: "What is it?" ', "question")).toBe("What is it?");
  expect(tidied("1. What is it?", "question")).toBe("What is it?");
});

async function all(outcomes: AsyncGenerator<MadeOutcome>): Promise<MadeOutcome[]> {
  const found: MadeOutcome[] = [];
  for await (const outcome of outcomes) found.push(outcome);
  return found;
}

test("from examples: kept rows join the examples, a twin is dropped, an answer is drawn again until the grader passes", async () => {
  const questions = ["What does an owl eat?", "What does an owl eat?", "Where does a mole live?", "Who sings at dawn?"];
  const prompts: string[] = [];
  const answers = new Map<string, number>();
  const teacher: Teacher = async (message) => {
    if (message.startsWith("Write one new question")) {
      prompts.push(message);
      return stop(questions[prompts.length - 1] ?? "");
    }
    const draw = (answers.get(message) ?? 0) + 1;
    answers.set(message, draw);
    return stop(message.includes("sings") || draw === 1 ? "no idea at all" : "It is known.");
  };
  const examples = [{ instruction: "Which animal barks?", output: "A dog barks." }];
  const settings = {
    seed: 1,
    temperature: 1,
    samples: 2,
    grader: { kind: "contains", text: "known" },
    attempts: 4,
  } as const;
  const outcomes = await all(makeFromExamples(examples, teacher, settings));
  expect(outcomes.map((outcome) => (outcome.kind === "kept" ? outcome.row.instruction : outcome.reason))).toEqual([
    "What does an owl eat?",
    "similar",
    "Where does a mole live?",
    "grader",
  ]);
  expect([...answers.values()]).toEqual([2, 2, 2]);
  expect(prompts.every((prompt) => prompt.includes("Question: Which animal barks?"))).toBe(true);
});

test("from passages: each row has its passage, page and prompt, and is marked as made", async () => {
  const passages = [{ document: "a.pdf", text: "The owl eats mice.", page: 3, heading: "Owls" }];
  const teacher: Teacher = async (message) =>
    stop(message.startsWith("Write one question") ? "What does the owl eat?" : "The owl eats mice.");
  const settings = { seed: 1, temperature: 1, samples: 1, grader: { kind: "none" }, perPassage: 2 } as const;
  const [kept, twin] = await all(makeFromPassages(passages, teacher, settings));
  expect(twin).toMatchObject({ kind: "dropped", part: "question", reason: "similar" });
  if (kept?.kind !== "kept") throw new Error("The first row was dropped.");
  const maker = { model: "Tiny", modelHash: "ab", run: null, at: "2026-12-01T00:00:00.000Z" };
  expect(madeRowJson(kept.row, maker)).toEqual({
    instruction: "What does the owl eat?",
    output: "The owl eats mice.",
    passage: "The owl eats mice.",
    document: "a.pdf",
    page: 3,
    made: {
      model: "Tiny",
      model_hash: "ab",
      run: null,
      prompt: "Write one question that this text answers.\nOwls\nThe owl eats mice.",
      at: maker.at,
    },
  });
});
