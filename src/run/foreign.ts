/** Checks of a foreign run record beyond its schema: bounds, and members that must agree. */

import * as v from "valibot";
import { recipeProblem } from "./bounds.ts";
import type { Curves } from "./curves.ts";
import { editsProblem, longestEdits, longestTools, optionsProblem } from "./edits.ts";
import { finite, Hash, IsoDate, list, Name, text, whole } from "./fields.ts";
import { mostExamQuestions } from "./forgetting.ts";
import { readAs } from "./problem.ts";
import type { RunRecord } from "./record.ts";

/** More optimizer steps than a browser can do in a year. */
export const mostSteps = 1e9;
const mostRows = 1e9;
const mostParameters = 1e13;
const mostSeconds = 1e10;
const longestText = 1e6;

const Step = whole(0, mostSteps);
const Loss = finite(-1e30, 1e30);
const Evaluation = v.object({
  step: Step,
  loss: Loss,
  sets: v.custom<object>((value) => typeof value === "object" && Object.keys(value ?? {}).length <= 100, "100 sets"),
});
const Point = v.object({ step: Step });
const Ends = v.nullable(v.object({ points: whole(1, mostSteps), first: Point, last: Point }));
const Samples = list(
  v.object({
    prompt: text(longestText),
    reference: text(longestText),
    before: text(longestText),
    after: v.nullable(text(longestText)),
  }),
  1000,
);
const Snapshots = list(v.object({ step: Step, answer: text(longestText), losses: list(Loss, 1e6) }), 1000);

/** Bounds of members that a record and a checkpoint's state have in common. */
export const seenBounds = {
  best: v.nullable(Evaluation),
  samples: Samples,
  moments: Snapshots,
  seconds: finite(0, mostSeconds),
};

const RunId = v.custom<string>(
  (value) => typeof value === "string" && /^[\w .-]{1,100}$/.test(value),
  "1 to 100 letters, digits, dots and dashes",
);

/** `least`: the least number of sources, examples and steps; a run that another tool trained has none. */
const boundsOf = (least: 0 | 1): v.GenericSchema<unknown, unknown> =>
  v.object({
    id: RunId,
    name: Name,
    note: text(longestText),
    createdAt: IsoDate,
    updatedAt: IsoDate,
    reason: v.nullable(text(10_000)),
    model: v.object({ name: Name, hash: Hash, parameters: whole(1, mostParameters) }),
    sources: v.pipe(
      list(
        v.object({
          name: Name,
          hash: Hash,
          mapping: v.nullable(v.object({ columns: v.record(v.string(), text(10_000)) })),
          excluded: list(whole(0, mostRows), 1e7),
          options: v.optional(v.object({ tools: v.optional(text(longestTools)) })),
          edits: v.optional(list(v.object({ row: whole(0, mostRows), value: text(longestEdits) }), 1e7)),
        }),
        1000,
      ),
      v.minLength(least, "a list of one source or more"),
    ),
    trainable: whole(1, mostParameters),
    examples: v.object({ training: whole(least, mostRows), validation: whole(0, mostRows) }),
    stages: list(
      v.object({
        steps: Step,
        examples: whole(least, mostRows),
        supervisedTokens: v.nullable(whole(0, Number.MAX_SAFE_INTEGER)),
      }),
      100,
    ),
    totalSteps: whole(least, mostSteps),
    step: Step,
    seconds: seenBounds.seconds,
    progress: v.object({ steps: Ends, evaluations: Ends }),
    best: seenBounds.best,
    samples: seenBounds.samples,
    watch: v.nullable(
      v.object({
        prompt: v.nullable(text(longestText)),
        place: v.object({ source: whole(0, 999), row: whole(0, mostRows) }),
        tokens: list(v.object({ text: text(10_000), weight: finite(-1e9, 1e9) }), 1e6),
        moments: Snapshots,
      }),
    ),
    slowdowns: list(v.object({ fromStep: Step, factor: finite(Number.MIN_VALUE, 1) }), 10_000),
    memory: v.optional(
      v.object({ predicted: whole(0, Number.MAX_SAFE_INTEGER), peak: whole(0, Number.MAX_SAFE_INTEGER) }),
    ),
    resumeFrom: v.nullable(Step),
    origin: v.optional(v.object({ file: Name, baseModel: v.nullable(text(10_000)), notes: list(text(1000), 100) })),
    start: v.optional(v.object({ runId: RunId, name: Name, step: Step })),
    exam: v.optional(
      v.object({
        name: Name,
        hash: Hash,
        questions: list(v.object({ prompt: text(longestText), expected: text(longestText) }), mostExamQuestions),
      }),
    ),
  });

const Trained = boundsOf(1);
const Opened = boundsOf(0);

/** The problem of a record with its curves, as the end of a sentence; null without one. */
export function recordProblem(record: RunRecord, curves: Curves): string | null {
  return (
    readAs(record.origin ? Opened : Trained, record).problem ??
    recipeProblem(record.recipe, record.sources.length) ??
    disagreement(record) ??
    curvesProblem(curves, record.totalSteps)
  );
}

function disagreement({ recipe, sources, stages, totalSteps, ...record }: RunRecord): string | null {
  if (record.origin && totalSteps > 0) return `totalSteps is ${totalSteps}, but its origin is another tool`;
  const sum = stages.reduce((all, { steps }) => all + steps, 0);
  if (sum !== totalSteps) return `totalSteps is ${totalSteps}, but its stages have ${sum} steps`;
  if (stages.length !== recipe.stages.length) {
    return `stages has ${stages.length} stages, but recipe.stages has ${recipe.stages.length}`;
  }
  const open = (["weights", "compute", "program"] as const).find((field) => recipe[field] === "auto");
  if (open) return `recipe.${open} is "auto", which every run replaces at its start`;
  const other = stages.findIndex(({ objective }, index) => objective !== recipe.stages[index]?.objective);
  if (other >= 0) return `stages.${other}.objective is not that of recipe.stages.${other}`;
  const unordered = sources.findIndex(({ excluded }) =>
    excluded.some((row, i) => i > 0 && row <= (excluded[i - 1] ?? 0)),
  );
  if (unordered >= 0) return `sources.${unordered}.excluded is not ascending`;
  for (const [index, { edits = [], options = {} }] of sources.entries()) {
    const problem = editsProblem(edits) ?? optionsProblem(options);
    if (problem) return `sources.${index}.${problem}`;
  }
  const { watch, best, resumeFrom, step, slowdowns } = record;
  if (watch && watch.place.source >= sources.length) {
    return `watch.place.source is ${watch.place.source}, but the run has ${sources.length} sources`;
  }
  const steps = {
    step,
    resumeFrom,
    "best.step": best?.step ?? null,
    "slowdowns' fromStep": Math.max(0, ...slowdowns.map(({ fromStep }) => fromStep)),
    "watch.moments' step": Math.max(0, ...(watch?.moments ?? []).map((seen) => seen.step)),
  };
  for (const [name, value] of Object.entries(steps)) {
    if (value !== null && value > totalSteps) return `${name} is ${value}, but the run has ${totalSteps} steps`;
  }
  return null;
}

/** The problem of curves up to step `last`, as the end of a sentence; null without one. A loss may be NaN. */
export function curvesProblem({ steps, evaluations }: Curves, last: number): string | null {
  let before = 0;
  for (const [index, step] of steps.step.entries()) {
    if (!(step > before && step <= last))
      return `metrics.${index}.step is ${step}, after ${before} and with ${last} steps`;
    before = step;
    const odd = (["learningRate", "seconds"] as const).find((field) => !((steps[field][index] ?? -1) >= 0));
    if (odd) return `metrics.${index}.${odd} is ${steps[odd][index]}, not a number from 0`;
    if (!Number.isFinite(steps.seconds[index])) return `metrics.${index}.seconds is not finite`;
  }
  before = 0;
  for (const [index, { step, sets }] of evaluations.entries()) {
    if (!(step >= before && step <= last)) {
      return `evaluations.${index}.step is ${step}, after ${before} and with ${last} steps`;
    }
    before = step;
    if (Object.keys(sets).length > 100) return `evaluations.${index}.sets has more than 100 sets`;
  }
  return null;
}
