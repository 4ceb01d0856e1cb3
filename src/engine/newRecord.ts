/** The record of a new run, from its request and its plan. */

import { parametersOf } from "../artifacts/method.ts";
import type { RunRequest } from "../protocol/engine.ts";
import { noProgress } from "../run/curves.ts";
import type { RunStart } from "../run/origin.ts";
import type { RunExam, RunRecord } from "../run/record.ts";
import { choiceOf } from "../run/source.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { LoadedModel } from "./library.ts";
import type { Plan } from "./prepare.ts";

export function newRecord(
  request: RunRequest,
  model: LoadedModel,
  plan: Plan,
  provider: RunRecord["provider"],
  watch: RunRecord["watch"],
  start: RunStart | null,
  exam: RunExam | null,
): RunRecord {
  const replayed = plan.stages.reduce((sum, stage) => sum + (stage.replayed ?? 0), 0);
  const now = new Date().toISOString();
  const { name, hash, parameters } = model.summary;
  const trainable = parametersOf(model.definition, plan.method).filter((spec) => spec.trainable);
  return {
    id: crypto.randomUUID(),
    name: request.name,
    note: "",
    createdAt: now,
    updatedAt: now,
    status: "running",
    reason: null,
    model: { name, hash, parameters },
    sources: request.sources.map((source, i) => ({ ...choiceOf(source), name: plan.sourceNames[i] ?? "" })),
    recipe: request.recipe,
    provider,
    trainable: trainable.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    examples: { training: plan.training.length - replayed, validation: plan.validation.length },
    stages: plan.stages,
    totalSteps: plan.totalSteps,
    step: 0,
    seconds: 0,
    progress: noProgress,
    best: null,
    samples: [],
    watch,
    slowdowns: [],
    resumeFrom: null,
    ...(start && { start }),
    ...(exam && { exam }),
  };
}
