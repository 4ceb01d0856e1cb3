/** A blind vote. Oracle: counting by hand, and the binomial distribution of a few tosses written out. */

import { expect, test } from "vitest";
import { type Ballot, ballotsOf, type Choice, countVotes } from "../../../src/store/vote.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const ballot = (baseFirst: boolean): Ballot => ({ prompt: "?", reference: "!", base: "b", tuned: "t", baseFirst });

test("votes are counted for whoever stood there; ties and those left over for nobody", () => {
  const ballots = [true, false, true, false, true, true].map(ballot);
  // tuned, tuned, base, tie, tuned; the last one is not voted on.
  const votes: Choice[] = ["second", "first", "first", "tie", "second"];
  expect(countVotes({ ballots, votes })).toEqual({
    voted: 5,
    base: 1,
    tuned: 3,
    ties: 1,
    winner: "tuned",
    share: 0.75,
    // Of 16 sequences of 4 tosses 5 have at least 3 heads, and 5 at least 3 tails.
    chance: expect.closeTo(10 / 16, 12),
  });
});

test.each<[base: number, tuned: number, chance: number]>([
  [0, 0, 1],
  [1, 1, 1],
  [0, 5, 2 / 32],
  [6, 1, (2 * (7 + 1)) / 128],
  // 2^-2000 is below the smallest number; the normal approximation gives 3.9e-6 without a continuity correction, 4.4e-6 with.
  [1103, 897, 4.4e-6],
])("%i to %i comes by chance in %f of cases", (base, tuned, chance) => {
  const ballots = Array.from({ length: base + tuned }, () => ballot(true));
  const votes = ballots.map((_, index): Choice => (index < base ? "first" : "second"));
  const count = countVotes({ ballots, votes });
  expect(count.chance).toBeCloseTo(chance, 6);
  expect(count.winner).toBe(base === tuned ? null : base > tuned ? "base" : "tuned");
  expect(count.share).toBe(base === tuned ? null : Math.max(base, tuned) / (base + tuned));
});

test("ballots come in random order, both answers in front as often; equal answers are left out", () => {
  const pairs = Array.from({ length: 400 }, (_, index) => ({
    prompt: String(index),
    reference: "",
    base: "b",
    tuned: index % 4 === 0 ? " b" : "t",
  }));
  const { next } = createRandom(1);
  const ballots = ballotsOf(pairs, next);
  expect(ballots).toHaveLength(300);
  const order = ballots.map(({ prompt }) => Number(prompt));
  expect(order.toSorted((a, b) => a - b)).toEqual(pairs.flatMap((_, index) => (index % 4 === 0 ? [] : [index])));
  expect(order).not.toEqual(order.toSorted((a, b) => a - b));
  const first = ballots.filter(({ baseFirst }) => baseFirst).length;
  // Five standard deviations of 300 tosses are 43.
  expect(Math.abs(first - 150)).toBeLessThan(43);
});
