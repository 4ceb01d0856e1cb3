/** Ballots and votes as plain lists: drawn at random, matched with stored votes, counted and grouped. */

import type { VoteRecord } from "../run/results.ts";

/** Which of the two shown answers is better. */
export type Choice = VoteRecord["choice"];

export interface Pair {
  readonly prompt: string;
  /** What the file gives as the answer. */
  readonly reference: string;
  readonly base: string;
  readonly tuned: string;
}

export interface Ballot extends Pair {
  /** Whether the base model's answer is shown first. */
  readonly baseFirst: boolean;
}

export interface VoteCount {
  readonly voted: number;
  readonly base: number;
  readonly tuned: number;
  readonly ties: number;
  /** Null where both won as often. */
  readonly winner: "base" | "tuned" | null;
  /** Of the votes that are no ties, the winner's share in [0, 1]; null without a winner. */
  readonly share: number | null;
  /** How often tossed coins give a lead at least as great, whoever leads: the two-sided sign test, in [0, 1]. */
  readonly chance: number;
}

/** Stored votes on the answers of one checkpoint to one set of questions. */
export interface VoteGroup extends Pick<VoteRecord, "exam" | "step"> {
  readonly votes: readonly VoteRecord[];
}

/** In random order, so that the first votes speak for all; where both answers are the same there is nothing to vote on. */
export function ballotsOf(pairs: readonly Pair[], random: () => number): readonly Ballot[] {
  return pairs
    .filter(({ base, tuned }) => base.trim() !== tuned.trim())
    .map((pair) => ({ place: random(), ballot: { ...pair, baseFirst: random() < 0.5 } }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ ballot }) => ballot);
}

const pairKey = ({ prompt, reference, base, tuned }: Pair) => JSON.stringify([prompt, reference, base, tuned]);

/** The ballots with those first that stored votes are on, as they were shown, and these votes in their order. */
export function withVotes(
  ballots: readonly Ballot[],
  votes: readonly VoteRecord[],
): { readonly ballots: readonly Ballot[]; readonly votes: readonly VoteRecord[] } {
  const open = new Map<string, Ballot[]>();
  for (const ballot of ballots) open.set(pairKey(ballot), [...(open.get(pairKey(ballot)) ?? []), ballot]);
  const counted = votes.flatMap((vote) => {
    const ballot = open.get(pairKey(vote))?.pop();
    return ballot ? [{ vote, ballot }] : [];
  });
  const voted = new Set(counted.map(({ ballot }) => ballot));
  const first = counted.map(({ vote, ballot }) => ({ ...ballot, baseFirst: vote.baseFirst }));
  return {
    ballots: [...first, ...ballots.filter((ballot) => !voted.has(ballot))],
    votes: counted.map(({ vote }) => vote),
  };
}

export function countVotes(votes: readonly Pick<VoteRecord, "baseFirst" | "choice">[]): VoteCount {
  const won = (side: "base" | "tuned") =>
    votes.filter(
      ({ choice, baseFirst }) => choice !== "tie" && (choice === "first") === (baseFirst === (side === "base")),
    ).length;
  const [base, tuned] = [won("base"), won("tuned")];
  const decided = base + tuned;
  const winner = base === tuned ? null : base > tuned ? "base" : "tuned";
  return {
    voted: votes.length,
    base,
    tuned,
    ties: votes.length - decided,
    winner,
    share: winner && Math.max(base, tuned) / decided,
    chance: chanceOf(Math.max(base, tuned), decided),
  };
}

/** The two-sided sign test: twice the probability of at least `wins` heads in `tosses`, at most 1. */
function chanceOf(wins: number, tosses: number): number {
  let sum = 0;
  // In logarithms: 2^-tosses would underflow.
  let log = -tosses * Math.LN2;
  for (let heads = 0; heads <= tosses; heads++) {
    if (heads >= wins) sum += Math.exp(log);
    log += Math.log((tosses - heads) / (heads + 1));
  }
  return Math.min(1, 2 * sum);
}

/** Votes by questions and checkpoint; the group with the newest vote is first. */
export function voteGroups(votes: readonly VoteRecord[]): readonly VoteGroup[] {
  const groups = new Map<string, VoteRecord[]>();
  // Votes against other runs are counted among all of them.
  for (const vote of votes.filter(({ against }) => against === undefined)) {
    const key = JSON.stringify([vote.exam?.hash ?? null, vote.step]);
    groups.set(key, [...(groups.get(key) ?? []), vote]);
  }
  const newest = (group: readonly VoteRecord[]) => group.at(-1)?.castAt ?? "";
  return [...groups.values()]
    .toSorted((a, b) => newest(b).localeCompare(newest(a)))
    .flatMap((group) => {
      const last = group.at(-1);
      return last ? [{ exam: last.exam, step: last.step, votes: group }] : [];
    });
}

/** Now, but after an earlier vote whatever the clock says: votes are stored in the order of their times. */
export const timeAfter = (earlier: string | undefined): string =>
  new Date(Math.max(Date.now(), earlier === undefined ? 0 : Date.parse(earlier) + 1)).toISOString();
