/** Votes as preference rows: the better answer is chosen, the other rejected. */

import type { VoteRecord } from "../run/results.ts";
import type { Choice } from "./ballots.ts";

/** A vote on two answers, in the order in which they were shown. */
export interface VotedPair {
  readonly prompt: string;
  readonly answers: readonly [first: string, second: string];
  readonly choice: Choice;
}

export interface VotedRows {
  /** JSON Lines of prompt, chosen and rejected. */
  readonly text: string;
  readonly pairs: number;
  /** Votes that are no row: ties, and those on an empty answer. */
  readonly ties: number;
  readonly empty: number;
}

/** A blind vote on base and tuned model. */
export const pairOfVote = ({ prompt, base, tuned, baseFirst, choice }: VoteRecord): VotedPair => ({
  prompt,
  answers: baseFirst ? [base, tuned] : [tuned, base],
  choice,
});

export function votedRows(votes: readonly VotedPair[]): VotedRows {
  const decided = votes.filter(({ choice }) => choice !== "tie");
  const rows = decided
    .map(({ prompt, answers: [first, second], choice }) => {
      const [chosen, rejected] = choice === "first" ? [first, second] : [second, first];
      return { prompt, chosen: chosen.trim(), rejected: rejected.trim() };
    })
    // A row needs two answers: an empty one has no token to compare.
    .filter(({ chosen, rejected }) => chosen !== "" && rejected !== "");
  return {
    text: rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
    pairs: rows.length,
    ties: votes.length - decided.length,
    empty: decided.length - rows.length,
  };
}
