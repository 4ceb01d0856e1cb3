/**
 * The exam of every stored checkpoint of several runs. The curve is made of stored results alone, so it outlives the page, and a
 * stopped series continues with the checkpoints that have none.
 */

import type { Exam } from "../protocol/datasets.ts";
import type { Contestant } from "../run/comparison.ts";
import type { RunRecord } from "../run/record.ts";
import { type ExamResult, type ExamSampling, examKey, type WholeExamResult } from "../run/results.ts";
import { type Context, patch } from "./context.ts";
import { type ExamActions, graderIn } from "./exam.ts";
import type { ModelActions } from "./model.ts";
import { type ExamChoice, type ExamDraws, type Failure, toFailure } from "./state.ts";

/** Results of one checkpoint, one for each seed. */
export interface CurvePoint {
  readonly step: number;
  readonly results: readonly ExamResult[];
}

export interface CurveLine {
  /** Null is the base model, whose only point is at step 0. */
  readonly runId: string | null;
  readonly name: string;
  /** In the order of their steps; those with all seeds. */
  readonly points: readonly CurvePoint[];
  /** With questions, of the last point. */
  readonly last: readonly WholeExamResult[];
}

export interface ShownCurve {
  readonly exam: Pick<Exam, "name" | "hash">;
  readonly model: string;
  readonly draws: ExamDraws;
  /** The base model, then the runs. */
  readonly lines: readonly CurveLine[];
  /** Exams that all points of all lines need, and those of them that are not taken. */
  readonly total: number;
  readonly missing: number;
}

export interface CurveFacts {
  /** Ids of the compared runs; null is the run that Compare shows. */
  readonly runs: readonly string[] | null;
  readonly shown: ShownCurve | null;
  /** The exam that is taken now; null where none is. */
  readonly going: { readonly done: number; readonly total: number; readonly who: string; readonly step: number } | null;
  readonly failure: Failure | null;
}

export interface CurveActions {
  choose(runs: readonly string[]): void;
  /** Reads the stored results of these runs and of their base model. */
  list(choice: ExamChoice, runs: readonly RunRecord[]): Promise<void>;
  /** Takes the exams that are missing, in order; each is stored at once. `exam.stop` cancels. */
  take(choice: ExamChoice, runs: readonly RunRecord[]): Promise<void>;
}

interface Wanted {
  readonly run: RunRecord | null;
  readonly step: number;
  readonly sampling: ExamSampling | null;
}

/** The draws of one checkpoint: greedy for one seed. */
export const samplingsOf = ({ seeds, temperature }: ExamDraws): readonly (ExamSampling | null)[] =>
  seeds === 1 || temperature === 0
    ? [null]
    : Array.from({ length: seeds }, (_, seed) => ({ temperature, topK: null, topP: null, seed }));

/** Names of runs by id; runs of one name are numbered from the oldest. */
export function distinctNames(
  runs: readonly Pick<RunRecord, "id" | "name" | "createdAt">[],
): ReadonlyMap<string, string> {
  const ordered = runs.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  return new Map(
    ordered.map(({ id, name }) => {
      const same = ordered.filter((other) => other.name === name);
      return [id, same.length === 1 ? name : `${name} (${same.findIndex((other) => other.id === id) + 1})`];
    }),
  );
}

/** Sides of paired tests: each line by its last point. */
export const contestantsOf = ({ lines }: Pick<ShownCurve, "lines">): Contestant[] =>
  lines.filter(({ last }) => last.length > 0).map(({ name, last }) => ({ name, results: last }));

export function curveActions(
  context: Context,
  model: Pick<ModelActions, "ensureOpen">,
  exams: Pick<ExamActions, "alone" | "read">,
): CurveActions {
  const { client, store } = context;
  const change = (edit: Partial<CurveFacts>) => patch(context, "curve", edit);
  let requests = 0;

  /** Stored results by who answered, and all exams of the curve. */
  async function load(exam: Exam, runs: readonly RunRecord[], draws: ExamDraws) {
    const [first] = runs;
    if (!first) return null;
    const samplings = samplingsOf(draws);
    const judged = graderIn(draws);
    const keyOf = (sampling: ExamSampling | null) => examKey({ exam, ...judged, ...(sampling && { sampling }) });
    const lists = new Map<RunRecord, readonly ExamResult[]>();
    const wanted: Wanted[] = samplings.map((sampling) => ({ run: null, step: 0, sampling }));
    for (const run of runs) {
      lists.set(run, (await client.engine.examsOf(run.model.hash, run.id)).exams);
      const steps = (await client.engine.checkpointsOf(run.id)).map(({ step }) => step).sort((a, b) => a - b);
      for (const step of steps) for (const sampling of samplings) wanted.push({ run, step, sampling });
    }
    const templateKey = ({ template, systemPrompt }: Pick<ExamResult, "template" | "systemPrompt">) =>
      JSON.stringify([template, systemPrompt]);
    const find = ({ run, step, sampling }: Wanted): ExamResult | null => {
      const of = run ?? first;
      const found = lists
        .get(of)
        ?.find(
          (result) =>
            result.runId === (run?.id ?? null) &&
            (run === null || result.step === step) &&
            examKey(result) === keyOf(sampling) &&
            (sampling === null || result.sampling?.seed === sampling.seed) &&
            templateKey(result) === templateKey(of.recipe),
        );
      return found ?? null;
    };
    return { first, wanted, find, samplings: samplings.length };
  }

  async function refresh(exam: Exam, runs: readonly RunRecord[], draws: ExamDraws) {
    const request = ++requests;
    const loaded = await load(exam, runs, draws);
    if (loaded === null) return change({ shown: null });
    const { first, wanted, find, samplings } = loaded;
    const lines: CurveLine[] = [];
    const names = distinctNames(store.getState().runs.list);
    for (const run of [null, ...runs]) {
      const own = wanted.filter((one) => one.run === run);
      const points = [...new Set(own.map(({ step }) => step))].flatMap((step): CurvePoint[] => {
        const results = own.filter((one) => one.step === step).flatMap((one) => find(one) ?? []);
        return results.length === samplings ? [{ step, results }] : [];
      });
      const newest = points.at(-1)?.results ?? [];
      const last = await Promise.all(
        newest.map(({ id, modelHash }) => client.engine.examResult(modelHash, (run ?? first).id, id)),
      );
      lines.push({
        runId: run?.id ?? null,
        name: run ? (names.get(run.id) ?? run.name) : first.model.name,
        points,
        last,
      });
    }
    if (request !== requests) return;
    const missing = wanted.filter((one) => find(one) === null).length;
    const { name, hash } = exam;
    change({
      shown: { exam: { name, hash }, model: first.model.name, draws, lines, total: wanted.length, missing },
    });
  }

  const failed = (thrown: unknown) => {
    const failure = toFailure(thrown);
    if (failure.name !== "AbortError") change({ failure });
  };

  return {
    choose: (runs) => change({ runs, failure: null }),
    async list(choice, runs) {
      const { phase, settings } = store.getState().exam;
      if (phase !== "idle") return;
      try {
        await refresh(await exams.read(choice), runs, settings);
      } catch (thrown) {
        failed(thrown);
      }
    },
    take: (choice, runs) =>
      exams.alone(async (signal) => {
        const { settings } = store.getState().exam;
        change({ failure: null });
        let exam: Exam | null = null;
        try {
          exam = await exams.read(choice, signal);
          patch(context, "exam", { phase: "curve" });
          const loaded = await load(exam, runs, settings);
          if (loaded === null) return;
          await model.ensureOpen(loaded.first.model.hash);
          const { wanted, find, first } = loaded;
          const open = wanted.filter((one) => find(one) === null);
          const names = distinctNames(store.getState().runs.list);
          for (const [index, { run, step, sampling }] of open.entries()) {
            const done = wanted.length - open.length + index;
            change({
              going: {
                done,
                total: wanted.length,
                who: run ? (names.get(run.id) ?? run.name) : first.model.name,
                step,
              },
            });
            const { modelHash, template, systemPrompt } = {
              modelHash: first.model.hash,
              ...(run ?? first).recipe,
            };
            await client.engine.takeExam(
              {
                ...{ modelHash, template, systemPrompt, exam },
                ...{ runId: run?.id ?? null, checkpoint: run ? step : null },
                ...(!run && { beside: first.id }),
                ...graderIn(settings),
                ...(sampling && { sampling }),
              },
              signal,
            );
            await refresh(exam, runs, settings);
          }
        } catch (thrown) {
          failed(thrown);
        } finally {
          change({ going: null });
          if (exam) await refresh(exam, runs, settings).catch(failed);
        }
      }),
  };
}
