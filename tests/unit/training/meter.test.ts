/** One evaluation of all held-out sets. Oracle: sums over the examples, by hand. */

import { expect, test } from "vitest";
import type { Batch } from "../../../src/batching/batch.ts";
import { packBatch } from "../../../src/batching/batch.ts";
import { validationOf, validationOfSource } from "../../../src/run/heldOut.ts";
import { evaluateMeter } from "../../../src/training/meter.ts";
import type { EvaluationProgram } from "../../../src/training/program.ts";
import { makeExample } from "../../support/examples.ts";

/** The loss of a token is its target modulo 7, as a program would compute it. */
const lossOf = (target: number) => target % 7;
const computed: Batch[] = [];
async function losses(batch: Batch) {
  computed.push(batch);
  const perToken = Float32Array.from(batch.targets, lossOf);
  return { perToken, lossSum: perToken.reduce((sum, loss, i) => sum + loss * (batch.lossWeights[i] ?? 0), 0) };
}
const program: EvaluationProgram = {
  losses,
  lossSum: async (batch) => (await losses(batch)).lossSum,
  tokenLosses: async (batch) => (await losses(batch)).perToken,
};

const task = [makeExample(0, 9, 4, 0), makeExample(1, 12, 7, 1), makeExample(2, 8, 3, 0), makeExample(3, 15, 9, 1)];
const prose = [makeExample(4, 20, 15, 2), makeExample(5, 11, 6, 2)];
const verse = [makeExample(6, 14, 12, 3)];
const batchesOf = (examples: typeof task) =>
  Array.from({ length: Math.ceil(examples.length / 2) }, (_, i) =>
    packBatch(
      examples.slice(2 * i, 2 * i + 2).map((example) => [example]),
      { rows: 2, length: 32, supervised: 32 },
    ),
  );

/** Σ w·loss / max(Σ w, 1) over the supervised positions. */
function meanOf(examples: typeof task): number {
  let loss = 0;
  let weight = 0;
  for (const { ids, mask, weights } of examples) {
    for (const [i, id] of ids.entries()) {
      if (mask[i] !== 1) continue;
      loss += (weights[i] ?? 0) * lossOf(id);
      weight += weights[i] ?? 0;
    }
  }
  return loss / Math.max(weight, 1);
}

const sets = {
  heldOut: [{ ...validationOf("mixed"), batches: batchesOf(task) }],
  general: [
    { name: "prose", batches: batchesOf(prose) },
    { name: "verse", batches: batchesOf(verse) },
  ],
  bySource: true,
};
const never = async () => false;

test("has the loss of the task, of each source, of each general text and of all of them", async () => {
  const found = await evaluateMeter(program, sets, never);
  const expected = {
    validation: meanOf(task),
    [validationOfSource(0)]: meanOf(task.filter(({ origin }) => origin.source === 0)),
    [validationOfSource(1)]: meanOf(task.filter(({ origin }) => origin.source === 1)),
    prose: meanOf(prose),
    verse: meanOf(verse),
    "general text": meanOf([...prose, ...verse]),
  };
  expect(Object.keys(found?.sets ?? {})).toEqual(Object.keys(expected));
  for (const [name, loss] of Object.entries(expected))
    expect([name, found?.sets[name]]).toEqual([name, expect.closeTo(loss, 5)]);
  // General text does not count in the loss of the run.
  expect(found?.loss).toBeCloseTo(meanOf(task), 5);
});

test("computes every batch once, and counts them", async () => {
  computed.length = 0;
  const progress: string[] = [];
  await evaluateMeter(program, sets, never, (done, total) => progress.push(`${done}/${total}`));
  expect(new Set(computed).size).toBe(computed.length);
  expect(computed).toHaveLength(4);
  expect(progress.at(-1)).toBe("4/4");
});

test("has no set of a source where there is one, or where they are not wanted", async () => {
  const first = task.filter(({ origin }) => origin.source === 0);
  const one = { ...sets, heldOut: [{ ...validationOf("mixed"), batches: batchesOf(first) }], general: [] };
  expect(Object.keys((await evaluateMeter(program, one, never))?.sets ?? {})).toEqual(["validation"]);
  const apart = await evaluateMeter(program, { ...sets, bySource: false, general: [] }, never);
  expect(Object.keys(apart?.sets ?? {})).toEqual(["validation"]);
});

test("is null where it was interrupted, in the task or in the general text", async () => {
  for (const after of [0, 1, 2, 3]) {
    let polls = 0;
    expect(await evaluateMeter(program, sets, async () => polls++ >= after)).toBeNull();
  }
});
