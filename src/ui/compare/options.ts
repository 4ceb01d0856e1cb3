/** Sampling settings as form options. */

import type { SamplingSettings } from "../../protocol/engine.ts";
import { numberOption, type Option, optionalNumberOption } from "../option/option.ts";
import { samplingWords as words } from "../words/compare.ts";

/** Greedy: the same question gives the same answer. */
export const defaultSampling: SamplingSettings = { temperature: 0, topK: null, topP: null, maxTokens: 128, seed: 42 };

export const samplingOptions: readonly Option<SamplingSettings>[] = [
  numberOption({
    field: "temperature",
    label: words.temperature.label,
    help: words.temperature.help,
    minimum: 0,
    maximum: 5,
    get: (settings) => settings.temperature,
    set: (settings, temperature) => ({ ...settings, temperature }),
    doubt: (temperature) => temperature > 1.5 && words.temperature.doubt,
  }),
  numberOption({
    field: "maxTokens",
    ...words.maxTokens,
    integer: true,
    minimum: 1,
    maximum: 32_768,
    get: (settings) => settings.maxTokens,
    set: (settings, maxTokens) => ({ ...settings, maxTokens }),
  }),
  optionalNumberOption({
    field: "topK",
    ...words.topK,
    integer: true,
    minimum: 1,
    maximum: 1_000_000,
    get: (settings) => settings.topK,
    set: (settings, topK) => ({ ...settings, topK }),
    doubt: (topK, { temperature }) => topK !== null && temperature === 0 && words.noEffect,
  }),
  optionalNumberOption({
    field: "topP",
    ...words.topP,
    minimum: 0,
    above: true,
    maximum: 1,
    get: (settings) => settings.topP,
    set: (settings, topP) => ({ ...settings, topP }),
    doubt: (topP, { temperature }) => topP !== null && temperature === 0 && words.noEffect,
  }),
  numberOption({
    field: "answerSeed",
    ...words.seed,
    integer: true,
    minimum: 0,
    maximum: 4_294_967_295,
    get: (settings) => settings.seed,
    set: (settings, seed) => ({ ...settings, seed }),
  }),
];
