/** A blind vote. Oracle: counting by hand, and the binomial distribution of a few tosses written out. */

import { expect, test } from "vitest";
import type { VoteRecord } from "../../../src/run/results.ts";
import { ballotsOf, type Choice, countVotes, voteGroups, withVotes } from "../../../src/store/ballots.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const vote = (choice: Choice, baseFirst = true) => ({ choice, baseFirst });

test("votes are counted for whoever stood there, and ties for nobody", () => {
  // tuned, tuned, base, tie, tuned.
  const votes = [vote("second"), vote("first", false), vote("first"), vote("tie", false), vote("second")];
  expect(countVotes(votes)).toEqual({
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
  const count = countVotes(Array.from({ length: base + tuned }, (_, index) => vote(index < base ? "first" : "second")));
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

const pairs = ["a", "b", "c", "a"].map((prompt, index) => ({
  prompt,
  reference: "",
  base: "b",
  tuned: "t",
  baseFirst: index % 2 === 0,
}));
const record = (change: Partial<VoteRecord>): VoteRecord => ({
  id: "1",
  runId: "r",
  step: 5,
  exam: null,
  prompt: "c",
  reference: "",
  base: "b",
  tuned: "t",
  baseFirst: true,
  choice: "first",
  castAt: "2026-11-30T10:00:00.000Z",
  sampling: { temperature: 0, topK: null, topP: null },
  ...change,
});

test("stored votes stand on their own questions, as they were shown; a question asked twice has two", () => {
  const votes = [
    record({ id: "1", prompt: "c", baseFirst: false }),
    record({ id: "2", prompt: "a" }),
    // Nobody gives these answers any more.
    record({ id: "3", prompt: "a", tuned: "other" }),
    record({ id: "4", prompt: "b" }),
  ];
  const round = withVotes(pairs, votes);
  expect(round.votes.map(({ id }) => id)).toEqual(["1", "2", "4"]);
  expect(round.ballots.map(({ prompt, baseFirst }) => [prompt, baseFirst])).toEqual([
    ["c", false],
    ["a", true],
    ["b", true],
    ["a", true],
  ]);
});

test("votes are grouped by exam and checkpoint, the group of the newest vote first", () => {
  const exam = { name: "exam.jsonl", hash: "h" };
  const at = (minute: number) => ({ castAt: `2026-11-30T10:0${minute}:00.000Z` });
  const groups = voteGroups([
    record({ id: "1", exam, ...at(1) }),
    record({ id: "2", ...at(2) }),
    record({ id: "3", exam, step: 9, ...at(3) }),
    record({ id: "4", exam, ...at(4) }),
  ]);
  expect(groups.map(({ exam: of, step, votes }) => [of?.name, step, votes.map(({ id }) => id)])).toEqual([
    ["exam.jsonl", 5, ["1", "4"]],
    ["exam.jsonl", 9, ["3"]],
    [undefined, 5, ["2"]],
  ]);
});
