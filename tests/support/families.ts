/** A small model of every family, with the settings in which it differs from the others. */

import { linearsOf, type Method } from "../../src/artifacts/method.ts";
import { defineModel } from "../../src/models/define.ts";
import configs from "../golden/families/configs.json" with { type: "json" };

/** Configs by a name for people: both generations of files, windows, caps, multipliers, partial rotations. */
export const familyConfigs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = configs;

export const familyNames = Object.keys(familyConfigs);

/** The `config.json` of a family. */
export const familyConfig = (name: string) => familyConfigs[name];

/** The small model of a family, with other fields where given. */
export const familyModel = (name: string, change: Readonly<Record<string, unknown>> = {}) =>
  defineModel({ ...familyConfigs[name], ...change });

/** LoRA on every linear layer of the family. */
export const familyLora = (name: string): Method => ({
  kind: "lora",
  rank: 2,
  alpha: 3,
  targets: linearsOf(familyModel(name)).map((linear) => linear.name),
});
