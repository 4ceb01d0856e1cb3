/** Fields of how a run is stored and computed on the device. "auto" is settled when a run is planned, and stored settled. */

import * as v from "valibot";
import { type WeightStorage, weightStorages } from "../tensor/storage.ts";
import { both, type Fields, type Setting, type StoredField, settingOf, settingsOf } from "./setting.ts";

const computeTypes = ["float32", "float16"] as const;
const programs = ["whole", "layers", "smallest"] as const;

export type ComputeType = (typeof computeTypes)[number];
/**
 * One graph for the whole model, or one session for each kind of layer, whose backward computes the cheap part of the layer
 * again ("layers") or all of it ("smallest").
 */
export type ProgramKind = (typeof programs)[number];

export interface DeviceSettings {
  /** Storage of the frozen matrices; trained weights are float32. */
  readonly weights: WeightStorage | "auto";
  /** Type of the products with weights. */
  readonly compute: ComputeType | "auto";
  readonly program: ProgramKind | "auto";
}

/** A field with "auto" for new recipes; `before` is the value of recipes from before this field. */
const added = <Value extends string>(values: readonly Value[], before: Value): StoredField<Value | "auto"> => ({
  schema: v.optional(v.picklist(["auto", ...values] as const), before),
  initial: both("auto"),
});

export const deviceFields: Fields<DeviceSettings> = {
  weights: {
    ...added(weightStorages, "float32"),
    place: "adapter",
    affects: ["budget"],
    label: "Base weights",
    term: "quantisation",
    help: "Bits of each frozen weight on the device. Fewer bits need less memory and change the base model a little.",
    control: {
      kind: "choice",
      choices: [
        { value: "auto", label: "As in the file" },
        { value: "float32", label: "32 bits" },
        { value: "float16", label: "16 bits" },
        { value: "int8", label: "8 bits" },
        { value: "int4", label: "4 bits" },
        { value: "uint4", label: "4 bits with zero points" },
      ],
    },
    applies: ({ method }) => method === "lora",
  },
  compute: added(computeTypes, "float32"),
  program: {
    ...added(programs, "whole"),
    place: "more",
    affects: ["budget"],
    label: "Compiled as",
    help: "One graph is faster for few layers. Layer by layer, a deep model compiles sooner and needs less memory.",
    control: {
      kind: "choice",
      choices: [
        { value: "auto", label: "Automatic" },
        { value: "whole", label: "One graph" },
        { value: "layers", label: "Layer by layer" },
        { value: "smallest", label: "Layer by layer, least memory" },
      ],
    },
  },
};

/** `compute` under another name, because the page's address has the provider as `compute`. */
const productSetting = settingOf<DeviceSettings["compute"]>({
  field: "products",
  schema: v.picklist(["auto", ...computeTypes]),
  place: "more",
  affects: ["budget"],
  label: "Products in",
  help: "Type of the products with weights. 16 bits need a GPU with shader-f16; sums, norms and loss have 32 bits.",
  control: {
    kind: "choice",
    choices: [
      { value: "auto", label: "Automatic" },
      { value: "float32", label: "32 bits" },
      { value: "float16", label: "16 bits" },
    ],
  },
  get: ({ compute }) => compute,
  set: (recipe, compute) => ({ ...recipe, compute }),
});

export const deviceSettings: readonly Setting[] = [
  ...settingsOf(deviceFields, {
    get: (recipe) => recipe,
    set: (recipe, key, value) => ({ ...recipe, [key]: value }),
  }),
  productSetting,
];
