/** The slice of the exam: its questions, the examined models, and the stored results of a run and its base model. */

import type { Exam } from "../protocol/datasets.ts";
import type { ListedExam, Subject } from "../protocol/engine.ts";
import { comparisonKey, type ExamResult, type WholeExamResult } from "../run/results.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import { fetchSample } from "./samples.ts";
import { demoData, demoExam } from "./seedling.ts";
import { type ExamChoice, type ExamDraws, type ExamFacts, type ExamOwner, type HoneState, toFailure } from "./state.ts";

export interface ExamActions {
  choose(choice: ExamChoice): void;
  /** The exam that a run takes during training: the chosen one, or the page's own where its data are chosen; null is none. */
  present(): Promise<Exam | null>;
  /** Reads an exam from one or several files and selects it. */
  open(files: readonly File[]): Promise<void>;
  /**
   * Examines the base model with the selected exam, then the run, if there is one. A stored result of the base model is
   * used again, unless `anew`.
   */
  take(choice: ExamChoice, subject: Subject, anew?: boolean): Promise<void>;
  /** Cancels a read or an exam; a finished result of the base model stays. */
  stop(): void;
  /** Lists the stored results of a run and its base model, and shows the newest unless one is shown already. */
  list(owner: ExamOwner): Promise<void>;
  /** Shows a stored result, and the base model's result of the same exam. */
  show(result: ExamResult): Promise<void>;
  remove(result: ExamResult): Promise<void>;
  /** Changes how answers are judged and drawn. */
  set(settings: Partial<ExamDraws>): void;
  /** Reads the chosen exam: from its files, once. */
  read(choice: ExamChoice, signal?: AbortSignal): Promise<Exam>;
  /** Runs one read or exam at a time; `stop` aborts its signal. Does nothing while another one runs. */
  alone(work: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

/** The grader of a request; exact match is left out, as in results of before there were graders. */
export const graderIn = ({ grader }: Pick<ExamDraws, "grader">) => (grader.kind === "exact" ? {} : { grader });

/**
 * A stored result of the base model that can be compared with a subject: the newest from this browser, else one from a
 * run file.
 */
export function baseResultFor(
  { stored }: Pick<ExamFacts, "stored">,
  subject: Pick<Subject, "modelHash" | "template" | "systemPrompt"> & Pick<ExamResult, "grader" | "sampling">,
  examHash: string,
): ListedExam | null {
  const key = comparisonKey({ ...subject, exam: { hash: examHash } });
  const found = stored?.exams.filter((result) => result.runId === null && comparisonKey(result) === key) ?? [];
  return found.find(({ fromFile }) => !fromFile) ?? found[0] ?? null;
}

/** The exam of the next run; null where none is chosen and the data are not the page's own. */
export function presentExam({ exam, data }: Pick<HoneState, "exam" | "data">): ExamChoice | null {
  if (exam.choice) return exam.choice;
  const isDemo = ({ hash }: { readonly hash: string }) =>
    data.list.some((source) => source.hash === hash && source.name === demoData);
  return data.chosen.some(isDemo) ? "demo" : null;
}

export function examActions(context: Context, model: ModelActions): ExamActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  /** Numbers the requests for lists and results, so that a late answer to an earlier one is dropped. */
  let requests = 0;
  const facts = () => store.getState().exam;
  const change = (edit: Partial<ExamFacts>) => patch(context, "exam", edit);

  /** Runs one read or exam at a time. */
  const alone = async (work: (signal: AbortSignal) => Promise<void>) => {
    if (facts().phase !== "idle") return;
    controller = new AbortController();
    change({ phase: "reading", failure: null });
    try {
      await work(controller.signal);
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") change({ failure });
    } finally {
      controller = null;
      change({ phase: "idle" });
      patch(context, "progress", { engine: null, data: null });
    }
  };

  const read = async (choice: ExamChoice, signal?: AbortSignal): Promise<Exam> => {
    const { demo, own } = facts();
    if (choice === "own" && own) return own;
    if (choice === "own") throw new Error("No exam file has been read: choose one.");
    if (demo) return demo;
    const files = await Promise.all(demoExam.map((file) => fetchSample(file, signal ?? new AbortController().signal)));
    const exam = await client.data.exam(files, signal);
    change({ demo: exam });
    return exam;
  };

  const modelName = (modelHash: string) =>
    store.getState().model.list.find(({ hash }) => hash === modelHash)?.name ?? "";
  const runNamed = (runId: string | null) => {
    const run = store.getState().runs.list.find(({ id }) => id === runId);
    return run ? { id: run.id, name: run.name } : null;
  };
  const sameOwner = (one: ExamOwner | undefined, { modelHash, runId }: ExamOwner) =>
    one?.modelHash === modelHash && one.runId === runId;

  /** Reads the list again; null if another list was requested meanwhile. */
  const load = async (owner: ExamOwner) => {
    const request = ++requests;
    const { exams, problems } = await client.engine.examsOf(owner.modelHash, owner.runId);
    if (request !== requests) return null;
    change({ stored: { owner, exams, problems } });
    return exams;
  };

  const whole = ({ modelHash }: ExamResult, runId: string | null, id: string) =>
    client.engine.examResult(modelHash, runId, id);

  /** The result; for a tuned model with the base model's result of the same exam. */
  const withBase = async (result: ExamResult, owner: ExamOwner) => {
    const found = await whole(result, owner.runId, result.id);
    if (result.runId === null) return { base: found, tuned: null };
    const base = baseResultFor(facts(), result, result.exam.hash);
    // Without the base model's result the run's own answers are still shown.
    const before = base && (await whole(base, owner.runId, base.id).catch(() => null));
    return { base: before, tuned: found };
  };

  const show = async (result: ExamResult) => {
    const owner = facts().stored?.owner;
    if (!owner || facts().phase !== "idle") return;
    const request = ++requests;
    change({ failure: null });
    try {
      const found = await withBase(result, owner);
      if (request !== requests || facts().phase !== "idle") return;
      endRound();
      const run = found.tuned ? runNamed(owner.runId) : null;
      change({ results: { owner, model: modelName(owner.modelHash), run, ...found } });
    } catch (thrown) {
      if (request === requests) change({ failure: toFailure(thrown) });
    }
  };

  /** Other results on the page end the vote on the exam. */
  const endRound = () => {
    if (store.getState().vote.round?.source === "exam") patch(context, "vote", { round: null });
  };

  return {
    async present() {
      const choice = presentExam(store.getState());
      return choice && read(choice, new AbortController().signal);
    },
    choose: (choice) => change({ choice, failure: null }),
    open: (files) =>
      alone(async (signal) => change({ own: await client.data.exam(files, signal), choice: "own", failure: null })),
    take: (choice, subject, anew = false) =>
      alone(async (signal) => {
        const exam = await read(choice, signal);
        const { modelHash, runId } = subject;
        const owner = { modelHash, runId };
        await model.ensureOpen(modelHash);
        await load(owner);
        const judged = graderIn(facts().settings);
        const found = baseResultFor(facts(), { ...subject, ...judged }, exam.hash);
        // A result from a run file is shown, but it does not replace a measurement in this browser.
        const earlier = anew || found?.fromFile ? null : found;
        const takeAs = (phase: "base" | "tuned", by: string | null) => {
          change({ phase });
          const checkpoint = by === null ? null : subject.checkpoint;
          return client.engine.takeExam({ ...subject, ...judged, runId: by, checkpoint, exam }, signal);
        };
        const stored = earlier && (await whole(earlier, runId, earlier.id).catch(() => null));
        const base: WholeExamResult = stored ?? (await takeAs("base", null));
        endRound();
        const results = { owner, model: modelName(modelHash), run: runNamed(runId), base, tuned: null };
        change({ results });
        if (results.run) {
          // A failure of the list must not hide the result.
          void load(owner).catch(() => undefined);
          change({ results: { ...results, tuned: await takeAs("tuned", results.run.id) } });
        }
        await load(owner);
      }),
    stop: () => controller?.abort(),
    set: (settings) => change({ settings: { ...facts().settings, ...settings } }),
    read,
    alone,

    async list(owner) {
      if (facts().phase !== "idle") return;
      if (!sameOwner(facts().stored?.owner, owner)) change({ stored: null });
      if (!sameOwner(facts().results?.owner, owner)) {
        endRound();
        change({ results: null });
      }
      try {
        const exams = await load(owner);
        if (exams === null || facts().results !== null) return;
        const newest = exams.find((result) => result.runId === owner.runId) ?? exams[0];
        if (newest) await show(newest);
      } catch (thrown) {
        change({ failure: toFailure(thrown) });
      }
    },
    show,
    async remove(result) {
      const owner = facts().stored?.owner;
      if (!owner) return;
      try {
        await client.engine.deleteExam(owner.modelHash, owner.runId, result.id);
        const { results } = facts();
        const shown = results && [results.tuned, results.base].some((one) => one?.id === result.id);
        if (shown) {
          endRound();
          change({ results: null });
        }
        await load(owner);
      } catch (thrown) {
        change({ failure: toFailure(thrown) });
      }
    },
  };
}
