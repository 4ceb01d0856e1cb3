/**
 * What a lesson is: one declaration of a claim, arms that differ in one thing, and a measure. A new lesson is a file of such a
 * declaration, added to the list in `lessons.ts`.
 */

import type { Recipe } from "../run/recipe.ts";
import type { AnsweredQuestion } from "../run/results.ts";
import type { TemplateChoice } from "../templates/choice.ts";

/** What was measured of one arm with one seed. */
export interface Observed {
  readonly answers: readonly AnsweredQuestion[];
  /** Mean loss of a token of general text in nats; null without a text. */
  readonly textLoss: number | null;
  /** Of the run; null for the base model. */
  readonly run: { readonly trainable: number; readonly steps: number; readonly seconds: number } | null;
}

export interface Measure {
  /** As a column is headed, with its unit. */
  readonly label: string;
  readonly digits: number;
  /** NaN where an arm does not have it. */
  of(observed: Observed): number;
}

/** Trains on files of `public/lessons`, in their order. */
export interface Training {
  readonly data: readonly string[];
  /** Changes the page's recipe for Seedling; its stages name their sources by the order of `data`. */
  readonly recipe: (usual: Recipe) => Recipe;
}

export interface Arm {
  readonly name: string;
  /** null: the base model. Arms with equal training share a run. */
  readonly training: Training | null;
  /** The template of the questions, where it is not that of training. */
  readonly template?: TemplateChoice;
}

/** What the learner says before the arms run. */
export type Prediction =
  | {
      readonly kind: "choice";
      readonly question: string;
      readonly options: readonly string[];
      readonly right: (of: Mean) => number;
    }
  /** A number on a slider; the measured one is set beside it. */
  | {
      readonly kind: "number";
      readonly question: string;
      readonly range: readonly [low: number, high: number];
      readonly unit: string;
      readonly measured: (of: Mean) => number;
    };

/** The mean of a measure over the seeds of an arm. */
export type Mean = (arm: string, measure: Measure) => number;

/** A field to play with after the lesson. */
export interface Play {
  readonly text: string;
  /** The setting's name in the recipe, and values that are worth a try. */
  readonly setting: string;
  readonly values: readonly string[];
}

export interface Lesson {
  readonly id: string;
  readonly title: string;
  /** The sentence that the arms show, which `shows` checks. */
  readonly claim: string;
  readonly text: readonly string[];
  readonly formula: string | null;
  readonly predict: Prediction;
  readonly arms: readonly Arm[];
  /** The first one decides. */
  readonly measures: readonly Measure[];
  /** Files of `public/lessons` with questions and general text. */
  readonly exam: readonly string[];
  readonly shows: (of: Mean) => boolean;
  readonly why: readonly [string, string, string];
  readonly play: Play;
}

/** Seeds of an arm: enough to see whether a difference is larger than chance. */
export const lessonSeeds: readonly number[] = [1, 2, 3];
