/** The losses of a watched batch. Oracle: the number of computations, counted by hand. */

import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/batching/batch.ts";
import { evaluationOf, type TrainingProgram, type Update } from "../../../src/training/program.ts";
import { rememberLosses } from "../../../src/training/remembered.ts";

const [watched, other] = [{}, {}] as [Batch, Batch];
const update: Update = { t: 1, learningRate: 0.1, denominator: 1 };

/** A program whose losses are the number of its updates; it counts its computations. */
function counting() {
  const computed = { watched: 0, other: 0 };
  let updates = 0;
  let fails = false;
  const program = {
    ...evaluationOf(async (batch) => {
      if (fails) throw new Error("The device was lost.");
      computed[batch === watched ? "watched" : "other"]++;
      return { lossSum: updates, perToken: Float32Array.of(updates, updates) };
    }),
    async update() {
      updates++;
      return { gradientNorm: 1 };
    },
    restore: async (load: (tensor: never) => Promise<unknown>) => {
      updates = 100;
      return load(undefined as never);
    },
  } as unknown as TrainingProgram;
  return {
    program,
    computed,
    fail: (value: boolean) => {
      fails = value;
    },
  };
}

describe("rememberLosses", () => {
  it("computes the watched batch once for sum and tokens, and every other batch each time", async () => {
    const { program, computed } = counting();
    const remembering = rememberLosses(program, watched);
    expect(await remembering.lossSum(watched)).toBe(0);
    expect([...(await remembering.tokenLosses(watched))]).toEqual([0, 0]);
    await remembering.lossSum(other);
    await remembering.tokenLosses(other);
    expect(computed).toEqual({ watched: 1, other: 2 });
  });

  it("computes it again after an update and after a restored checkpoint", async () => {
    const { program, computed } = counting();
    const remembering = rememberLosses(program, watched);
    await remembering.lossSum(watched);
    await remembering.update(update);
    expect(await remembering.lossSum(watched)).toBe(1);
    await remembering.restore(async () => null);
    expect((await remembering.losses(watched)).lossSum).toBe(100);
    expect(computed.watched).toBe(3);
  });

  it("does not remember a failure", async () => {
    const { program, fail } = counting();
    const remembering = rememberLosses(program, watched);
    fail(true);
    await expect(remembering.lossSum(watched)).rejects.toThrow("The device was lost.");
    fail(false);
    expect(await remembering.lossSum(watched)).toBe(0);
  });
});
