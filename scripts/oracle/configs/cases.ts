/** All cases: published configs made small, and odd variants. */

import newer from "../../../tests/golden/configs/newer.json" with { type: "json" };
import published from "../../../tests/golden/configs/published.json" with { type: "json" };
import type { ConfigCase } from "./case.ts";
import { formulaCases, headCases, nameCases, shapeCases, unknownCases } from "./fieldCases.ts";
import { multimodalCases } from "./multimodalCases.ts";
import { publishedRest } from "./publishedCases.ts";
import { layerCases, scalingCases } from "./ropeCases.ts";
import { shrink } from "./shrink.ts";

/** The published configs by the hub's names, as they are. */
export const publishedConfigs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = published.models;

export const publishedCases: readonly ConfigCase[] = Object.entries(publishedConfigs).map(([name, config]) => ({
  name,
  config: shrink(config),
  ...publishedRest(name, config),
}));

/** The same in the newer generation of config.json. */
export const newerCases: readonly ConfigCase[] = Object.entries(newer.models).map(([name, config]) => ({
  name: `${name}, saved by transformers 5`,
  config,
  ...publishedRest(name, config),
}));

export const variantCases: readonly ConfigCase[] = [
  ...scalingCases,
  ...layerCases,
  ...multimodalCases,
  ...nameCases,
  ...headCases,
  ...shapeCases,
  ...formulaCases,
  ...unknownCases,
];

export const configCases: readonly ConfigCase[] = [...publishedCases, ...newerCases, ...variantCases];
