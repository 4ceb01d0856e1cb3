/** Fields of a stage's preferences, with TRL's defaults and the usual rates. */

import * as v from "valibot";
import {
  needsReference,
  type PreferenceLoss,
  type PreferenceSettings,
  preferenceLosses,
  usualPreference,
} from "../batching/preference.ts";
import { AnyNumber } from "./fields.ts";
import { both, type Fields, type Method } from "./setting.ts";

/** Learning rate as a share of that for supervised fine-tuning: 1e-6 beside 2e-5, SimPO and ORPO to 8e-6. */
const rateShare: Readonly<Record<PreferenceLoss, number>> = {
  dpo: 1 / 20,
  ipo: 1 / 20,
  simpo: 0.4,
  orpo: 0.4,
  kto: 1 / 20,
};

/** The usual rate of a loss, from a stage's rate with another loss; null is supervised fine-tuning. */
export function usualRate(rate: number, from: PreferenceLoss | null, to: PreferenceLoss | null): number {
  const share = (loss: PreferenceLoss | null) => (loss === null ? 1 : rateShare[loss]);
  return Number(((rate / share(from)) * share(to)).toPrecision(6));
}

/** Full training's usual rates with a loss; LoRA's are ten times as high. */
const usualRates: Readonly<Record<PreferenceLoss, readonly [low: number, high: number]>> = {
  dpo: [5e-7, 5e-6],
  ipo: [5e-7, 5e-6],
  simpo: [5e-7, 1e-5],
  orpo: [1e-6, 1e-5],
  kto: [5e-7, 5e-6],
};

/** The names of the losses. */
export const preferenceLabels: Readonly<Record<PreferenceLoss, string>> = {
  dpo: "DPO",
  ipo: "IPO",
  simpo: "SimPO",
  orpo: "ORPO",
  kto: "KTO",
};

/** Warns about an unusual learning rate of a stage of preferences. */
export function doubtRate(rate: number, loss: PreferenceLoss, method: Method): string | false {
  const scale = method === "lora" ? 10 : 1;
  const [low, high] = usualRates[loss].map((usual) => Number((usual * scale).toPrecision(3)));
  if (low === undefined || high === undefined) return false;
  const usual = `${preferenceLabels[loss]} with ${method === "lora" ? "LoRA" : "full training"} usually uses ${low.toExponential()} to ${high.toExponential()}`;
  if (rate > high) return `${usual}. A higher rate often makes the chosen answers less likely too.`;
  return rate < low && `${usual}. A lower rate may change little in a short run.`;
}

const doubtWeight = (weight: number) => (weight < 0.1 || weight > 10) && "Usually 0.1 to 10.";

export const preferenceFields: Fields<PreferenceSettings> = {
  loss: {
    schema: v.picklist(preferenceLosses),
    initial: both(usualPreference.dpo.loss),
    place: "basic",
    affects: ["budget"],
    label: "Preference loss",
    help: "DPO, IPO and KTO compare with the model before this stage. SimPO and ORPO need no reference. KTO also takes single answers.",
    control: {
      kind: "choice",
      choices: preferenceLosses.map((value) => ({ value, label: preferenceLabels[value] })),
    },
  },
  beta: {
    schema: AnyNumber,
    initial: both(usualPreference.dpo.beta),
    place: "basic",
    affects: [],
    label: "Beta",
    term: "β",
    help: "Strength of the preference. With a reference, a higher β allows less change from it.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    doubt(beta, _, { loss }) {
      const [low, high] = loss === "simpo" ? [1, 10] : [0.01, 1];
      if (beta >= low && beta <= high) return false;
      return `Usually ${low} to ${high} with ${preferenceLabels[loss]}. ${
        beta > high
          ? needsReference(loss)
            ? "A higher β changes the model little."
            : "A higher β may unlearn the rejected answers too strongly."
          : needsReference(loss)
            ? "A lower β allows large changes from the reference."
            : "With a lower β the pairs count for little."
      }`;
    },
  },
  labelSmoothing: {
    schema: AnyNumber,
    initial: both(usualPreference.dpo.labelSmoothing),
    place: "basic",
    affects: [],
    label: "Label smoothing",
    term: "ε",
    help: "Share of pairs that may be labelled the wrong way round. 0 trusts every label.",
    control: { kind: "number", minimum: 0, maximum: 0.5, below: true },
    applies: (_, { loss }) => loss === "dpo",
    doubt: (epsilon) => epsilon > 0.3 && "Usually 0 to 0.3. Near 0.5 the pairs teach almost nothing.",
  },
  gamma: {
    schema: AnyNumber,
    initial: both(usualPreference.dpo.gamma),
    place: "basic",
    affects: [],
    label: "Target margin",
    term: "γ",
    help: "The chosen answer should exceed the rejected one by this margin of β times the mean log-probability.",
    control: { kind: "number", minimum: 0, maximum: 1000 },
    applies: (_, { loss }) => loss === "simpo",
    doubt: (gamma, _, { beta }) =>
      gamma > beta && `Usually 0.3 to 1 times β (${beta}). A larger margin may lower both answers' probability.`,
  },
  chosenWeight: {
    schema: v.optional(AnyNumber, 1),
    initial: both(usualPreference.kto.chosenWeight),
    place: "basic",
    affects: [],
    label: "Weight of chosen answers",
    help: "Multiplies their loss. Usually the rarer kind of answer has the higher weight.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    applies: (_, { loss }) => loss === "kto",
    doubt: doubtWeight,
  },
  rejectedWeight: {
    schema: v.optional(AnyNumber, 1),
    initial: both(usualPreference.kto.rejectedWeight),
    place: "basic",
    affects: [],
    label: "Weight of rejected answers",
    help: "Multiplies their loss.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    applies: (_, { loss }) => loss === "kto",
    doubt: doubtWeight,
  },
};
