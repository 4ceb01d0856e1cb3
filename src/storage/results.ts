/**
 * Results of runs: exam results and blind votes, each a record that is added or deleted, never changed. Questions and
 * answers of an exam are in chunks, written before the record that makes them count.
 */

import * as v from "valibot";
import {
  AnswersSchema,
  type ExamResult,
  examMembers,
  QuestionsSchema,
  type RunResults,
  type VoteRecord,
  VoteSchema,
  type WholeExamResult,
} from "../run/results.ts";
import { cut } from "../tensor/quote.ts";
import type { ChunkStore, ChunkWriter, StoredBytes } from "./chunks.ts";
import { commit } from "./commit.ts";
import { errorText, StorageError } from "./errors.ts";
import { type Entry, type KeyValue, writeFor } from "./keyValue.ts";
import type { Collector } from "./orphans.ts";
import { keyPrefix, lastPart, recordKey, StoredBytesSchema, sealed, unsealed } from "./records.ts";

/** An exam result is deleted with its owner: a run, or the base model of several runs. */
export type ResultOwner =
  | { readonly kind: "run"; readonly id: string }
  /** `id` is the model's hash. */
  | { readonly kind: "model"; readonly id: string };

export interface ResultStore {
  /**
   * Adds an exam result. Throws `StorageError` where its run is gone, `StorageFullError` where there is no room, and
   * the signal's reason before the record is written; then nothing stays.
   */
  addExam(owner: ResultOwner, result: WholeExamResult, signal?: AbortSignal): Promise<void>;
  /** The exam results that can be read, newest first, and a sentence for each that cannot. */
  listExams(owner: ResultOwner): Promise<{ readonly exams: ExamResult[]; readonly problems: string[] }>;
  /** With questions and answers; null when there is none. Throws `StorageError` when it cannot be read. */
  openExam(owner: ResultOwner, id: string): Promise<WholeExamResult | null>;
  deleteExam(owner: ResultOwner, id: string): Promise<void>;
  /** Adds a vote. Throws `StorageError` where its run is gone. */
  addVote(vote: VoteRecord): Promise<void>;
  /** Votes on a run in the order of casting, without those that cannot be read. */
  votes(runId: string): Promise<VoteRecord[]>;
  deleteVotes(runId: string, ids: readonly string[]): Promise<void>;
  /** Keys of all results of a run. */
  keys(runId: string): Promise<string[]>;
  /** The entries that import a run's results, for the caller's transaction; their chunks go to `writer`. */
  writes(writer: ChunkWriter, runId: string, results: RunResults): Promise<Entry[]>;
  /** Deletes the exam results of a base model without runs. */
  forgetModel(hash: string): Promise<void>;
  /** Deletes results whose run is gone: an older version of Hone deletes runs without their results. */
  tidy(): Promise<void>;
}

/** An exam result as it is stored. */
export interface StoredExam extends ExamResult {
  readonly questions: StoredBytes;
  readonly answers: StoredBytes;
}

const StoredExamSchema: v.GenericSchema<unknown, StoredExam> = v.object({
  ...examMembers,
  questions: StoredBytesSchema,
  answers: StoredBytesSchema,
});

const headOf = ({ questions: _questions, answers: _answers, ...head }: StoredExam): ExamResult => head;

const jsonBytes = (value: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return { byteLength: bytes.byteLength, slice: async (start: number, end: number) => bytes.slice(start, end) };
};

/** Questions apart from answers: two results of one exam share the chunks of the questions. */
const partsOf = ({ questions }: WholeExamResult) => ({
  questions: jsonBytes(
    questions.map(({ answer: _answer, finish: _finish, correct: _correct, ...question }) => question),
  ),
  answers: jsonBytes(questions.map(({ answer, finish, correct }) => ({ answer, finish, correct }))),
});

async function writeExam(writer: ChunkWriter, result: WholeExamResult): Promise<StoredExam> {
  const { questions, answers } = partsOf(result);
  return { ...result, questions: await writer.add(questions), answers: await writer.add(answers) };
}

const OfModel = v.object({ value: v.object({ model: v.object({ hash: v.string() }) }) });

const examKind = { run: "exam", model: "baseExam" } as const;
const examKey = ({ kind, id: owner }: ResultOwner, id: string) => recordKey(examKind[kind], owner, id);

/** A key's owner: the part before the last. */
const ownerOf = (key: string) => lastPart(key.slice(0, key.lastIndexOf("/")));

export function createResults(records: KeyValue, chunks: ChunkStore, collector: Collector): ResultStore {
  const wayOut = "Delete it, and take the exam again.";
  const nameOf = (key: string) => `The exam result ${cut(lastPart(key), 80)}`;

  async function read(key: string): Promise<StoredExam | null> {
    const stored = await records.get(key);
    return stored === undefined ? null : unsealed(nameOf(key), wayOut, StoredExamSchema, stored);
  }

  async function jsonIn<T>(what: string, stored: StoredBytes, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const text = new TextDecoder().decode(await chunks.readAll(stored, what));
    const parsed = v.safeParse(schema, JSON.parse(text));
    if (parsed.success) return parsed.output;
    throw new StorageError(`${what} cannot be read. ${wayOut}`);
  }

  async function requireRun(runId: string, what: string): Promise<void> {
    if ((await records.get(recordKey("run", runId))) !== undefined) return;
    throw new StorageError(`${what} was not saved: its run is not in this browser any more.`);
  }

  const deleteAll = (what: string, keys: readonly string[]) => writeFor({ what, bytes: 0 }, records, [], keys);
  const voteKeys = (runId: string) => records.keys(keyPrefix("vote", runId));
  const examKeys = ({ kind, id }: ResultOwner) => records.keys(keyPrefix(examKind[kind], id));

  return {
    addExam: (owner, result, signal) =>
      collector.guarded(async () => {
        const what = `The result of the exam ${cut(result.exam.name)}`;
        const { questions, answers } = partsOf(result);
        const writer = await chunks.writer(what, questions.byteLength + answers.byteLength);
        const stored = await writeExam(writer, result);
        await writer.flush();
        if (owner.kind === "run") await requireRun(owner.id, what);
        signal?.throwIfAborted();
        const bytes = JSON.stringify(stored).length;
        const key = examKey(owner, result.id);
        await commit({ what, bytes }, writer, records, [sealed(key, stored)], { undo: [key] });
      }, true),

    async listExams(owner) {
      const exams: ExamResult[] = [];
      const problems: string[] = [];
      for (const key of await examKeys(owner)) {
        try {
          const stored = await read(key);
          if (stored) exams.push(headOf(stored));
        } catch (error) {
          problems.push(error instanceof StorageError ? error.message : `${nameOf(key)}: ${errorText(error)}.`);
        }
      }
      exams.sort((a, b) => b.takenAt.localeCompare(a.takenAt));
      return { exams, problems };
    },

    openExam: (owner, id) =>
      collector.guarded(async () => {
        const stored = await read(examKey(owner, id));
        if (stored === null) return null;
        const what = `the exam result of ${cut(stored.exam.name)}`;
        const questions = await jsonIn(`the questions of ${what}`, stored.questions, QuestionsSchema);
        const answers = await jsonIn(`the answers of ${what}`, stored.answers, AnswersSchema);
        if (questions.length !== answers.length) {
          const found = `${questions.length} questions and ${answers.length} answers`;
          throw new StorageError(`The exam result of ${cut(stored.exam.name)} has ${found}. ${wayOut}`);
        }
        const answered = questions.flatMap((question, index) => {
          const answer = answers[index];
          return answer ? [{ ...question, ...answer }] : [];
        });
        return { ...headOf(stored), questions: answered };
      }, false),

    deleteExam: (owner, id) =>
      collector.guarded(() => deleteAll("The deletion of an exam result", [examKey(owner, id)]), true),

    async addVote(vote) {
      await requireRun(vote.runId, "The vote");
      const bytes = JSON.stringify(vote).length;
      await writeFor({ what: "The vote", bytes }, records, [sealed(recordKey("vote", vote.runId, vote.id), vote)]);
    },

    async votes(runId) {
      const found = await Promise.all((await voteKeys(runId)).map((key) => records.get(key)));
      const votes = found.flatMap((stored) => {
        const parsed = v.safeParse(v.object({ value: VoteSchema }), stored);
        return parsed.success ? [parsed.output.value] : [];
      });
      return votes.sort((a, b) => a.castAt.localeCompare(b.castAt));
    },

    deleteVotes: (runId, ids) =>
      deleteAll(
        "The deletion of votes",
        ids.map((id) => recordKey("vote", runId, id)),
      ),

    keys: async (runId) => [...(await examKeys({ kind: "run", id: runId })), ...(await voteKeys(runId))],

    async writes(writer, runId, { exams, votes }) {
      const entries: Entry[] = [];
      for (const exam of exams) {
        const own = { ...exam, runId: exam.runId === null ? null : runId };
        entries.push(sealed(examKey({ kind: "run", id: runId }, exam.id), await writeExam(writer, own)));
      }
      for (const vote of votes) entries.push(sealed(recordKey("vote", runId, vote.id), { ...vote, runId }));
      return entries;
    },

    async forgetModel(hash) {
      const keys = await examKeys({ kind: "model", id: hash });
      if (keys.length === 0) return;
      for (const key of await records.keys(keyPrefix("run"))) {
        const run = v.safeParse(OfModel, await records.get(key));
        // A record that cannot be read may belong to any model.
        if (!run.success || run.output.value.model.hash === hash) return;
      }
      await collector.guarded(() => deleteAll("The deletion of results of a base model", keys), true);
    },

    async tidy() {
      // Results are listed before runs: if another tab imports a run in between, its results are never without it.
      const owned = [...(await records.keys(keyPrefix("exam"))), ...(await records.keys(keyPrefix("vote")))];
      const runs = new Set((await records.keys(keyPrefix("run"))).map(lastPart));
      const lost = owned.filter((key) => !runs.has(ownerOf(key)));
      if (lost.length > 0) await deleteAll("The deletion of results without a run", lost);
    },
  };
}
