/** Settles how a run's weights are stored and multiplied, and how it is compiled: "auto" becomes a value when a run is planned. */

import { withPrecision } from "../models/architecture.ts";
import type { Precision } from "../nn/precision.ts";
import type { RunRequest } from "../protocol/engine.ts";
import type { DeviceSettings, ProgramKind } from "../run/deviceFields.ts";
import { defaultRecipe, type Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { WeightStorage } from "../tensor/storage.ts";
import type { Library, LoadedModel } from "./library.ts";
import { weightsFit } from "./limits.ts";

type Device = Pick<ProviderReport, "provider"> & {
  readonly adapter: Pick<NonNullable<ProviderReport["adapter"]>, "shaderF16"> | null;
};

/** The facts that decide for "auto". */
export interface PrecisionFacts {
  readonly parameters: number;
  /** Whether the files have every matrix in 16 bits. */
  readonly in16Bits: boolean;
  /** Whether float16 can represent every weight. */
  readonly fits: boolean;
  /** Whether the device multiplies in float16. */
  readonly shaderF16: boolean;
  /** Whether the device stores float16; a GPU without shader-f16 does not. */
  readonly storesF16: boolean;
  readonly layers: number;
  readonly blocks: FileBlocks | null;
}

/** A GGUF file's own blocks, which the device can store as they are. */
export interface FileBlocks {
  /** The storage of every matrix of the layers: int4 where all are Q4_0, int8 where some are Q8_0. */
  readonly weights: "int8" | "int4";
  /** Whether the embedding, and a head of its own, are such blocks too. */
  readonly tables: boolean;
}

/** Settings without "auto", as records have them. */
export interface SettledSettings extends DeviceSettings {
  readonly weights: WeightStorage;
  readonly compute: Exclude<DeviceSettings["compute"], "auto">;
  readonly program: Exclude<DeviceSettings["program"], "auto">;
}

export type SettledRecipe = Recipe & SettledSettings;

type Wanted = Pick<Recipe, "method" | "weights" | "compute" | "program">;

/** Below this size 16 bits save less than 40 MB, and widening them costs more than that is worth. */
const smallModel = 20e6;

/** Whether the device multiplies in float16. */
export const multipliesInFloat16 = ({ provider, adapter }: Device): boolean =>
  provider === "webgpu" && (adapter?.shaderF16 ?? false);

/** Whether the device stores float16: a GPU needs shader-f16 for that too. */
export const storesFloat16 = (device: Device): boolean => device.provider === "wasm" || multipliesInFloat16(device);

/**
 * The settings with a value for each "auto". Throws for 16 bits or fewer where a weight is beyond float16's range, and for
 * storage or products in float16 where the device has none.
 */
export function settle<R extends Wanted>(recipe: R, facts: PrecisionFacts): R & SettledSettings {
  const weights = weightsOf(recipe, facts);
  if (weights !== "float32" && !facts.fits) {
    throw new Error(
      "Some weights of this model are beyond 65,504, the largest number of 16 bits: set base weights to 32 bits.",
    );
  }
  if (weights === "float16" && !facts.storesF16) {
    throw new Error(
      "Base weights in 16 bits need a GPU with shader-f16, which this browser does not offer: set them to 32, 8 or 4 bits.",
    );
  }
  if (recipe.compute === "float16" && !facts.shaderF16) {
    throw new Error(
      "Products in 16 bits need a GPU with shader-f16, which this browser does not offer: set products to automatic.",
    );
  }
  const auto = facts.shaderF16 && recipe.method === "lora" && weights !== "float32" ? "float16" : "float32";
  return {
    ...recipe,
    weights,
    compute: recipe.compute === "auto" ? auto : recipe.compute,
    program: recipe.program === "auto" ? programFor(facts) : recipe.program,
  };
}

/**
 * One graph compiles in time proportional to the layers, and stores all their activations. 135M parameters in 30 layers, in 16
 * bits on wasm: sessions 2.5 s and a heap of 1.4 GB, layer by layer 0.3 s and 0.8 GB, for 11 % more time per step.
 */
const deep = 12;

const programFor = ({ parameters, layers }: PrecisionFacts): ProgramKind =>
  layers >= deep && parameters >= smallModel ? "layers" : "whole";

function weightsOf({ method, weights }: Wanted, facts: PrecisionFacts): WeightStorage {
  const { parameters, in16Bits, fits, storesF16 } = facts;
  // Full training changes the weights, and an update is often smaller than a step of float16.
  if (method === "full") return "float32";
  if (weights !== "auto") return weights;
  if (facts.blocks) return facts.blocks.weights;
  return in16Bits && fits && storesF16 && parameters >= smallModel ? "float16" : "float32";
}

/** Embedding and head lose more by few bits than the layers: they never have fewer than 8. */
export const embeddingOf = {
  float32: "float32",
  float16: "float16",
  int8: "int8",
  int4: "int8",
  uint4: "int8",
} as const;

/**
 * The precision of a run, on a device or (null) as its record says. Where a device has no float16, such a run continues with
 * the same weights in float32 and with products in float32.
 */
export function precisionOf(
  { weights: own, compute }: SettledSettings,
  device: Device | null,
  blocks: FileBlocks | null = null,
): Precision {
  const half = device === null || storesFloat16(device) ? "float16" : "float32";
  const weights = own === "float16" ? half : own;
  // Where the layers stay as in the file, no other table of it is quantised a second time.
  const isWidened = blocks !== null && !blocks.tables && blocks.weights === weights;
  return {
    weights,
    embedding: isWidened ? half : embeddingOf[weights],
    compute: compute === "float16" && device !== null && !multipliesInFloat16(device) ? "float32" : compute,
  };
}

/** The model with the precision of settled settings. */
export const inPrecision = (model: LoadedModel, settings: SettledSettings, device: Device | null): LoadedModel => ({
  ...model,
  definition: withPrecision(model.definition, precisionOf(settings, device, blocksOf(model))),
});

/** The blocks of a model's file; null where a matrix of its layers is none. */
export function blocksOf({ definition, opened }: Pick<LoadedModel, "definition" | "opened">): FileBlocks | null {
  const tables = [definition.embeddingTensor, definition.headTensor];
  const types = [...opened.tensors].flatMap(([name, { shape }]) =>
    shape.length > 1 ? [[tables.includes(name), opened.typeOf(name)] as const] : [],
  );
  const isBlock = (type: string) => type === "Q8_0" || type === "Q4_0";
  const layers = types.flatMap(([isTable, type]) => (isTable ? [] : [type]));
  if (layers.length === 0 || !layers.every(isBlock)) return null;
  return {
    weights: layers.every((type) => type === "Q4_0") ? "int4" : "int8",
    tables: types.every(([, type]) => isBlock(type)),
  };
}

/** The settings of a stored recipe, which no "auto" is left in. Throws for one that an "auto" is left in. */
function asSettled<R extends Wanted>(recipe: R): R & SettledSettings {
  const { weights, compute, program } = recipe;
  if (weights === "auto" || compute === "auto" || program === "auto") {
    throw new Error("The run's record has automatic settings, which every run replaces at its start: start a new run.");
  }
  return { ...recipe, weights, compute, program };
}

/** The model of a stored run in the run's precision; for the device see `precisionOf`. */
export const modelOfRun = async (
  library: Pick<Library, "model">,
  { model: { hash }, recipe }: Pick<RunRecord, "model" | "recipe">,
  device: Device | null,
  signal?: AbortSignal,
): Promise<LoadedModel> => inPrecision(await library.model(hash, signal), asSettled(recipe), device);

/** The facts of a model on a device; counts the weights beyond float16's range where they matter to the recipe. */
async function factsOf(
  library: Pick<Library, "half">,
  recipe: Wanted,
  model: LoadedModel,
  device: Device,
  signal?: AbortSignal,
): Promise<PrecisionFacts> {
  const { definition, opened, summary } = model;
  const matrices = [...opened.tensors].filter(([, { shape }]) => shape.length > 1);
  const facts: PrecisionFacts = {
    parameters: summary.parameters,
    // Rounding to 16 bits changes a number of 8 bits or fewer far less than its own rounding did.
    in16Bits: matrices.every(([name]) => !["F32", "F64"].includes(opened.typeOf(name))),
    fits: true,
    shaderF16: multipliesInFloat16(device),
    storesF16: storesFloat16(device),
    layers: definition.layers.length,
    blocks: blocksOf(model),
  };
  if (weightsOf(recipe, facts) === "float32") return facts;
  return { ...facts, fits: (await library.half(summary.hash, signal)).over === 0 };
}

/** A new run's model in its precision, its recipe without automatic settings, and the facts that decided. */
export interface SettledRequest {
  readonly model: LoadedModel;
  readonly recipe: SettledRecipe;
  readonly facts: PrecisionFacts;
}

/** Settles a request. Throws as `settle` does. */
export async function modelOfRequest(
  library: Pick<Library, "model" | "half">,
  { modelHash, recipe }: Pick<RunRequest, "modelHash" | "recipe">,
  device: Device,
  signal?: AbortSignal,
): Promise<SettledRequest> {
  const model = await library.model(modelHash, signal);
  const facts = await factsOf(library, recipe, model, device, signal);
  const settled = settle(recipe, facts);
  return { model: inPrecision(model, settled, device), recipe: settled, facts };
}

/** Storages in which a base model answers by itself, the best first. */
const answering = ["auto", "int8", "int4"] as const;

/** The base model as it answers without a run: in the most bits that fit the device. */
export async function modelOfBase(
  library: Pick<Library, "model" | "half">,
  modelHash: string,
  device: Device,
  signal?: AbortSignal,
): Promise<LoadedModel> {
  const inBits = async (weights: (typeof answering)[number]) => {
    const recipe = { ...defaultRecipe("lora"), weights };
    return (await modelOfRequest(library, { modelHash, recipe }, device, signal)).model;
  };
  let model = await inBits("auto");
  for (const weights of answering.slice(1)) {
    if (weightsFit(model.definition, device)) break;
    model = await inBits(weights);
  }
  return model;
}
