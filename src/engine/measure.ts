/** Measures the budget of a run: one at a time, and ended by a run or a question that needs the device. */

import type { Budget } from "../protocol/engine.ts";
import type { Recipe } from "../run/recipe.ts";
import { freeBytes } from "../storage/quota.ts";
import type { Storage } from "../storage/storage.ts";
import { countBudget, diskRefusal } from "./budget.ts";
import type { LoadedModel } from "./library.ts";
import type { PrecisionFacts, SettledRecipe } from "./precision.ts";
import { shapesOf } from "./prepare.ts";
import { type ProbeParts, probe } from "./probe.ts";

export interface Measuring {
  /** Does `work` with a signal that `signal`, `end` or a later call of `run` aborts. */
  run<T>(modelHash: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Ends the measurement; resolves when it has released the device. */
  end(): Promise<void>;
  /** The model of the present measurement; null when there is none. */
  readonly modelHash: string | null;
}

export function createMeasuring(): Measuring {
  let present: {
    readonly modelHash: string;
    readonly controller: AbortController;
    readonly done: Promise<unknown>;
  } | null = null;
  const end = async () => {
    const ending = present;
    ending?.controller.abort();
    await ending?.done.catch(() => undefined);
  };
  return {
    get modelHash() {
      return present?.modelHash ?? null;
    },
    end,
    async run(modelHash, work, signal) {
      while (present) await end();
      signal?.throwIfAborted();
      const controller = new AbortController();
      const either = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
      const done = work(either).finally(() => {
        present = null;
      });
      present = { modelHash, controller, done };
      return done;
    },
  };
}

/** Free bytes for checkpoints; null where the browser does not say, or stores them in memory only. */
async function freeBytesIn(storage: Storage): Promise<number | null> {
  const { available } = await storage.report();
  return available ? freeBytes() : null;
}

export interface BudgetRequest extends ProbeParts {
  readonly recipe: SettledRecipe;
  readonly facts: PrecisionFacts;
}

/** Counts the budget, and measures the time where the run fits. Throws the signal's reason. */
export async function budgetOf(storage: Storage, parts: BudgetRequest): Promise<Budget> {
  const { runtime, model, plan, recipe, facts } = parts;
  const counted = countBudget({
    model: model.definition,
    recipe,
    facts,
    steps: plan.totalSteps,
    ...shapesOf(plan),
    device: runtime.report,
    left: await freeBytesIn(storage),
  });
  return { ...counted, time: counted.fits ? await probe(parts) : null };
}

/** Throws where the run's checkpoints do not fit on disk, naming the setting that would make them fit. */
export async function requireDisk(
  storage: Storage,
  { definition }: LoadedModel,
  recipe: Recipe,
  steps: number,
): Promise<void> {
  const refusal = diskRefusal({ model: definition, recipe, steps, left: await freeBytesIn(storage) });
  if (refusal !== null) throw new Error(`The run was not started. ${refusal}`);
}
