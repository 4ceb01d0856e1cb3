/** The budget of a run, counted from its plan before it starts: memory, disk, and the number of validations and snapshots. */

import { type BatchShape, parameterBytes } from "../artifacts/contract.ts";
import { type Method, parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Budget } from "../protocol/engine.ts";
import { stepColumns } from "../run/curves.ts";
import type { Recipe } from "../run/recipe.ts";
import { largestShape, memoryOf } from "./memory.ts";
import { methodOf } from "./prepare.ts";

/** Bytes that 32-bit WebAssembly can address. */
const wasmLimit = 2 ** 32;
/** About the bytes of a checkpoint's state as JSON. */
const stateBytes = 4096;
/** Each column of the curves has a float64 per step. */
const curveBytesPerStep = 8 * stepColumns.length;

/** Bytes on disk: the curves, and the checkpoints (trained weights, two moments and the state each). */
export function diskOf(
  trained: number,
  recipe: Pick<Recipe, "keepLast" | "checkpointEvery" | "evaluateEvery" | "validationShare">,
  steps: number,
): Omit<Budget["disk"], "left"> {
  const perCheckpoint = 3 * trained + stateBytes;
  // With validation the best checkpoint stays beside the newest.
  const validated = recipe.validationShare > 0;
  const wanted = recipe.keepLast + (validated ? 1 : 0);
  const written = Math.ceil(steps / recipe.checkpointEvery) + (validated ? Math.ceil(steps / recipe.evaluateEvery) : 0);
  const checkpoints = Math.max(1, Math.min(wanted, written));
  return { perCheckpoint, checkpoints, total: checkpoints * perCheckpoint + curveBytesPerStep * steps };
}

/** Bytes while a checkpoint is saved: the old one is deleted only after the new one is written. */
export const diskNeeded = ({ total, perCheckpoint }: Pick<Budget["disk"], "total" | "perCheckpoint">) =>
  total + perCheckpoint;

/** Number of validations and snapshots in a run of so many steps. */
export function timesOf(
  { evaluateEvery, watchEvery }: Pick<Recipe, "evaluateEvery" | "watchEvery">,
  steps: number,
): { readonly validations: number; readonly snapshots: number } {
  // Before the first step, every so many, and after the last.
  const every = (period: number) => 1 + Math.ceil(steps / period);
  return { validations: every(evaluateEvery), snapshots: watchEvery === null ? 0 : every(watchEvery) };
}

export interface BudgetParts {
  readonly model: ModelDefinition;
  readonly recipe: Recipe;
  readonly steps: number;
  /** Shapes of the training batches. */
  readonly shapes: readonly BatchShape[];
  /** Shapes of the validation batches; empty without validation. */
  readonly heldOut: readonly BatchShape[];
  readonly provider: "webgpu" | "wasm";
  /** Bytes that this browser can still store; null where it does not say. */
  readonly left: number | null;
}

/** The budget without the measured time. */
export function countBudget(parts: BudgetParts): Omit<Budget, "time"> {
  const { recipe, steps, provider, left } = parts;
  const limit = provider === "wasm" ? wasmLimit : null;
  const memory = { ...memoryOf(parts), limit };
  const disk = { ...diskOf(memory.trained, recipe, steps), left };
  const sentences = [memoryAdvice(memory, parts), diskAdvice(disk, parts)].filter((sentence) => sentence !== null);
  return {
    memory,
    disk,
    steps,
    fits: sentences.length === 0,
    advice: sentences.length > 0 ? sentences.join(" ") : null,
  };
}

/** Why the run's checkpoints do not fit, and the setting that would; null when they fit. */
export function diskRefusal(parts: Omit<BudgetParts, "shapes" | "heldOut" | "provider">): string | null {
  return diskAdvice(
    { ...diskOf(trainedBytes(parts.model, methodOf(parts.recipe)), parts.recipe, parts.steps), left: parts.left },
    parts,
  );
}

function trainedBytes(model: ModelDefinition, method: Method): number {
  return parametersOf(model, method).reduce((sum, spec) => sum + (spec.trainable ? parameterBytes(spec) : 0), 0);
}

/** GB with one decimal, or whole MB below 1 GB. */
const size = (bytes: number) =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.ceil(bytes / 1e6))} MB`;

function memoryAdvice({ total, limit }: Budget["memory"], parts: BudgetParts): string | null {
  if (limit === null || total <= limit) return null;
  const { recipe, shapes } = parts;
  const fits = (change: Partial<BudgetParts>) => memoryOf({ ...parts, ...change }).total <= limit;
  const why = `A step needs about ${size(total)} of memory, and WebAssembly can address ${size(limit)}:`;
  if (recipe.method === "full" && fits({ recipe: { ...recipe, method: "lora" } }))
    return `${why} train with LoRA, which keeps the base weights frozen.`;
  for (let rows = Math.floor(largestShape(shapes).rows / 2); rows >= 1; rows = Math.floor(rows / 2)) {
    const fewer = shapes.map((shape) => ({
      ...shape,
      rows: Math.min(rows, shape.rows),
      supervised: Math.ceil((shape.supervised * Math.min(rows, shape.rows)) / shape.rows),
    }));
    const gathered = Math.ceil((recipe.batchSize * recipe.accumulation) / rows);
    if (!fits({ shapes: fewer, recipe: { ...recipe, accumulation: gathered } })) continue;
    return `${why} set micro-batch size to ${rows}, and gradient accumulation to ${gathered} for the same batch.`;
  }
  return `${why} lower the maximum length, choose a smaller model, or use a browser with WebGPU.`;
}

function diskAdvice(
  disk: Budget["disk"],
  { model, recipe, steps, left }: Omit<BudgetParts, "shapes" | "heldOut" | "provider">,
): string | null {
  if (left === null || diskNeeded(disk) <= left) return null;
  const why =
    `Its checkpoints need ${size(diskNeeded(disk))} (${disk.checkpoints} of ${size(disk.perCheckpoint)} each, and one more ` +
    `while it is saved), but this browser gives ${size(left)} more:`;
  const fits = (trained: number, other: Recipe) => diskNeeded(diskOf(trained, other, steps)) <= left;
  const trained = trainedBytes(model, methodOf(recipe));
  for (let keepLast = recipe.keepLast - 1; keepLast >= 1; keepLast--) {
    if (fits(trained, { ...recipe, keepLast })) return `${why} set stored checkpoints to ${keepLast}.`;
  }
  if (recipe.method === "full" && fits(trainedBytes(model, lora(recipe)), recipe)) {
    return `${why} train with LoRA, whose checkpoints are small.`;
  }
  return `${why} delete runs, models or datasets that are kept in this browser, or free disk space.`;
}

const lora = (recipe: Recipe): Method => methodOf({ ...recipe, method: "lora" });
