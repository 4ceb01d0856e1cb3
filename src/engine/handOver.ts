/** "Continue elsewhere": a run, or a recipe before its run, as files for other trainers. */

import { parametersOf } from "../artifacts/method.ts";
import { hasConv1D } from "../export/adapter.ts";
import { exportAdapter } from "../export/exportAdapter.ts";
import type { Bundle, TrainedTensors } from "../export/files.ts";
import { type BaseFacts, baseOf, type HandOverFacts, type StageFacts } from "../export/handOver/facts.ts";
import { handOverFiles } from "../export/handOver/handOver.ts";
import {
  type HandOverRows,
  isWeighted,
  type StageData,
  type StageRowFiles,
  stageRows,
} from "../export/handOver/rows.ts";
import { exportMerged } from "../export/merged.ts";
import type { TemplateWriter } from "../export/template.ts";
import { hubReference } from "../hub/huggingFace.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { Scratch } from "../storage/scratch.ts";
import { cut } from "../tensor/quote.ts";
import { initialAdapter } from "../training/parameters.ts";
import type { LoadedModel } from "./library.ts";
import { methodOf, type Plan } from "./prepare.ts";

/** A planned run. */
export interface HandOverWork {
  /** The run's name. */
  readonly name: string;
  readonly recipe: Recipe;
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly rows: HandOverRows;
  /** The weights that the run starts from; null for the base model's. */
  readonly start: TrainedTensors | null;
}

/** The weights of a checkpoint. */
export interface CheckpointWeights {
  readonly step: number;
  readonly trained: TrainedTensors;
}

export interface HandOverTools {
  readonly templates: TemplateWriter;
  readonly scratch: Scratch;
  readonly onProgress: (task: string, done: number, total: number | null) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Throws the signal's reason, for a stage of preferences, and as the exports of adapter and model do. */
export async function handOverBundle(
  work: HandOverWork,
  checkpoint: CheckpointWeights | null,
  tools: HandOverTools,
): Promise<Bundle> {
  const { signal, onProgress } = tools;
  const { plan, rows } = work;
  requireRowsOfText(plan);
  const data = stageDataOf(plan);
  const stages: StageRowFiles[] = [];
  for (const [index, stage] of data.entries()) {
    signal?.throwIfAborted();
    onProgress("Writing the rows of each stage", index, data.length);
    stages.push(await stageRows(stage, rows));
  }
  const facts = factsOf(work, checkpoint?.step ?? null, data, stages);
  const start = await beginning(work, tools);
  const weights = checkpoint ? await weightsOf(work, checkpoint.trained, tools) : null;
  const files = handOverFiles({
    facts,
    stages,
    template: rows.template?.source ?? null,
    start: start?.files ?? [],
    checkpoint: weights?.files ?? [],
  });
  return {
    files,
    notes: [...notesOn(facts), ...(weights?.notes ?? [])],
    tensors: (start?.tensors ?? 0) + (weights?.tensors ?? 0),
  };
}

/** Throws for a stage whose examples are not one text or chat each. */
function requireRowsOfText({ stages }: Plan): void {
  const index = stages.findIndex(({ objective }) => objective === "preference");
  if (index < 0) return;
  throw new Error(
    `Stage ${index + 1} trains on preferences, but the scripts for other trainers take text and chats: hand over a recipe ` +
      "without it, or export the trained model and its preference rows.",
  );
}

/** Each stage's examples, and its micro-batches in the order of the run. */
function stageDataOf({ stages, training, heldOut, order: orderOf }: Plan): StageData[] {
  const order = orderOf();
  let first = 0;
  return stages.map(({ objective, steps, examples, replayed = 0 }) => {
    const begin = first;
    first += examples + replayed;
    return {
      training: training.slice(begin, first),
      heldOut: heldOut.find((set) => set.objective === objective)?.examples ?? [],
      // A packed row has several examples: here each is a row of its own, with the same loss.
      steps: Array.from({ length: steps }, () =>
        order.next().map((batch) => batch.flat().map((index) => index - begin)),
      ),
    };
  });
}

function factsOf(
  { name, recipe, model, plan, rows, start }: HandOverWork,
  step: number | null,
  data: readonly StageData[],
  files: readonly StageRowFiles[],
): HandOverFacts {
  return {
    name,
    recipe,
    base: baseFacts(model),
    step,
    weighted: data.some(({ training }) => training.some(isWeighted)),
    assistantOnly: rows.template?.assistantOnly ?? true,
    template: rows.template !== null,
    hasStart: recipe.method === "lora" || start !== null,
    stages: plan.stages.flatMap(({ steps }, index): StageFacts[] => {
      const [stage, own] = [recipe.stages[index], data[index]];
      if (!stage || !own) return [];
      const reason = reasonForTokens(rows, own, files[index]?.hasText ?? false);
      return [
        {
          ...stage,
          nth: index + 1,
          planned: steps,
          sequences: own.training.length,
          heldOut: own.heldOut.length,
          form: reason === null ? "messages" : "tokens",
          reason,
        },
      ];
    }),
  };
}

/** Why a stage's rows are given as tokens; null where the template gives them. */
function reasonForTokens(
  { problem, template }: HandOverRows,
  { training }: StageData,
  hasText: boolean,
): string | null {
  if (hasText) {
    return "it has plain text, which Hone cuts into windows of the maximum length";
  }
  if (training.some(isWeighted)) return "its rows have loss weights";
  if (problem !== null) return cut(problem, 160).replace(/\.$/, "");
  return template === null ? "its template cannot be written as Jinja" : null;
}

function baseFacts({ summary, definition, opened }: LoadedModel): BaseFacts {
  const reference = summary.address === null ? null : hubReference(summary.address);
  // Other trainers read no GGUF.
  const id = reference?.folder === "" && reference.file === undefined ? reference.id : null;
  const { model_type: type } = opened.config;
  return {
    name: summary.name,
    id,
    revision: id === null ? null : (reference?.revision ?? null),
    modelType: typeof type === "string" ? type : null,
    dropouts: Object.entries(opened.config).flatMap(([key, value]) =>
      /^(?!summary_|classifier_).*(?:dropout|pdrop)$/.test(key) && typeof value === "number" && value > 0 ? [key] : [],
    ),
    fanInFanOut: hasConv1D(definition),
    softCaps: definition.logitCap !== null || definition.layers.some(({ scoreCap }) => scoreCap !== null),
  };
}

/** The weights of the run's first step: an adapter, or a model where that is not the base; else null. */
async function beginning(work: HandOverWork, tools: HandOverTools): Promise<Bundle | null> {
  const { recipe, model, start } = work;
  if (start) return weightsOf(work, start, tools);
  const method = methodOf(recipe);
  if (method.kind === "full") return null;
  const { definition } = model;
  const values = initialAdapter(parametersOf(definition, method), seedsOf(recipe).adapter);
  const trained: TrainedTensors = async (visit) => {
    for (const [name, data] of values) await visit(name, data);
  };
  return exportAdapter({ model: definition, method, baseModel: baseOf(baseFacts(model)), trained });
}

async function weightsOf(
  { recipe, model }: HandOverWork,
  trained: TrainedTensors,
  { templates, scratch, onProgress, signal }: HandOverTools,
): Promise<Bundle> {
  const method = methodOf(recipe);
  const { definition, vocabulary, opened } = model;
  if (method.kind === "lora") {
    return exportAdapter({ model: definition, method, baseModel: baseOf(baseFacts(model)), trained });
  }
  return exportMerged({
    ...{ opened, model: definition, vocabulary, method, trained, templates, scratch, signal },
    onProgress: (done, total) => onProgress("Writing the model", done, total),
  });
}

function notesOn({ stages, base }: HandOverFacts): string[] {
  const tokens = stages.flatMap(({ nth, reason }) =>
    reason === null ? [] : [`Stage ${nth} is given as tokens and labels, because ${reason}.`],
  );
  const exact = "From its messages and the template alone, every row has Hone's tokens and mask.";
  return [
    ...(tokens.length === 0 ? [exact] : tokens),
    ...(base.id === null
      ? [`Hone knows no address of ${cut(base.name)}: put its files into the folder "base" of the zip.`]
      : []),
  ];
}
