/** Exam results and votes in a run file: parsed as plain JSON, and refused unless they belong to its run. */

import * as v from "valibot";
import { readAs } from "../run/problem.ts";
import type { RunRecord } from "../run/record.ts";
import {
  mostQuestions,
  type RunResults,
  type VoteRecord,
  VoteSchema,
  type WholeExamResult,
  WholeExamSchema,
} from "../run/results.ts";

/** A file of results with its contents. */
export interface ResultFile {
  readonly path: string;
  readonly value: unknown;
}

/** Checks results against the record of their run. `refuse` makes the error from the end of a sentence. */
export function checkResults(
  run: RunRecord,
  exams: readonly ResultFile[],
  votes: ResultFile | null,
  refuse: (problem: string) => Error,
): RunResults {
  const ids = new Set<string>();
  const unique = (path: string, id: string) => {
    if (ids.has(id)) throw refuse(`${path} repeats the id of another result`);
    ids.add(id);
  };
  const parse = <T>({ path, value }: ResultFile, schema: v.GenericSchema<unknown, T>): T => {
    const { output, problem } = readAs(schema, value);
    if (problem === null) return output;
    throw refuse(`${path}: ${problem}`);
  };
  const checkStep = (path: string, step: number) => {
    if (step <= run.totalSteps) return;
    throw refuse(`${path} is of step ${step}, but the run has ${run.totalSteps}`);
  };
  const checkExam = (path: string, exam: WholeExamResult) => {
    const { questions, correct, runId, step } = exam;
    const right = questions.filter((question) => question.correct).length;
    if (exam.modelHash !== run.model.hash) throw refuse(`${path} is of another base model`);
    if (runId !== null && runId !== run.id) throw refuse(`${path} is of another run`);
    if ((runId === null) !== (step === null))
      throw refuse(`${path} names a run without a step, or a step without a run`);
    if (step !== null) checkStep(path, step);
    if (questions.length !== exam.exam.questions || questions.length > mostQuestions) {
      throw refuse(`${path} has ${questions.length} questions instead of ${exam.exam.questions}`);
    }
    if (right !== correct) throw refuse(`${path} has ${right} right answers instead of ${correct}`);
    unique(path, exam.id);
  };
  const checkVote = (path: string, { id, runId, step }: VoteRecord) => {
    if (runId !== run.id) throw refuse(`${path} has a vote on another run`);
    checkStep(path, step);
    unique(path, id);
  };

  const readExams = exams.map((file) => {
    const exam = parse(file, WholeExamSchema);
    checkExam(file.path, exam);
    return exam;
  });
  const readVotes = votes === null ? [] : parse(votes, v.array(VoteSchema));
  for (const vote of readVotes) checkVote(votes?.path ?? "", vote);
  return { exams: readExams, votes: readVotes };
}
