/** Votes among several models. Oracles: models of known strength that a simulated voter compares, and counts by hand. */

import { expect, test } from "vitest";
import type { VoteRecord } from "../../../src/run/results.ts";
import { nextBallot, type Player, standings, votesAmong } from "../../../src/store/contest.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const exam = { name: "e", hash: "h" };
const playerOf = (runId: string | null, questions = 60, alike = false): Player => ({
  runId,
  name: runId ?? "base",
  step: runId === null ? 0 : 20,
  answers: Array.from({ length: questions }, (_, i) => ({
    prompt: `${i}?`,
    expected: "x",
    answer: alike ? "same" : `${runId} ${i}`,
  })),
});

const players = [playerOf(null), playerOf("a"), playerOf("b"), playerOf("c")];

/** Votes of a voter to whom model i has the strength 3ⁱ. */
function voted(count: number, seed: number) {
  const random = createRandom(seed);
  const votes: VoteRecord[] = [];
  for (let i = 0; i < count; i++) {
    const ballot = nextBallot(players, votes, exam, random.next);
    if (!ballot) break;
    const strength = (answer: string) => 3 ** players.findIndex(({ runId }) => answer.startsWith(`${runId} `));
    const [base, tuned] = [strength(ballot.base), strength(ballot.tuned)];
    const baseWins = random.next() < base / (base + tuned);
    const choice = random.next() < 0.1 ? "tie" : baseWins === ballot.baseFirst ? "first" : "second";
    const castAt = new Date(i * 1000).toISOString();
    votes.push({ id: `${i}`, ...ballot, choice, castAt, sampling: { temperature: 0, topK: null, topP: null } });
  }
  return votes;
}

test("pairs get votes evenly, no question twice for a pair, and each vote is stored with a run", () => {
  const votes = voted(120, 1);
  expect(votes).toHaveLength(120);
  const pairs = new Map<string, string[]>();
  for (const { runId, against, prompt } of votes) {
    const key = [runId, against?.runId ?? "base"].sort().join();
    pairs.set(key, [...(pairs.get(key) ?? []), prompt]);
  }
  expect([...pairs.values()].map((prompts) => prompts.length)).toEqual([20, 20, 20, 20, 20, 20]);
  for (const prompts of pairs.values()) expect(new Set(prompts).size).toBe(prompts.length);
  const first = votes.filter(({ baseFirst }) => baseFirst).length;
  expect(Math.abs(first - 60)).toBeLessThan(25);
  expect(votesAmong(players, votes, "h")).toHaveLength(120);
  expect(votesAmong(players, votes, "other")).toHaveLength(0);
  expect(votesAmong(players.slice(0, 2), votes, "h")).toHaveLength(20);
});

test("ratings order models of known strength, and their intervals contain it", () => {
  const all = standings(players, voted(360, 2));
  expect(all.map(({ player }) => player.name)).toEqual(["c", "b", "a", "base"]);
  const step = (400 / Math.LN10) * Math.log(3);
  for (const [index, { rating }] of all.entries()) {
    // Ties are half wins, which draw ratings together.
    expect(rating?.elo).toBeGreaterThan(1000 + step * (1.5 - index) - 150);
    expect(rating?.elo).toBeLessThan(1000 + step * (1.5 - index) + 150);
    expect(rating?.low).toBeLessThan(rating?.elo ?? 0);
  }
  const total = (of: "won" | "lost" | "ties") => all.reduce((sum, standing) => sum + standing[of], 0);
  expect(total("won")).toBe(total("lost"));
  expect(total("won") + total("ties") / 2).toBe(360);
});

test("a vote counts for the answer that was shown, in both orders", () => {
  const ballot = { runId: "a", step: 20, exam, prompt: "0?", reference: "x", base: "null 0", tuned: "a 0" };
  const cast = (baseFirst: boolean, choice: VoteRecord["choice"]): VoteRecord => ({
    ...{ id: "1", ...ballot, baseFirst, choice, castAt: "2026-12-01T00:00:00.000Z" },
    sampling: { temperature: 0, topK: null, topP: null },
  });
  const recordOf = (votes: readonly VoteRecord[]) =>
    Object.fromEntries(
      standings(players, votes).map(({ player, won, ties, lost }) => [player.name, [won, ties, lost]]),
    );
  expect(recordOf([cast(true, "first"), cast(false, "second")])).toMatchObject({ base: [2, 0, 0], a: [0, 0, 2] });
  expect(recordOf([cast(true, "second"), cast(false, "first")])).toMatchObject({ base: [0, 0, 2], a: [2, 0, 0] });
  expect(recordOf([cast(true, "tie")])).toMatchObject({ base: [0, 1, 0], a: [0, 1, 0], b: [0, 0, 0] });
  expect(standings(players, []).every(({ rating }) => rating === null)).toBe(true);
});

test("equal answers are no ballot, and the last ballot is followed by none", () => {
  const random = createRandom(3).next;
  expect(nextBallot([playerOf(null, 5, true), playerOf("a", 5, true)], [], exam, random)).toBeNull();
  const few = [playerOf(null, 2), playerOf("a", 2)];
  const votes: VoteRecord[] = [];
  for (let ballot = nextBallot(few, votes, exam, random); ballot; ballot = nextBallot(few, votes, exam, random)) {
    const rest = { choice: "tie" as const, castAt: "2026-12-01T00:00:00.000Z" };
    votes.push({ id: `${votes.length}`, ...ballot, ...rest, sampling: { temperature: 0, topK: null, topP: null } });
  }
  expect(votes.map(({ prompt }) => prompt).sort()).toEqual(["0?", "1?"]);
  expect(nextBallot([playerOf(null)], [], exam, random)).toBeNull();
});
