/** Finds the settings with which a run fits the device: those that cost the least quality, and no more of them than needed. */

import { type BatchShape, parameterBytes } from "../artifacts/contract.ts";
import { parametersOf } from "../artifacts/method.ts";
import { withPrecision } from "../models/architecture.ts";
import type { RecipeChange } from "../protocol/engine.ts";
import type { ProviderReport } from "../runtime/types.ts";
import { byteSizeOf } from "../tensor/dtype.ts";
import { bitsOf } from "../tensor/storage.ts";
import { limitOf } from "./limits.ts";
import { largestShape, type MemoryParts, memoryOf } from "./memory.ts";
import { type PrecisionFacts, precisionOf, type SettledRecipe, settle } from "./precision.ts";
import { methodOf } from "./prepare.ts";

/** Shortest maximum length that is proposed. */
const shortest = 64;

export interface Device extends Pick<ProviderReport, "provider"> {
  readonly adapter: Pick<NonNullable<ProviderReport["adapter"]>, "shaderF16" | "maxBufferSize"> | null;
}

export interface FitParts extends Omit<MemoryParts, "recipe" | "provider"> {
  readonly recipe: SettledRecipe;
  readonly device: Device;
  readonly facts: PrecisionFacts;
}

const memoryPartsOf = ({ device, ...parts }: FitParts): MemoryParts => ({ ...parts, provider: device.provider });

/** Predicted peak bytes of the run by part. */
export const memoryOfRun = (parts: FitParts) => memoryOf(memoryPartsOf(parts));

/** Bytes of the largest weight tensor, which needs a buffer of its own. */
export function largestTensor({ model, recipe }: FitParts): number {
  const ports = parametersOf(model, methodOf(recipe)).flatMap((spec) => spec.ports);
  return ports.reduce((most, { dtype, shape }) => Math.max(most, byteSizeOf(dtype, shape)), 0);
}

/** Whether the largest tensor fits a buffer; its bytes and the limit where it does not. */
export function bufferProblem(parts: FitParts): { readonly largest: number; readonly limit: number } | null {
  const limit = parts.device.adapter?.maxBufferSize ?? null;
  if (parts.device.provider === "wasm" || limit === null) return null;
  const largest = largestTensor(parts);
  return largest > limit ? { largest, limit } : null;
}

/** The run with changed settings. Rows longer than a new maximum length are cut, or left out. */
export function withChanges(parts: FitParts, changes: RecipeChange): FitParts {
  const { model, recipe, device, facts } = parts;
  const isNewMethod = changes.method !== undefined && changes.method !== recipe.method;
  const free = isNewMethod ? { ...recipe, weights: "auto" as const, compute: "auto" as const } : recipe;
  const settled = settle({ ...free, ...changes }, facts);
  const { batchSize = Number.POSITIVE_INFINITY, maxLength = Number.POSITIVE_INFINITY } = changes;
  const smaller = (shape: BatchShape): BatchShape => {
    const rows = Math.min(shape.rows, batchSize);
    const length = Math.min(shape.length, maxLength);
    const part = (rows * length) / (shape.rows * shape.length);
    return { rows, length, supervised: Math.ceil(shape.supervised * part) };
  };
  return {
    ...parts,
    model: withPrecision(model, precisionOf(settled, device, facts.blocks)),
    recipe: settled,
    shapes: parts.shapes.map(smaller),
    heldOut: parts.heldOut.map(smaller),
  };
}

function fits(parts: FitParts): boolean {
  if (bufferProblem(parts) !== null) return false;
  const limit = limitOf(parts.device);
  if (limit === null) return true;
  // Without activations, which take longer to count.
  const least = parametersOf(parts.model, methodOf(parts.recipe)).reduce(
    (sum, spec) => sum + (spec.trainable ? 4 : 1) * parameterBytes(spec),
    0,
  );
  return least <= limit && memoryOfRun(parts).total <= limit;
}

function* halves(from: number, to: number): Generator<number> {
  for (let n = Math.floor(from / 2); n >= to; n = Math.floor(n / 2)) yield n;
}

/** Changes that save memory, those that cost the least quality first; each applies on top of those before it. */
function ladderOf({ recipe, shapes, facts }: FitParts): readonly RecipeChange[] {
  const { rows } = largestShape(shapes);
  const longest = Math.max(...shapes.map(({ length }) => length));
  const batch = recipe.batchSize * recipe.accumulation;
  const microBatches = [...halves(rows, 1)].map((batchSize) => ({
    batchSize,
    accumulation: Math.ceil(batch / batchSize),
  }));
  const lengths = [...halves(longest, shortest)].map((maxLength) => ({ maxLength }));
  const before = recipe.method === "lora" ? recipe.weights : "float32";
  const fewerBits = (["float16", "int8", "int4"] as const)
    .filter((weights) => facts.fits && bitsOf[weights] < bitsOf[before] && (weights !== "float16" || facts.storesF16))
    .map((weights) => ({ weights }));
  // 16 bits of a file in 16 bits lose nothing, so they come before slower steps.
  const same = fewerBits.filter(({ weights }) => weights === "float16");
  const coarser = fewerBits.filter(({ weights }) => weights !== "float16");
  const programs = (["layers", "smallest"] as const)
    .slice(recipe.program === "whole" ? 0 : recipe.program === "layers" ? 1 : 2)
    .map((program) => ({ program }));
  return recipe.method === "lora"
    ? [...programs, ...same, ...microBatches, ...coarser, ...lengths]
    : [...programs, ...microBatches, { method: "lora" }, ...fewerBits, ...lengths];
}

/** Settings that change together. */
const groups = [["method"], ["weights"], ["program"], ["batchSize", "accumulation"], ["maxLength"]] as const;

/** The changes with which the run fits, and its bytes then; null where none of those known here is enough. */
export function fittingChanges(parts: FitParts): { readonly changes: RecipeChange; readonly total: number } | null {
  const fitsWith = (changes: RecipeChange) => fits(withChanges(parts, changes));
  let changes: RecipeChange = {};
  for (const step of ladderOf(parts)) {
    changes = { ...changes, ...step };
    if (!fitsWith(changes)) continue;
    for (const group of groups) {
      if (group.some((field) => field in step)) continue;
      const without = Object.fromEntries(
        Object.entries(changes).filter(([field]) => !group.some((own) => own === field)),
      ) as RecipeChange;
      if (fitsWith(without)) changes = without;
    }
    return { changes, total: memoryOfRun(withChanges(parts, changes)).total };
  }
  return null;
}
