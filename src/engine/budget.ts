/** The budget of a run, counted from its plan before it starts: memory, disk, and the number of validations and snapshots. */

import { parameterBytes } from "../artifacts/contract.ts";
import { type Method, parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Budget, RecipeChange } from "../protocol/engine.ts";
import { stepColumns } from "../run/curves.ts";
import type { Recipe } from "../run/recipe.ts";
import { limitOf } from "./limits.ts";
import { methodOf } from "./prepare.ts";
import { bufferProblem, type FitParts, fittingChanges, memoryOfRun } from "./proposal.ts";

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

export interface BudgetParts extends FitParts {
  readonly steps: number;
  /** Bytes that this browser can still store; null where it does not say. */
  readonly left: number | null;
}

/** Why something does not fit, and the settings with which it would; null changes where no setting is enough. */
interface Advice {
  readonly sentence: string;
  readonly changes: RecipeChange | null;
}

/** The budget without the measured time. */
export function countBudget(parts: BudgetParts): Omit<Budget, "time"> {
  const { recipe, steps, device, left } = parts;
  const memory = { ...memoryOfRun(parts), limit: limitOf(device) };
  const disk = { ...diskOf(memory.trained, recipe, steps), left };
  const advice = [memoryAdvice(memory, parts), diskAdvice(disk, parts)].filter((each) => each !== null);
  const enough = advice.length > 0 && advice.every(({ changes }) => changes !== null);
  const changes: RecipeChange = Object.assign({}, ...advice.map((each) => each.changes));
  const { weights, compute, program } = recipe;
  return {
    memory,
    disk,
    steps,
    fits: advice.length === 0,
    advice: advice.length > 0 ? advice.map(({ sentence }) => sentence).join(" ") : null,
    proposal: enough ? { changes, costs: costsOf(changes, parts) } : null,
    note: noteOf(parts),
    device: { weights, compute, program },
  };
}

/** `fits` is false only where the range decided. */
function noteOf({ recipe: { method, weights }, facts: { in16Bits, fits } }: BudgetParts): string | null {
  if (method === "full" || weights !== "float32" || !in16Bits || fits) return null;
  return "Some weights are beyond 65,504, the largest number of 16 bits, so the base weights stay in 32 bits.";
}

/** Why the run's checkpoints do not fit, and the setting that would; null when they fit. */
export function diskRefusal(parts: DiskParts): string | null {
  const disk = diskOf(trainedBytes(parts.model, methodOf(parts.recipe)), parts.recipe, parts.steps);
  return diskAdvice({ ...disk, left: parts.left }, parts)?.sentence ?? null;
}

interface DiskParts extends Pick<BudgetParts, "model" | "steps" | "left"> {
  readonly recipe: Recipe;
}

function trainedBytes(model: ModelDefinition, method: Method): number {
  return parametersOf(model, method).reduce((sum, spec) => sum + (spec.trainable ? parameterBytes(spec) : 0), 0);
}

/** GB with one decimal, or whole MB below 1 GB. */
const size = (bytes: number) =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.ceil(bytes / 1e6))} MB`;

const weightWords = { float32: "32-bit", float16: "16-bit", int8: "8-bit", int4: "4-bit", uint4: "4-bit" } as const;

/** `4-bit weights and maximum length 512`. */
function listOf({ method, weights, program, batchSize, accumulation, maxLength }: RecipeChange): string {
  const parts = [
    ...(method === "lora" ? ["LoRA"] : []),
    ...(weights && weights !== "auto" ? [`${weightWords[weights]} weights`] : []),
    ...(program === "layers" ? ["compilation layer by layer"] : []),
    ...(program === "smallest" ? ["compilation layer by layer for the least memory"] : []),
    ...(batchSize === undefined ? [] : [`micro-batch size ${batchSize}`, `gradient accumulation ${accumulation}`]),
    ...(maxLength === undefined ? [] : [`maximum length ${maxLength}`]),
  ];
  return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts.join("");
}

const costOfProgram = {
  whole: "",
  layers: "Cheap operations run twice in each step; the result is the same.",
  smallest: "Each layer's forward runs twice in each step; the result is the same.",
} as const;

function costsOf(
  { method, weights, program, batchSize, maxLength, keepLast }: RecipeChange,
  parts: BudgetParts,
): string[] {
  const ofWeights = {
    float32: "",
    float16: parts.facts.in16Bits
      ? "The file has 16 bits too, so the weights stay as they are."
      : "Each weight keeps 11 significant bits.",
    int8: "Weights are rounded to 8 bits, in blocks of 32.",
    int4: "Weights are rounded to 4 bits, in blocks of 32, and the embedding to 8 bits: the base model gets a little worse.",
  } as const;
  return [
    method === "lora" ? "LoRA trains small matrices beside the weights, which stay frozen." : "",
    weights === undefined || weights === "auto" || weights === "uint4" ? "" : ofWeights[weights],
    program === undefined || program === "auto" ? "" : costOfProgram[program],
    batchSize === undefined ? "" : "The batch of a step stays the same; a step takes longer.",
    maxLength === undefined
      ? ""
      : `Rows of more than ${maxLength} tokens are ${parts.recipe.truncation === "drop" ? "left out" : "cut"}.`,
    keepLast === undefined ? "" : "Fewer checkpoints can be compared after the run.",
  ].filter((sentence) => sentence !== "");
}

function memoryAdvice({ total, limit }: Budget["memory"], parts: BudgetParts): Advice | null {
  const buffer = bufferProblem(parts);
  const tooMuch = limit !== null && total > limit;
  if (!tooMuch && buffer === null) return null;
  const why = tooMuch
    ? `A step needs about ${size(total)} of memory, and WebAssembly can address ${size(limit)}.`
    : `The largest tensor has ${size(buffer?.largest ?? 0)}, and a buffer of this GPU up to ${size(buffer?.limit ?? 0)}.`;
  const found = fittingChanges(parts);
  if (found === null) {
    const wayOut = tooMuch ? "Choose a smaller model, or use a browser with WebGPU." : "Choose a smaller model.";
    return { sentence: `${why} ${wayOut}`, changes: null };
  }
  const { changes } = found;
  const what = Object.keys(changes).every((field) => field === "weights") ? "This model" : "This run";
  return { sentence: `${why} ${what} fits with ${listOf(changes)}: ${size(found.total)}.`, changes };
}

function diskAdvice(disk: Budget["disk"], { model, recipe, steps, left }: DiskParts): Advice | null {
  if (left === null || diskNeeded(disk) <= left) return null;
  const why =
    `Its checkpoints need ${size(diskNeeded(disk))} (${disk.checkpoints} of ${size(disk.perCheckpoint)} each, and one more ` +
    `while it is saved), but this browser gives ${size(left)} more:`;
  const fits = (trained: number, other: Recipe) => diskNeeded(diskOf(trained, other, steps)) <= left;
  const trained = trainedBytes(model, methodOf(recipe));
  for (let keepLast = recipe.keepLast - 1; keepLast >= 1; keepLast--) {
    if (!fits(trained, { ...recipe, keepLast })) continue;
    return { sentence: `${why} set stored checkpoints to ${keepLast}.`, changes: { keepLast } };
  }
  if (recipe.method === "full" && fits(trainedBytes(model, lora(recipe)), recipe)) {
    return { sentence: `${why} train with LoRA, whose checkpoints are small.`, changes: { method: "lora" } };
  }
  const sentence = `${why} delete runs, models or datasets that are kept in this browser, or free disk space.`;
  return { sentence, changes: null };
}

const lora = (recipe: Recipe): Method => methodOf({ ...recipe, method: "lora" });
