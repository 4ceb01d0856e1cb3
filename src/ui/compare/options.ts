/** How an answer is drawn, declared once. */

import type { SamplingSettings } from "../../worker/protocol.ts";
import { numberOption, type Option, optionalNumberOption } from "../option/option.ts";

/** Greedy: the same question gives the same answer. */
export const defaultSampling: SamplingSettings = { temperature: 0, topK: null, topP: null, maxTokens: 128, seed: 42 };

export const samplingOptions: readonly Option<SamplingSettings>[] = [
  numberOption({
    field: "temperature",
    label: "Temperature",
    help: "0 takes the likeliest token each time.",
    minimum: 0,
    maximum: 5,
    get: (settings) => settings.temperature,
    set: (settings, temperature) => ({ ...settings, temperature }),
    doubt: (temperature) => temperature > 1.5 && "Above 1.5 answers fall apart.",
  }),
  numberOption({
    field: "maxTokens",
    label: "Longest answer",
    term: "tokens",
    help: "An answer that has not ended by then is cut.",
    integer: true,
    minimum: 1,
    maximum: 32_768,
    get: (settings) => settings.maxTokens,
    set: (settings, maxTokens) => ({ ...settings, maxTokens }),
  }),
  optionalNumberOption({
    field: "topK",
    label: "Likeliest tokens",
    term: "top-k",
    help: "Draws among this many. Empty: all.",
    integer: true,
    minimum: 1,
    maximum: 1_000_000,
    get: (settings) => settings.topK,
    set: (settings, topK) => ({ ...settings, topK }),
    doubt: (topK, { temperature }) => topK !== null && temperature === 0 && "No effect at temperature 0.",
  }),
  optionalNumberOption({
    field: "topP",
    label: "Likeliest share",
    term: "top-p",
    help: "Draws among tokens that make up this probability. Empty: all.",
    minimum: 0,
    above: true,
    maximum: 1,
    get: (settings) => settings.topP,
    set: (settings, topP) => ({ ...settings, topP }),
    doubt: (topP, { temperature }) => topP !== null && temperature === 0 && "No effect at temperature 0.",
  }),
  numberOption({
    field: "answerSeed",
    label: "Seed of the answer",
    help: "Used above temperature 0.",
    integer: true,
    minimum: 0,
    maximum: 4_294_967_295,
    get: (settings) => settings.seed,
    set: (settings, seed) => ({ ...settings, seed }),
  }),
];
