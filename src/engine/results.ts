/** The engine calls for results of runs: exams, which are stored after the last answer, their list, and votes. */

import type { EngineApi, ExamRequest, ListedExam } from "../protocol/engine.ts";
import { graderProblem } from "../run/grading/grade.ts";
import { exactGrader, type Grader } from "../run/grading/grader.ts";
import type { RunRecord } from "../run/record.ts";
import {
  comparisonKey,
  type ExamResult,
  mostQuestions,
  type RunResults,
  type WholeExamResult,
} from "../run/results.ts";
import type { ResultOwner } from "../storage/results.ts";
import type { Storage } from "../storage/storage.ts";

type ResultCalls = Pick<
  EngineApi,
  "takeExam" | "examsOf" | "examResult" | "deleteExam" | "castVote" | "votesOf" | "deleteVotes"
>;

/** The owners of the results of a run and of its base model, the run first. */
const ownersOf = (modelHash: string, runId: string | null): ResultOwner[] => [
  ...(runId === null ? [] : [{ kind: "run", id: runId } as const]),
  { kind: "model", id: modelHash },
];

/** `examine` generates the answers; if it throws, nothing is stored. */
export function createResultCalls({ results }: Storage, examine: EngineApi["examine"]): ResultCalls {
  return {
    async takeExam(request, signal) {
      const { exam, ...subject } = request;
      const { questions, texts } = exam;
      requireSize(exam);
      requireGraders(exam, subject.grader);
      const prompts = questions.map(({ group: _group, task: _task, ...question }) => question);
      const { answers, ...found } = await examine({ ...subject, questions: prompts, texts }, signal);
      const answered = questions.flatMap((question, index) => {
        const answer = answers[index];
        return answer ? [{ ...question, answer: answer.text, finish: answer.finish, correct: answer.correct }] : [];
      });
      const { modelHash, runId, template, systemPrompt, grader, sampling } = subject;
      const result: WholeExamResult = {
        id: crypto.randomUUID(),
        modelHash,
        runId,
        step: found.step,
        exam: { name: exam.name, hash: exam.hash, questions: answered.length, texts: texts.length },
        template,
        systemPrompt,
        ...(grader && { grader }),
        ...(sampling && { sampling }),
        takenAt: new Date().toISOString(),
        seconds: found.seconds,
        correct: answered.filter(({ correct }) => correct).length,
        textLoss: found.textLoss,
        questions: answered,
      };
      const owner: ResultOwner = runId === null ? { kind: "model", id: modelHash } : { kind: "run", id: runId };
      await results.addExam(owner, result, signal);
      return result;
    },

    async examsOf(modelHash, runId) {
      const exams = new Map<string, ListedExam>();
      const problems: string[] = [];
      // An imported result of the base model may also be stored under the model; that one replaces it.
      for (const owner of ownersOf(modelHash, runId)) {
        const list = await results.listExams(owner);
        problems.push(...list.problems);
        for (const exam of list.exams) {
          exams.set(exam.id, { ...exam, fromFile: owner.kind === "run" && exam.runId === null });
        }
      }
      const byDate = (a: ExamResult, b: ExamResult) => b.takenAt.localeCompare(a.takenAt);
      return { exams: [...exams.values()].sort(byDate), problems };
    },

    async examResult(modelHash, runId, id) {
      for (const owner of ownersOf(modelHash, runId)) {
        const found = await results.openExam(owner, id);
        if (found) return found;
      }
      throw new Error("This browser no longer has this exam result. It may have been deleted in another tab.");
    },

    async deleteExam(modelHash, runId, id) {
      for (const owner of ownersOf(modelHash, runId)) await results.deleteExam(owner, id);
    },

    castVote: (vote) => results.addVote(vote),
    votesOf: (runId) => results.votes(runId),
    deleteVotes: (runId, ids) => results.deleteVotes(runId, ids),
  };
}

function requireSize({ name, questions }: ExamRequest["exam"]): void {
  if (questions.length <= mostQuestions) return;
  const [found, most] = [questions.length, mostQuestions].map((count) => count.toLocaleString("en"));
  throw new Error(`${name} has ${found} questions; an exam has at most ${most}. Use a part of them.`);
}

/** Throws with the first question that its grader cannot judge. */
function requireGraders({ name, questions }: ExamRequest["exam"], ofExam: Grader = exactGrader): void {
  for (const [index, question] of questions.entries()) {
    const problem = graderProblem(question.grader ?? ofExam, question);
    if (problem !== null) {
      throw new Error(`Question ${index + 1} of ${name} does not fit its grader. ${problem} Choose another grader.`);
    }
  }
}

/** All results for a run file: the run's own, and the comparable results of its base model. */
export async function resultsOf({ results }: Storage, { id, model }: RunRecord): Promise<RunResults> {
  const exams: WholeExamResult[] = [];
  const own: ResultOwner = { kind: "run", id };
  const ids = new Set<string>();
  const add = async (owner: ResultOwner, wanted: (exam: ExamResult) => boolean) => {
    for (const exam of (await results.listExams(owner)).exams) {
      if (ids.has(exam.id) || !wanted(exam)) continue;
      ids.add(exam.id);
      // One unreadable result does not stop the export.
      const whole = await results.openExam(owner, exam.id).catch(() => null);
      if (whole) exams.push(whole);
    }
  };
  await add(own, () => true);
  const keys = new Set(exams.map(comparisonKey));
  await add({ kind: "model", id: model.hash }, (exam) => keys.has(comparisonKey(exam)));
  return { exams, votes: await results.votes(id) };
}
