/** Orders of several stages. Oracle: a separate sampler for each stage. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSampler, type SamplerOptions } from "../../../src/batching/sampler.ts";
import { orderOf, type StagePlan } from "../../../src/batching/stages.ts";
import { cases } from "../../support/long.ts";

interface Made {
  readonly options: SamplerOptions;
  readonly steps: number;
  readonly first: number;
}

/** One to three stages over distinct examples, each with one or two sources. */
const settings = fc
  .array(
    fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 9 }),
      mode: fc.constantFrom("weight" as const, "sampling" as const),
      packing: fc.constantFrom(null, 64),
      steps: fc.integer({ min: 1, max: 12 }),
      accumulation: fc.integer({ min: 1, max: 3 }),
      seed: fc.nat({ max: 1000 }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((list) => {
    let next = 0;
    return list.map(({ lengths, mode, steps, ...rest }): Made => {
      const options: SamplerOptions = {
        ...rest,
        lengths,
        sources: lengths.map((_, i) => i % 2),
        mixture: { mode, lambdas: [1, 3] },
        buckets: [{ rows: 2, length: 64, supervised: 128 }],
        batchSize: 2,
      };
      const first = next;
      // With a gap before the next stage's examples.
      next += lengths.length + 3;
      return { options, steps, first };
    });
  });

const plansOf = (made: readonly Made[]) =>
  made.map(
    ({ options, steps, first }): StagePlan => ({
      steps,
      first,
      sampler: (state) => createSampler(options, state),
    }),
  );

/** The batches of the separate samplers, one stage after the other, and two more steps of the last stage. */
function alone(made: readonly Made[]): number[][][][] {
  return made.flatMap(({ options, steps, first }, stage) => {
    const sampler = createSampler(options);
    const count = steps + (stage === made.length - 1 ? 2 : 0);
    return Array.from({ length: count }, () =>
      sampler.next().map((rows) => rows.map((row) => row.map((index) => first + index))),
    );
  });
}

describe("stages", () => {
  test("draw the batches of each stage's own sampler, one stage after the other; the last never ends", () => {
    fc.assert(
      fc.property(settings, (made) => {
        const order = orderOf(plansOf(made));
        const expected = alone(made);
        expect(expected.map(() => order.next())).toEqual(expected);
      }),
      { seed: 51, numRuns: cases(1000) },
    );
  });

  test("resumed after any step, also at a stage boundary, from a state in JSON, draw the remaining batches", () => {
    fc.assert(
      fc.property(settings, (made) => {
        const whole = orderOf(plansOf(made));
        const expected = alone(made);
        for (let done = 0; done < expected.length; done++) {
          const state = JSON.parse(JSON.stringify(whole.state()));
          const resumed = orderOf(plansOf(made), state);
          expect(resumed.state()).toEqual(whole.state());
          expect(expected.slice(done).map(() => resumed.next())).toEqual(expected.slice(done));
          whole.next();
        }
      }),
      { seed: 52, numRuns: 200 },
    );
  });

  test("at a stage boundary the state is the beginning of the next stage", () => {
    const [first, second] = [1, 2].map(
      (seed): Made => ({
        options: {
          lengths: [5, 6, 7],
          sources: [0, 0, 0],
          mixture: { mode: "weight", lambdas: [1] },
          packing: null,
          buckets: [{ rows: 1, length: 16, supervised: 16 }],
          batchSize: 1,
          accumulation: 1,
          seed,
        },
        steps: 2,
        first: 0,
      }),
    ) as [Made, Made];
    const order = orderOf(plansOf([first, second]));
    expect(order.state()).toEqual({ ...createSampler(first.options).state(), drawn: 0, stages: 2 });
    order.next();
    order.next();
    expect(order.state()).toEqual({ ...createSampler(second.options).state(), drawn: 2, stages: 2 });
  });

  test("a state with another number of stages is refused, and so are no stages", () => {
    const stage = plansOf(fc.sample(settings, { seed: 53, numRuns: 1 })[0] ?? []);
    const state = { epoch: 0, cursor: 0, random: [1, 2, 3, 4] as const, passes: [], drawn: 3, stages: 1 };
    expect(() => orderOf(stage, state)).toThrow(`had this number of stages: 1, but the run has ${stage.length}`);
    expect(() => orderOf([])).toThrow("no stage");
  });
});
