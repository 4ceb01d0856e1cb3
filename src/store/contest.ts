/** Blind votes among any number of models as plain lists: players, the next ballot, and ratings. */

import type { VoteRecord } from "../run/results.ts";
import { bradleyTerry, eloOf, type Rating } from "../run/statistics/bradleyTerry.ts";
import type { ShownCurve } from "./examCurve.ts";

/** A model that is voted on, with its answers to the exam's questions. */
export interface Player {
  /** Null is the base model. */
  readonly runId: string | null;
  readonly name: string;
  readonly step: number;
  readonly answers: readonly { readonly prompt: string; readonly expected: string; readonly answer: string }[];
}

/** Two answers to one question; `base` is by `against`, which is the base model where it is missing. */
export type ContestBallot = Pick<
  VoteRecord,
  "runId" | "step" | "exam" | "prompt" | "reference" | "base" | "tuned" | "baseFirst" | "against"
>;

/** The last checkpoints of a curve, by their first seed. */
export const playersOf = ({ lines }: Pick<ShownCurve, "lines">): Player[] =>
  lines.flatMap(({ runId, name, points, last: [taken] }) => {
    const step = points.at(-1)?.step;
    if (!taken || step === undefined) return [];
    const answers = taken.questions.map(({ prompt, expected, answer }) => ({ prompt, expected, answer }));
    return [{ runId, name, step, answers }];
  });

/** The places of a vote's two players, the one of `base` first; null where one of them does not play. */
function placesOf(players: readonly Player[], { runId, step, against }: ContestBallot): [number, number] | null {
  const tuned = players.findIndex((player) => player.runId === runId && player.step === step);
  const base = players.findIndex((player) =>
    against ? player.runId === against.runId && player.step === against.step : player.runId === null,
  );
  return tuned < 0 || base < 0 ? null : [base, tuned];
}

/** The votes on these players' answers to this exam. */
export const votesAmong = (
  players: readonly Player[],
  votes: readonly VoteRecord[],
  examHash: string,
): readonly VoteRecord[] => votes.filter((vote) => vote.exam?.hash === examHash && placesOf(players, vote) !== null);

/**
 * A ballot of the two players with the fewest votes between them, on a question that these votes are not on; null where none is
 * left. Equal answers are no ballot. Players without runs on either side do not meet: a vote is stored with a run.
 */
export function nextBallot(
  players: readonly Player[],
  votes: readonly VoteRecord[],
  exam: NonNullable<VoteRecord["exam"]>,
  random: () => number,
): ContestBallot | null {
  const voted = new Map<string, Set<string>>();
  for (const vote of votes) {
    const key = placesOf(players, vote)?.toSorted().join();
    if (key !== undefined) voted.set(key, (voted.get(key) ?? new Set()).add(vote.prompt));
  }
  const pairs = players.flatMap((_, first) =>
    players.slice(first + 1).map((__, place) => {
      const second = first + 1 + place;
      const done = voted.get([first, second].join()) ?? new Set<string>();
      return { first, second, done, order: done.size + random() };
    }),
  );
  for (const { first, second, done } of pairs.toSorted((a, b) => a.order - b.order)) {
    const [base, tuned] = [players[first], players[second]];
    if (!base || !tuned || tuned.runId === null) continue;
    const open = base.answers.flatMap((one, index) => {
      const other = tuned.answers[index];
      return other && one.answer.trim() !== other.answer.trim() && !done.has(one.prompt) ? [{ one, other }] : [];
    });
    const drawn = open[Math.floor(random() * open.length)];
    if (!drawn) continue;
    const { one, other } = drawn;
    return {
      ...{ runId: tuned.runId, step: tuned.step, exam, prompt: one.prompt, reference: one.expected },
      ...{ base: one.answer, tuned: other.answer, baseFirst: random() < 0.5 },
      ...(base.runId !== null && { against: { runId: base.runId, name: base.name, step: base.step } }),
    };
  }
  return null;
}

export interface Standing {
  readonly player: Player;
  readonly won: number;
  readonly lost: number;
  readonly ties: number;
  /** On Elo's scale with its 95 % interval; null without a vote. */
  readonly rating: { readonly elo: number; readonly low: number; readonly high: number } | null;
}

/** Players by rating, the best first. Each has one extra tie against an average player, so that ratings stay finite. */
export function standings(players: readonly Player[], votes: readonly VoteRecord[]): Standing[] {
  const wins = players.map(() => players.map(() => 0));
  const counts = players.map(() => ({ won: 0, lost: 0, ties: 0 }));
  const add = (winner: number, loser: number, points: number) => {
    const row = wins[winner];
    if (row) row[loser] = (row[loser] ?? 0) + points;
  };
  const count = (place: number, what: "won" | "lost" | "ties") => {
    const own = counts[place];
    if (own) own[what]++;
  };
  for (const vote of votes) {
    const places = placesOf(players, vote);
    if (!places) continue;
    const [base, tuned] = places;
    if (vote.choice === "tie") {
      add(base, tuned, 0.5);
      add(tuned, base, 0.5);
      for (const place of places) count(place, "ties");
      continue;
    }
    const [winner, loser] = (vote.choice === "first") === vote.baseFirst ? [base, tuned] : [tuned, base];
    add(winner, loser, 1);
    count(winner, "won");
    count(loser, "lost");
  }
  const ratings = bradleyTerry(wins);
  const onScale = ({ log, low, high }: Rating) => ({ elo: eloOf(log), low: eloOf(low), high: eloOf(high) });
  return players
    .map((player, index) => {
      const rating = ratings[index];
      const { won = 0, lost = 0, ties = 0 } = counts[index] ?? {};
      return { player, won, lost, ties, rating: rating ? onScale(rating) : null };
    })
    .toSorted((a, b) => (b.rating?.elo ?? Number.NEGATIVE_INFINITY) - (a.rating?.elo ?? Number.NEGATIVE_INFINITY));
}
