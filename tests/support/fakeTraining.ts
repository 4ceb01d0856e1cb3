/** What the fake engine shows of a run besides its curves: looks that get better, and a budget. Made-up figures. */

import type { Budget, RunRequest } from "../../src/protocol/engine.ts";
import type { Moment, Watch } from "../../src/run/metrics.ts";
import { lastStage } from "../../src/run/stage.ts";

const words = ["<|user|>", "Name", " three", " colours", ".", "<|end|>", "\n", "<|assistant|>"];
const learnt = ["Red", ",", " blue", " and", " yellow", ".", "<|end|>"];
const answers = ["Once upon a time", "Red is a", "Red, blue and", "Red, blue and yellow."];

/** Null where the recipe watches nothing. */
export function fakeWatch({ recipe, watch }: RunRequest, step: number): Watch | null {
  const { watchEvery } = recipe;
  if (watchEvery === null) return null;
  const moments = Array.from({ length: Math.floor(step / watchEvery) + 1 }, (_, i) => fakeMoment(i * watchEvery));
  return {
    prompt: watch?.prompt ?? "Name three primary colours.",
    place: watch?.place ?? { source: 0, row: 16 },
    tokens: [...words.map((text) => ({ text, weight: 0 })), ...learnt.map((text) => ({ text, weight: 1 }))],
    moments,
  };
}

/** The first of the learnt tokens gets worse, every other one better. */
export function fakeMoment(step: number): Moment {
  return {
    step,
    answer: answers[Math.min(answers.length - 1, Math.floor(step / 10))] ?? "",
    losses: learnt.map((_, i) => Number((i === 0 ? 1 + step / 100 : (4 + i / 10) * Math.exp(-step / 20)).toFixed(3))),
  };
}

/** Of 898 rows; what it measures takes half a second a step. A keepLast above 100 does not fit. */
export function fakeBudget({ recipe }: Pick<RunRequest, "recipe">): Budget {
  const last = lastStage(recipe);
  const steps = last.steps ?? Math.round((last.epochs * 898) / (recipe.batchSize * recipe.accumulation));
  const trained = recipe.method === "lora" ? 204_800 : 1_040_128;
  const frozen = recipe.method === "lora" ? 1_040_128 : 0;
  const activations = 4_000_000 * recipe.batchSize;
  const perCheckpoint = 3 * trained + 30_000;
  const fits = recipe.keepLast <= 100;
  return {
    memory: {
      frozen,
      trained,
      gradients: trained,
      moments: 2 * trained,
      activations,
      engine: 0,
      total: frozen + 4 * trained + activations,
      limit: 2 ** 32,
    },
    disk: { perCheckpoint, kept: recipe.keepLast + 1, total: (recipe.keepLast + 1) * perCheckpoint, left: 80_000_000 },
    steps,
    time: fits ? { secondsPerStep: 0.5, total: steps * 0.5 + 30 } : null,
    fits,
    advice: fits ? null : "Its checkpoints need 90 MB, and this browser gives 80 MB more: set checkpoints kept to 100.",
  };
}
