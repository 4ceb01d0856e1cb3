/**
 * Plans of runs in one stage and in two. Oracles: for one stage, batches and shapes of Hone before it had stages
 * (tests/golden/plan/together.json); for two, counts by hand from the recipe and the sequences.
 */

import { describe, expect, test } from "vitest";
import type { TokenizedExample } from "../../../src/batching/batch.ts";
import type { MixtureMode } from "../../../src/batching/mixture.ts";
import { type Plan, planRun } from "../../../src/engine/prepare.ts";
import { createBatchSource, evaluationBatches } from "../../../src/training/batchSource.ts";
import { learningRateOf } from "../../../src/training/schedule.ts";
import { initialState, readState } from "../../../src/training/state.ts";
import together from "../../golden/plan/together.json" with { type: "json" };
import { lessonsOf, supervisedOf } from "../../support/examples.ts";
import { preparedData, type Sequences, smallRecipe, threeSources } from "../../support/planned.ts";
import type { RecipeChange } from "../../support/recipe.ts";

const lambdas = [1, 0.5, 2];
const plan = (change: RecipeChange = {}, sequences: Sequences = threeSources) =>
  planRun(preparedData(sequences), smallRecipe(lambdas, change));
const ways = (["weight", "sampling"] as const).flatMap((mixture) => [
  { mixture, packing: false },
  { mixture, packing: true },
]);
const kindOf = (sequences: Sequences) => {
  const kinds = new Map<string, string>();
  const counted = new Map<number, number>();
  for (const [source, kind] of sequences) {
    const row = counted.get(source) ?? 0;
    counted.set(source, row + 1);
    kinds.set(`${source} ${row}`, kind);
  }
  return (example: TokenizedExample | undefined) => kinds.get(`${example?.origin.source} ${example?.origin.row}`);
};
const kind = kindOf(threeSources);
/** Indices in the training list that the next steps draw. */
const drawn = (order: ReturnType<Plan["order"]>, steps: number) =>
  Array.from({ length: steps }, () => order.next().flat(2));

describe("a run in one stage", () => {
  test.each(together)("equals the plan of Hone before it had stages ($mixture, packed: $packing)", (golden) => {
    const { mixture, packing } = golden as { mixture: MixtureMode; packing: boolean };
    const planned = plan({ mixture, packing });
    const place = ({ origin, weights }: Plan["training"][number]) => [origin.source, origin.row, weights.at(-1)];
    const order = planned.order();
    expect({
      mixture,
      packing,
      totalSteps: planned.totalSteps,
      buckets: planned.buckets,
      validationBuckets: planned.validationBuckets,
      training: planned.training.map(place),
      validation: planned.validation.map(place),
      steps: golden.steps.map(() => order.next()),
      state: order.state(),
    }).toEqual({ ...golden, state: { ...golden.state, drawn: golden.steps.length, stages: 1 } });
    const supervisedTokens = planned.training.reduce(
      (sum, { weights }) => sum + weights.filter((weight) => weight > 0).length,
      0,
    );
    expect(planned.stages).toEqual([
      { objective: "mixed", steps: golden.totalSteps, examples: golden.training.length, supervisedTokens },
    ]);
    expect(planned.heldOut).toEqual([{ name: "validation", objective: "mixed", examples: planned.validation }]);
  });
});

test("each example has its file, and its line from the table", () => {
  const planned = plan({ validationShare: 0.3 });
  const all = [...planned.training, ...planned.validation].map(({ origin }) => origin);
  expect(all).toHaveLength(threeSources.length);
  for (const { source, name, row, line } of all) expect([name, line]).toEqual([`source ${source}`, 3 * row + 2]);
});

describe("a run in two stages", () => {
  test.each(ways)(
    "draws only text in the first stage and only chats in the second ($mixture, packed: $packing)",
    (way) => {
      const planned = plan({ ...way, stages: "text-first", textEpochs: 3 });
      const [text, chat] = planned.stages;
      expect(planned.stages.map((stage) => stage.objective)).toEqual(["text", "chat"]);
      expect(planned.totalSteps).toBe((text?.steps ?? 0) + (chat?.steps ?? 0));
      const order = planned.order();
      const kinds = drawn(order, planned.totalSteps).map((step) => [
        ...new Set(step.map((place) => kind(planned.training[place]))),
      ]);
      expect(kinds).toEqual([...Array(text?.steps).fill(["text"]), ...Array(chat?.steps).fill(["chat"])]);
    },
  );

  test("the steps of its stages are those of their epochs, by hand", () => {
    // One row of each source is held out; four rows make a step.
    const planned = plan({ stages: "text-first", textEpochs: 3, epochs: 2 });
    const counts = { text: 0, chat: 0 };
    for (const example of planned.training) counts[kind(example) as "text" | "chat"]++;
    expect(counts.text + counts.chat).toBe(30 - 3);
    const supervised = (wanted: string) =>
      planned.training
        .filter((example) => kind(example) === wanted)
        .reduce((sum, example) => sum + supervisedOf(example), 0);
    expect(planned.stages).toEqual([
      {
        objective: "text",
        steps: 3 * Math.ceil(counts.text / 4),
        examples: counts.text,
        supervisedTokens: supervised("text"),
      },
      {
        objective: "chat",
        steps: 2 * Math.ceil(counts.chat / 4),
        examples: counts.chat,
        supervisedTokens: supervised("chat"),
      },
    ]);
  });

  test("each text and each chat is drawn once per epoch of its stage, and λ scales weights within a stage", () => {
    const planned = plan({ mixture: "weight", stages: "text-first", textEpochs: 3, epochs: 2 });
    const times = planned.training.map(() => 0);
    for (const place of drawn(planned.order(), planned.totalSteps).flat()) times[place] = (times[place] ?? 0) + 1;
    expect(times).toEqual(planned.training.map((example) => (kind(example) === "text" ? 3 : 2)));
    for (const { origin, weights } of planned.training) expect(weights.at(-1)).toBe(lambdas[origin.source]);
  });

  test("λ as sampling shares out the draws within each stage", () => {
    const planned = plan({ mixture: "sampling", stages: "text-first", textEpochs: 4, epochs: 4 });
    let before = 0;
    for (const { objective, examples } of planned.stages) {
      // Text is in sources 1 and 2 (λ 0.5 and 2), chats in 0 and 2 (λ 1 and 2).
      const [one, two] = objective === "text" ? [1, 2] : [0, 2];
      const share = (lambdas[one] ?? 0) / ((lambdas[one] ?? 0) + (lambdas[two] ?? 0));
      const order = planned.order();
      drawn(order, before);
      const epoch = drawn(order, Math.ceil(examples / 4)).flat();
      expect(epoch).toHaveLength(examples);
      const count = (source: number) =>
        epoch.filter((place) => planned.training[place]?.origin.source === source).length;
      expect(Math.abs(count(one) - share * examples)).toBeLessThan(1);
      expect(count(one) + count(two)).toBe(examples);
      before += planned.stages[0]?.steps ?? 0;
    }
  });

  test("a recipe's number of steps is that of the chats", () => {
    const planned = plan({ stages: "text-first", textEpochs: 1, steps: 5 });
    expect(planned.stages[1]?.steps).toBe(5);
    expect(planned.totalSteps).toBe((planned.stages[0]?.steps ?? 0) + 5);
  });

  test("the held-out rows are those of one stage, and each kind has its own set", () => {
    const planned = plan({ stages: "text-first", validationShare: 0.3 });
    const one = plan({ validationShare: 0.3 });
    expect(planned.validation).toEqual(one.validation);
    expect(planned.heldOut.map(({ name, objective }) => [name, objective])).toEqual([
      ["validation of text", "text"],
      ["validation of chats", "chat"],
    ]);
    expect(planned.heldOut.flatMap(({ examples }) => examples).length).toBe(one.validation.length);
    for (const set of planned.heldOut)
      expect(set.examples.map((example) => kind(example))).toEqual(set.examples.map(() => set.objective));
  });

  test.each(ways)(
    "every batch fits its shape, and supervises the tokens that were drawn ($mixture, packed: $packing)",
    (way) => {
      const planned = plan({ ...way, stages: "text-first", textEpochs: 3, epochs: 3, validationShare: 0.3 });
      const source = createBatchSource(planned.units, planned.buckets, planned.order());
      const order = planned.order();
      for (let step = 0; step < planned.totalSteps; step++) {
        const examples = order
          .next()
          .flat(2)
          .map((place) => planned.training[place]);
        const supervised = source.next().flatMap(lessonsOf).length;
        expect(supervised).toBe(examples.reduce((sum, one) => sum + (one ? supervisedOf(one) : 0), 0));
      }
      for (const { examples } of planned.heldOut) {
        const supervised = evaluationBatches(examples, planned.validationBuckets).flatMap(lessonsOf).length;
        expect(supervised).toBe(examples.reduce((sum, one) => sum + supervisedOf(one), 0));
      }
    },
  );

  test("a chat's batch has no room for the many supervised tokens of an equally long text", () => {
    const chats = Array.from({ length: 8 }, () => [0, "chat", 64, 5] as const);
    const texts = Array.from({ length: 8 }, () => [1, "text", 64, 63] as const);
    const recipe = smallRecipe([1, 1], { stages: "text-first" });
    const planned = planRun(preparedData([...chats, ...texts]), recipe);
    expect(planned.buckets).toEqual([
      { rows: 2, length: 64, supervised: 16 },
      { rows: 2, length: 64, supervised: 128 },
    ]);
  });

  test.each(ways)(
    "resumes after any step from a checkpoint's state, at the stage boundary too ($mixture, packed: $packing)",
    (way) => {
      const planned = plan({ ...way, stages: "text-first", textEpochs: 1.5 });
      const whole = createBatchSource(planned.units, planned.buckets, planned.order());
      for (let step = 0; step < planned.totalSteps; step++) {
        const saved = readState(JSON.parse(JSON.stringify({ ...initialState(whole.state()), step })), null).state;
        const resumed = createBatchSource(planned.units, planned.buckets, planned.order(saved.sampler));
        const follower = planned.order(saved.sampler);
        expect(resumed.next()).toEqual(whole.next());
        follower.next();
        expect(follower.state()).toEqual(whole.state());
      }
    },
  );

  test("each stage has its own warm-up, peak and decay, by hand", () => {
    const paces = (textLearningRate: number | null) => {
      const pace = { stages: "text-first", learningRate: 1, schedule: "linear", warmupRatio: 0.25 } as const;
      return smallRecipe(lambdas, { ...pace, textLearningRate }).stages;
    };
    const stages = [{ steps: 4 }, { steps: 8 }];
    // Text: one step of warm-up to 0.2, then (1, 2/3, 1/3) of it. Chats: two steps of warm-up, then 1, 5/6, …, 1/6.
    const expected = [0.1, 0.2, 0.4 / 3, 0.2 / 3, 1 / 3, 2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6];
    expected.forEach((rate, i) => {
      expect(learningRateOf(paces(0.2), stages, i + 1)).toBeCloseTo(rate, 12);
    });
    expect(learningRateOf(paces(null), stages, 2)).toBe(1);
    expect(() => learningRateOf(paces(0.2), stages, 13)).toThrow("the stages have 12 steps");
    expect(() => learningRateOf(paces(0.2), stages, 0)).toThrow("step 0");
  });

  test.each([
    ["plain text", threeSources.filter(([, of]) => of === "chat")],
    ["chats", threeSources.filter(([, of]) => of === "text")],
  ] as const)("without %s it is refused, not planned in one stage", (missing, sequences) => {
    expect(() => plan({ stages: "text-first" }, sequences)).toThrow(
      new RegExp(`trains on ${missing}, but none of the \\d+ training examples is that: choose a source of it as well`),
    );
    expect(plan({}, sequences).stages).toMatchObject([{ objective: "mixed", examples: expect.any(Number) }]);
  });

  test("a checkpoint of a run in one stage is refused by a plan of two", () => {
    const state = plan().order().state();
    expect(() => plan({ stages: "text-first" }).order(state)).toThrow(
      "had this number of stages: 1, but the run has 2",
    );
  });
});
