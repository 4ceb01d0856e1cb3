/** The slice of the blind vote among runs: each vote is stored with one of its two runs. */

import type { VoteRecord } from "../run/results.ts";
import { type Choice, timeAfter } from "./ballots.ts";
import { type ContestBallot, nextBallot, type Player, playersOf, votesAmong } from "./contest.ts";
import { type Context, patch } from "./context.ts";
import { type Failure, toFailure } from "./state.ts";

export interface ContestFacts {
  /** Votes on the last checkpoints of the exam curve, in the order of casting; null until they are read. */
  readonly votes: readonly VoteRecord[] | null;
  /** The open ballot; null while nobody votes. */
  readonly ballot: ContestBallot | null;
  /** Whether every pair of different answers has a vote. */
  readonly complete: boolean;
  readonly failure: Failure | null;
}

export interface ContestActions {
  /** Reads the stored votes among the models of the exam curve. */
  list(): Promise<void>;
  /** Shows a ballot. */
  start(): void;
  /** Stores a vote on the open ballot, and shows the next one. */
  cast(choice: Choice): Promise<void>;
  /** Deletes the newest vote. */
  undo(): Promise<void>;
  /** Closes the ballot: the ratings are shown. */
  end(): void;
}

/** The models of the exam curve draw greedily, or at its temperature. */
const samplingOf = (sampling: VoteRecord["sampling"] | undefined): VoteRecord["sampling"] =>
  sampling
    ? { temperature: sampling.temperature, topK: sampling.topK, topP: sampling.topP }
    : { temperature: 0, topK: null, topP: null };

export function contestActions(context: Context): ContestActions {
  const { client, store } = context;
  const facts = () => store.getState().contest;
  const set = (edit: Partial<ContestFacts>) => patch(context, "contest", edit);
  const shown = () => store.getState().curve.shown;
  const players = (): readonly Player[] => {
    const curve = shown();
    return curve ? playersOf(curve) : [];
  };
  let requests = 0;

  const next = (votes: readonly VoteRecord[]) => {
    const exam = shown()?.exam;
    const ballot = exam ? nextBallot(players(), votes, exam, Math.random) : null;
    set({ ballot, complete: ballot === null });
  };

  return {
    async list() {
      const request = ++requests;
      const exam = shown()?.exam;
      const playing = players();
      try {
        const lists = await Promise.all(
          playing.flatMap(({ runId }) => (runId === null ? [] : [client.engine.votesOf(runId)])),
        );
        if (request !== requests) return;
        const votes = exam ? votesAmong(playing, lists.flat(), exam.hash) : [];
        set({ votes: votes.toSorted((a, b) => a.castAt.localeCompare(b.castAt)), complete: false });
      } catch (thrown) {
        set({ failure: toFailure(thrown) });
      }
    },
    start: () => {
      set({ failure: null });
      next(facts().votes ?? []);
    },
    async cast(choice) {
      const { ballot, votes } = facts();
      if (!ballot || !votes) return;
      const sampling = samplingOf(shown()?.lines.find(({ last }) => last.length > 0)?.last[0]?.sampling);
      const castAt = timeAfter(votes.at(-1)?.castAt);
      const vote: VoteRecord = { id: crypto.randomUUID(), ...ballot, choice, castAt, sampling };
      const all = [...votes, vote];
      set({ votes: all, failure: null });
      next(all);
      try {
        await client.engine.castVote(vote);
      } catch (thrown) {
        set({ votes: (facts().votes ?? []).filter(({ id }) => id !== vote.id), failure: toFailure(thrown) });
      }
    },
    async undo() {
      const last = facts().votes?.at(-1);
      if (!last) return;
      try {
        await client.engine.deleteVotes(last.runId, [last.id]);
        const votes = (facts().votes ?? []).filter(({ id }) => id !== last.id);
        const { id: _id, choice: _choice, castAt: _castAt, sampling: _sampling, ...ballot } = last;
        set({ votes, ballot: facts().ballot && ballot, complete: false });
      } catch (thrown) {
        set({ failure: toFailure(thrown) });
      }
    },
    end: () => set({ ballot: null }),
  };
}
