/** Runs the arms of a lesson for each seed, over the page's own engine. */

import type { Exam } from "../protocol/datasets.ts";
import type { EngineApi } from "../protocol/engine.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { AnsweredQuestion } from "../run/results.ts";
import type { SourceChoice } from "../run/source.ts";
import type { Arm, Lesson, Mean, Measure, Observed } from "./lesson.ts";

export interface LessonParts {
  readonly engine: Pick<EngineApi, "startRun" | "resumeRun" | "listRuns" | "deleteRun" | "examine">;
  readonly modelHash: string;
  /** The page's recipe for the model. */
  readonly usual: Recipe;
  /** Opens a file of `public/lessons` as rows. */
  readonly openRows: (file: string) => Promise<SourceChoice>;
  readonly openExam: (files: readonly string[]) => Promise<Exam>;
}

/** The figures of an arm with one seed, by the label of the measure; a figure that an arm does not have is missing. */
export interface ArmFigures {
  readonly arm: string;
  readonly seed: number;
  readonly figures: Readonly<Record<string, number>>;
}

export interface RunLessonOptions {
  readonly seeds: readonly number[];
  /** Results of an earlier call, which are not measured again. */
  readonly earlier?: readonly ArmFigures[];
  /** Called with each new result. */
  readonly onFigures?: (figures: ArmFigures) => void;
  /** Called before an arm starts, with the number of results that are there and of all. */
  readonly onArm?: (arm: string, seed: number, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

const runName = ({ title }: Lesson, arm: string, seed: number) => `${title}: ${arm}, seed ${seed}`;

/** Two arms train alike when their files and recipes are equal. */
const trainingKey = ({ training }: Arm, usual: Recipe) =>
  training && JSON.stringify([training.data, training.recipe(usual)]);

/**
 * Measures every arm with every seed; seeds are in the outer loop, so that all arms have a figure early. Throws the signal's reason,
 * and where a run does not finish, with its reason; earlier results were given to `onFigures`.
 */
export async function runLesson(
  lesson: Lesson,
  parts: LessonParts,
  { seeds, earlier = [], onFigures = () => {}, onArm = () => {}, signal }: RunLessonOptions,
): Promise<readonly ArmFigures[]> {
  const { engine } = parts;
  const exam = await parts.openExam(lesson.exam);
  const results = [...earlier];
  const total = lesson.arms.reduce((sum, { training }) => sum + (training === null ? 1 : seeds.length), 0);
  const known = (arm: string, seed: number) => results.some((result) => result.arm === arm && result.seed === seed);
  for (const seed of seeds) {
    const runs = new Map<string, RunRecord>();
    try {
      for (const arm of lesson.arms) {
        // The base model answers alike whatever the seed.
        if (known(arm.name, seed) || (arm.training === null && seed !== seeds[0])) continue;
        signal?.throwIfAborted();
        onArm(arm.name, seed, results.length, total);
        const recipe = { ...(arm.training?.recipe(parts.usual) ?? parts.usual), seed };
        const key = trainingKey(arm, parts.usual);
        const run = key === null ? null : (runs.get(key) ?? (await trained(lesson, arm, recipe, parts, signal)));
        if (key !== null && run) runs.set(key, run);
        const observed = await observe(arm, run, recipe, exam, parts, signal);
        const result = { arm: arm.name, seed, figures: figuresOf(lesson.measures, observed) };
        results.push(result);
        onFigures(result);
      }
    } finally {
      for (const { id } of runs.values()) await engine.deleteRun(id);
    }
  }
  return results;
}

/** The arm's finished run; goes on with one that an earlier call left behind. */
async function trained(
  lesson: Lesson,
  arm: Arm,
  recipe: Recipe,
  { engine, modelHash, openRows }: LessonParts,
  signal: AbortSignal | undefined,
): Promise<RunRecord> {
  const name = runName(lesson, arm.name, recipe.seed);
  const left = (await engine.listRuns()).find((run) => run.name === name && run.status === "paused");
  const sources = await Promise.all((arm.training?.data ?? []).map(openRows));
  const run = left
    ? await engine.resumeRun(left.id, signal)
    : await engine.startRun({ name, modelHash, sources, recipe }, signal);
  if (run.status === "finished") return run;
  signal?.throwIfAborted();
  throw new Error(`The run of "${arm.name}" ended ${run.status}${run.reason === null ? "." : `: ${run.reason}`}`);
}

async function observe(
  arm: Arm,
  run: RunRecord | null,
  recipe: Recipe,
  exam: Exam,
  { engine, modelHash }: LessonParts,
  signal: AbortSignal | undefined,
): Promise<Observed> {
  const { answers, textLoss } = await engine.examine(
    {
      modelHash,
      runId: run?.id ?? null,
      checkpoint: null,
      template: arm.template ?? recipe.template,
      systemPrompt: recipe.systemPrompt,
      questions: exam.questions,
      texts: exam.texts,
    },
    signal,
  );
  return {
    answers: exam.questions.flatMap((question, i): AnsweredQuestion[] => {
      const given = answers[i];
      return given ? [{ ...question, answer: given.text, finish: given.finish, correct: given.correct }] : [];
    }),
    textLoss,
    run: run && { trainable: run.trainable, steps: run.step, seconds: run.seconds },
  };
}

function figuresOf(measures: readonly Measure[], observed: Observed): Record<string, number> {
  const found = measures.map((measure) => [measure.label, measure.of(observed)] as const);
  return Object.fromEntries(found.filter(([, value]) => !Number.isNaN(value)));
}

export interface Spread {
  readonly mean: number;
  /** Half the distance between the largest and the smallest. */
  readonly spread: number;
}

export function meanAndSpread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, spread: (Math.max(...values) - Math.min(...values)) / 2 };
}

/** Mean and spread of a measure over the seeds of an arm; null where the arm does not have it. */
export function spreadOf(results: readonly ArmFigures[], arm: string, { label }: Measure): Spread | null {
  const values = results.flatMap(({ arm: own, figures }) => (own === arm ? (figures[label] ?? []) : []));
  if (values.length === 0) return null;
  return meanAndSpread(values);
}

/** The means of results, for a lesson's claim and prediction. */
export const meansOf =
  (results: readonly ArmFigures[]): Mean =>
  (arm, measure) =>
    spreadOf(results, arm, measure)?.mean ?? Number.NaN;
