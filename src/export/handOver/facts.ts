/** What a hand-over knows of a run: its recipe, its planned stages, its base model, and how its rows are given. */

import type { Recipe } from "../../run/recipe.ts";
import type { Stage } from "../../run/stage.ts";

/** Of the model on which the run trains. */
export interface BaseFacts {
  readonly name: string;
  /** Its id on Hugging Face; null for files from elsewhere. */
  readonly id: string | null;
  /** The commit on Hugging Face; null where it is not known. */
  readonly revision: string | null;
  /** `model_type` of its `config.json`. */
  readonly modelType: string | null;
  /** Fields of its `config.json` with a dropout above 0, which Hone does not apply. */
  readonly dropouts: readonly string[];
  /** Whether the files have weights as [in, out], as GPT-2 has. */
  readonly fanInFanOut: boolean;
  /** Whether attention or logits have soft caps, which scaled_dot_product_attention does not compute. */
  readonly softCaps: boolean;
}

/** "messages": transformers tokenises the rows by the template. "tokens": the rows are given as tokens and labels. */
export type RowsForm = "messages" | "tokens";

export interface StageFacts extends Stage {
  /** From 1. */
  readonly nth: number;
  /** Planned optimizer steps. */
  readonly planned: number;
  /** Sequences for training and held out. */
  readonly sequences: number;
  readonly heldOut: number;
  readonly form: RowsForm;
  /** Why the rows are given as tokens; null for messages. */
  readonly reason: string | null;
}

export interface HandOverFacts {
  /** The run's name. */
  readonly name: string;
  readonly recipe: Recipe;
  readonly base: BaseFacts;
  readonly stages: readonly StageFacts[];
  /** The step of the checkpoint in the zip; null without one. */
  readonly step: number | null;
  /** Whether supervised tokens have loss weights other than 1. */
  readonly weighted: boolean;
  /** TRL's `assistant_only_loss`. */
  readonly assistantOnly: boolean;
  /** Whether the zip has a chat template. */
  readonly template: boolean;
  /** Whether the zip has the weights of the first step: an adapter, or a model that is not the base. */
  readonly hasStart: boolean;
}

/** The folder of the base model where it has no id. */
const baseFolder = "base";

/** What trainers load as base model. */
export const baseOf = ({ id }: Pick<BaseFacts, "id">) => id ?? baseFolder;

export const templatePath = "template/chat_template.jinja";

/** The whole weights that a stage of full training begins with; the base model for an adapter. */
export function beginsWith({ recipe, base, hasStart }: HandOverFacts, before: string | null): string {
  if (recipe.method === "lora") return baseOf(base);
  return before ?? (hasStart ? startFolder : baseOf(base));
}

/** The folder with the weights of the first step, and the folder with the checkpoint. */
export const startFolder = "start";
export const checkpointFolder = ({ method }: Pick<Recipe, "method">) => (method === "lora" ? "adapter" : "model");

export const stageFolder = ({ nth }: Pick<StageFacts, "nth">) => `stage-${nth}`;

/** Warm-up steps of a stage; the rate has its peak at the step after them. */
export const warmupSteps = ({ warmupRatio, planned }: Pick<StageFacts, "warmupRatio" | "planned">) =>
  Math.ceil(warmupRatio * planned);

/** The names of transformers for Hone's schedules. Its "constant" has no warm-up. */
export const schedulerOf = { cosine: "cosine", linear: "linear", constant: "constant_with_warmup" } as const;

/** A run with early stopping saves where it validates, because transformers restores only a saved checkpoint. */
export const saveEvery = ({ checkpointEvery, evaluateEvery }: Recipe, { heldOut }: Pick<StageFacts, "heldOut">) =>
  heldOut > 0 && checkpointEvery % evaluateEvery !== 0 ? evaluateEvery : checkpointEvery;
