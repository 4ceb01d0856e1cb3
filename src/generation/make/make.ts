/**
 * Makes question and answer rows with a model as the teacher: from a few examples (Self-Instruct, Wang et al. 2023), or from
 * passages of documents. Each answer is drawn up to `samples` times until it passes the filters and the grader.
 */

import type { Passage } from "../../records/documents/passages.ts";
import type { DocumentPassage, Example, MadeRow } from "../../run/made.ts";
import { createRandom } from "../../tensor/random.ts";
import {
  answerProblem,
  type DropReason,
  type Grader,
  graderOf,
  questionProblem,
  tidied,
  type Written,
} from "./filters.ts";
import { wordsOf } from "./rougeL.ts";
import { samplingOf, type TeacherSampling } from "./teacher.ts";

/** Answers a user's message, drawn as `sampling` says. Rejects with the signal's reason. */
export type Teacher = (message: string, sampling: TeacherSampling) => Promise<Written>;

export type MadeOutcome =
  | { readonly kind: "kept"; readonly row: MadeRow }
  /** `part`: what was dropped; `text` is its last draw. */
  | {
      readonly kind: "dropped";
      readonly part: "question" | "answer";
      readonly reason: DropReason;
      readonly text: string;
    };

export interface MakeSettings {
  readonly seed: number;
  /** Of questions, and of every draw of an answer but the first. */
  readonly temperature: number;
  /** Most draws of an answer. */
  readonly samples: number;
  readonly grader: Grader;
}

/** Examples that a prompt shows. */
const shownExamples = 3;

export const examplePrompt = (examples: readonly Pick<Example, "instruction">[]) =>
  `Write one new question of the same kind.\n${examples.map(({ instruction }) => `Question: ${instruction}`).join("\n")}`;

export const passagePrompt = ({ text, heading }: Passage) =>
  `Write one question that this text answers.\n${heading === null ? "" : `${heading}\n`}${text}`;

export const answerPrompt = (question: string, passage: Passage | null) =>
  passage === null ? question : `${passage.text}\n\nAnswer from this text: ${question}`;

interface Work extends MakeSettings {
  readonly teacher: Teacher;
  /** Words of all questions so far. */
  readonly known: string[][];
  readonly grade: (answer: string) => boolean;
}

/** One question with its answer. */
async function makeOne(
  work: Work,
  prompt: string,
  source: DocumentPassage | null,
  attempt: number,
): Promise<MadeOutcome> {
  const { teacher, known, grade, samples, temperature } = work;
  const seed = work.seed * 1_000_003 + attempt * 101;
  const written = await teacher(prompt, samplingOf("question", 0, seed, temperature));
  const question = { ...written, text: tidied(written.text, "question") };
  const problem = questionProblem(question, known);
  if (problem) return { kind: "dropped", part: "question", reason: problem, text: question.text };
  let last: { readonly reason: DropReason; readonly text: string } = { reason: "empty", text: "" };
  for (let draw = 0; draw < samples; draw++) {
    const drawn = await teacher(
      answerPrompt(question.text, source),
      samplingOf("answer", draw, seed + 1 + draw, temperature),
    );
    const answer = { ...drawn, text: tidied(drawn.text, "answer") };
    const reason = answerProblem(answer, question.text, source?.text ?? null, grade);
    if (reason === null) {
      known.push(wordsOf(question.text));
      return { kind: "kept", row: { instruction: question.text, output: answer.text, source, prompt } };
    }
    last = { reason, text: answer.text };
  }
  return { kind: "dropped", part: "answer", ...last };
}

/** `attempts` rows from examples; each prompt shows three examples, made rows among them as in the paper. Throws for a faulty grader. */
export async function* makeFromExamples(
  examples: readonly Example[],
  teacher: Teacher,
  { attempts, ...settings }: MakeSettings & { readonly attempts: number },
): AsyncGenerator<MadeOutcome> {
  if (examples.length === 0) throw new Error("There is no example: write at least one question with its answer.");
  const known = examples.map(({ instruction }) => wordsOf(instruction));
  const work: Work = { ...settings, teacher, known, grade: graderOf(settings.grader) };
  const random = createRandom(settings.seed);
  const made: Example[] = [];
  for (let attempt = 0; attempt < attempts; attempt++) {
    const shown = new Set<Example>();
    const wanted = Math.min(shownExamples, examples.length);
    // One of three is a made row, once there are some.
    if (made.length > 0 && wanted > 1) shown.add(made[random.below(made.length)] as Example);
    while (shown.size < wanted) shown.add(examples[random.below(examples.length)] as Example);
    const outcome = await makeOne(work, examplePrompt([...shown]), null, attempt);
    if (outcome.kind === "kept") made.push(outcome.row);
    yield outcome;
  }
}

/** `perPassage` rows from each passage, in order. Throws for a faulty grader. */
export async function* makeFromPassages(
  passages: readonly DocumentPassage[],
  teacher: Teacher,
  { perPassage, ...settings }: MakeSettings & { readonly perPassage: number },
): AsyncGenerator<MadeOutcome> {
  if (passages.length === 0) throw new Error("The documents have no passage: open one with text.");
  const work: Work = { ...settings, teacher, known: [], grade: graderOf(settings.grader) };
  let attempt = 0;
  for (const passage of passages) {
    for (let i = 0; i < perPassage; i++) yield await makeOne(work, passagePrompt(passage), passage, attempt++);
  }
}
