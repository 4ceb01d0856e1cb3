/** A blind vote as a topic: two answers to a question without names, in random order, and what the votes amount to. */

import { type Context, patch } from "./context.ts";
import type { HoneState } from "./state.ts";

/** Which questions: those of the last exam, or those that the compared run answered before and after. */
export type VoteSource = "exam" | "samples";

export interface Ballot {
  readonly prompt: string;
  /** What the file gives as the answer. */
  readonly reference: string;
  readonly base: string;
  readonly tuned: string;
  /** Whether the base model's answer is shown first. */
  readonly baseFirst: boolean;
}

/** Which of the two shown answers is better. */
export type Choice = "first" | "second" | "tie";

export interface VoteRound {
  readonly source: VoteSource;
  /** The run's name. */
  readonly run: string;
  readonly ballots: readonly Ballot[];
  /** Of the first ballots, in their order. */
  readonly votes: readonly Choice[];
  /** Questions left out because both answers are the same. */
  readonly alike: number;
  /** Whether the count is shown, which it is not before it is asked for. */
  readonly counted: boolean;
}

export interface VoteFacts {
  readonly round: VoteRound | null;
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

export interface Pair {
  readonly prompt: string;
  readonly reference: string;
  readonly base: string;
  readonly tuned: string;
}

/** What can be voted on: pairs of answers, for the exam and for the samples of a run. */
export function pairsOf({ exam, runs }: Pick<HoneState, "exam" | "runs">, source: VoteSource, runId: string | null) {
  const run = runs.list.find(({ id }) => id === runId);
  if (source === "samples") {
    const pairs = (run?.samples ?? []).flatMap(({ prompt, reference, before, after }): Pair[] =>
      after === null ? [] : [{ prompt, reference, base: before, tuned: after }],
    );
    return { run: run?.name ?? "", pairs };
  }
  const { results } = exam;
  const pairs = (results?.exam.questions ?? []).flatMap(({ prompt, expected: reference }, index): Pair[] => {
    const [base, tuned] = [results?.base.answers[index], results?.tuned?.answers[index]];
    return base && tuned ? [{ prompt, reference, base: base.text, tuned: tuned.text }] : [];
  });
  return { run: results?.run?.name ?? "", pairs };
}

/** In random order, so that the first votes speak for all; where both answers are the same there is nothing to vote on. */
export function ballotsOf(pairs: readonly Pair[], random: () => number): readonly Ballot[] {
  return pairs
    .filter(({ base, tuned }) => base.trim() !== tuned.trim())
    .map((pair) => ({ place: random(), ballot: { ...pair, baseFirst: random() < 0.5 } }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ ballot }) => ballot);
}

export function countVotes({ ballots, votes }: Pick<VoteRound, "ballots" | "votes">): VoteCount {
  const won = (side: "base" | "tuned") =>
    votes.filter(
      (vote, index) => vote !== "tie" && (vote === "first") === (ballots[index]?.baseFirst === (side === "base")),
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

export interface VoteActions {
  /** Begins a round on what there is; an earlier one is given up. `runId` is the run whose samples are meant. */
  start(source: VoteSource, runId: string | null): void;
  cast(choice: Choice): void;
  undo(): void;
  /** Shows the count, or goes on voting. */
  count(shown: boolean): void;
  end(): void;
}

export function voteActions(context: Context): VoteActions {
  const { store } = context;
  const change = (edit: (round: VoteRound) => Partial<VoteRound>) => {
    const { round } = store.getState().vote;
    if (round) patch(context, "vote", { round: { ...round, ...edit(round) } });
  };
  return {
    start(source, runId) {
      const { run, pairs } = pairsOf(store.getState(), source, runId);
      const ballots = ballotsOf(pairs, Math.random);
      const alike = pairs.length - ballots.length;
      patch(context, "vote", { round: { source, run, ballots, votes: [], alike, counted: ballots.length === 0 } });
    },
    cast: (choice) =>
      change(({ votes, ballots, counted }) => {
        if (counted || votes.length >= ballots.length) return {};
        return { votes: [...votes, choice], counted: votes.length + 1 === ballots.length };
      }),
    undo: () => change(({ votes }) => ({ votes: votes.slice(0, -1), counted: false })),
    count: (shown) => change(({ votes, ballots }) => ({ counted: shown || votes.length === ballots.length })),
    end: () => patch(context, "vote", { round: null }),
  };
}
