/**
 * The slice of the blind vote: two answers to a question without names, in random order; each vote is stored with its
 * run.
 */

import type { VoteRecord } from "../run/results.ts";
import { type Ballot, ballotsOf, type Choice, type Pair, timeAfter, withVotes } from "./ballots.ts";
import { type Context, patch } from "./context.ts";
import { comparedQuestions } from "./examSummary.ts";
import { type Failure, type HoneState, toFailure } from "./state.ts";

/** The source of the questions: the exam on the page, or the compared run's samples before and after. */
export type VoteSource = "exam" | "samples";

/** The tuned model of the vote. */
interface VoteSubject {
  readonly run: { readonly id: string; readonly name: string };
  /** Step of the checkpoint that generated the tuned answers. */
  readonly step: number;
  readonly exam: VoteRecord["exam"];
}

export interface VoteRound extends VoteSubject {
  readonly source: VoteSource;
  readonly ballots: readonly Ballot[];
  /** Votes on the first ballots, in order. */
  readonly votes: readonly VoteRecord[];
  /** Number of questions left out because both answers are the same. */
  readonly alike: number;
  /** Whether the page shows the count instead of the next question. */
  readonly counted: boolean;
}

export interface VoteFacts {
  readonly round: VoteRound | null;
  /** The stored votes on a run; null until they are read. */
  readonly stored: { readonly runId: string; readonly votes: readonly VoteRecord[] } | null;
  readonly failure: Failure | null;
}

/** Exams and samples are decoded greedily. */
const greedy: VoteRecord["sampling"] = { temperature: 0, topK: null, topP: null };

/** Pairs of answers for a vote: from the exam on the page, or from the samples of a run; null without any. */
export function pairsOf(
  { exam, runs }: Pick<HoneState, "exam" | "runs">,
  source: VoteSource,
  runId: string | null,
): (VoteSubject & { readonly pairs: readonly Pair[] }) | null {
  const subject = (
    run: { id: string; name: string },
    pairs: readonly Pair[],
    rest: Pick<VoteSubject, "step" | "exam">,
  ) => (pairs.length === 0 ? null : { run: { id: run.id, name: run.name }, ...rest, pairs });
  if (source === "samples") {
    const run = runs.list.find(({ id }) => id === runId);
    const pairs = (run?.samples ?? []).flatMap(({ prompt, reference, before, after }): Pair[] =>
      before === null || after === null ? [] : [{ prompt, reference, base: before, tuned: after }],
    );
    return run ? subject(run, pairs, { step: run.step, exam: null }) : null;
  }
  const { results } = exam;
  const tuned = results?.tuned;
  if (!results?.run || !tuned) return null;
  const pairs = comparedQuestions(results).flatMap(({ question, before, after }): Pair[] => {
    const { prompt, expected: reference } = question;
    return before && after ? [{ prompt, reference, base: before.answer, tuned: after.answer }] : [];
  });
  const { name, hash } = tuned.exam;
  return subject(results.run, pairs, { step: tuned.step ?? 0, exam: { name, hash } });
}

const ofSubject =
  ({ exam, step }: Pick<VoteSubject, "exam" | "step">) =>
  (vote: VoteRecord) =>
    vote.against === undefined && vote.step === step && vote.exam?.hash === exam?.hash;

export interface VoteActions {
  /** Reads the stored votes on a run. */
  list(runId: string): Promise<void>;
  /** Starts a round, or continues with the stored votes on the same answers; an open round ends. */
  start(source: VoteSource, runId: string | null): void;
  /** Stores a vote on the current question. If that fails, the vote is undone and the reason shown. */
  cast(choice: Choice): void;
  /** Undoes the last vote of the round. */
  undo(): void;
  /** Shows the count, or returns to the vote. */
  count(shown: boolean): void;
  end(): void;
  /** Deletes stored votes. */
  remove(votes: readonly VoteRecord[]): Promise<void>;
}

export function voteActions(context: Context): VoteActions {
  const { client, store } = context;
  const facts = () => store.getState().vote;
  const set = (edit: Partial<VoteFacts>) => patch(context, "vote", edit);
  const change = (edit: (round: VoteRound) => Partial<VoteRound>) => {
    const { round } = facts();
    if (round) set({ round: { ...round, ...edit(round) } });
  };
  /** Changes the listed votes of a run. */
  const changeStored = (runId: string, edit: (votes: readonly VoteRecord[]) => readonly VoteRecord[]) => {
    const { stored } = facts();
    if (stored?.runId === runId) set({ stored: { runId, votes: edit(stored.votes) } });
  };
  const without = (votes: readonly VoteRecord[], gone: ReadonlySet<string>) => votes.filter(({ id }) => !gone.has(id));

  /** Writes run in order: a vote is stored before it can be deleted. */
  let writes: Promise<unknown> = Promise.resolve();
  const write = (work: () => Promise<void>): Promise<void> => {
    const done = writes.then(work);
    writes = done.catch(() => undefined);
    return done;
  };

  /** Removes votes from the round; their questions come next. */
  const reopen = (gone: ReadonlySet<string>) =>
    change(({ ballots, votes, counted }) => {
      const voted = ballots.slice(0, votes.length);
      const isGone = (index: number) => gone.has(votes[index]?.id ?? "");
      const open = voted.filter((_, index) => isGone(index));
      return {
        ballots: [...voted.filter((_, index) => !isGone(index)), ...open, ...ballots.slice(votes.length)],
        votes: without(votes, gone),
        counted: counted && open.length === 0,
      };
    });

  const persist = (vote: VoteRecord) =>
    write(() => client.engine.castVote(vote)).catch((thrown) => {
      reopen(new Set([vote.id]));
      changeStored(vote.runId, (votes) => without(votes, new Set([vote.id])));
      set({ failure: toFailure(thrown) });
    });

  const takeBack = async (runId: string, votes: readonly VoteRecord[]) => {
    const gone = new Set(votes.map(({ id }) => id));
    try {
      await write(() => client.engine.deleteVotes(runId, [...gone]));
      reopen(gone);
      changeStored(runId, (all) => without(all, gone));
    } catch (thrown) {
      set({ failure: toFailure(thrown) });
    }
  };

  return {
    async list(runId) {
      if (facts().stored?.runId !== runId) set({ stored: null, failure: null });
      try {
        await writes;
        const votes = await client.engine.votesOf(runId);
        set({ stored: { runId, votes } });
      } catch (thrown) {
        set({ failure: toFailure(thrown) });
      }
    },
    start(source, runId) {
      const found = pairsOf(store.getState(), source, runId);
      if (!found) return;
      const { pairs, ...subject } = found;
      const ballots = ballotsOf(pairs, Math.random);
      const { stored } = facts();
      const earlier = stored?.runId === subject.run.id ? stored.votes.filter(ofSubject(subject)) : [];
      const round = { ...subject, source, alike: pairs.length - ballots.length, ...withVotes(ballots, earlier) };
      set({ round: { ...round, counted: round.votes.length === ballots.length }, failure: null });
    },
    cast(choice) {
      const { round } = facts();
      const ballot = round?.ballots[round.votes.length];
      if (!round || !ballot || round.counted) return;
      const { run, step, exam, votes, ballots } = round;
      const castAt = timeAfter(votes.at(-1)?.castAt);
      const vote = { id: crypto.randomUUID(), runId: run.id, step, exam, ...ballot, choice, castAt, sampling: greedy };
      change(() => ({ votes: [...votes, vote], counted: votes.length + 1 === ballots.length }));
      changeStored(run.id, (all) => [...all, vote]);
      set({ failure: null });
      void persist(vote);
    },
    undo() {
      const { round } = facts();
      const last = round?.votes.at(-1);
      if (round && last) void takeBack(round.run.id, [last]);
    },
    count: (shown) => change(({ votes, ballots }) => ({ counted: shown || votes.length === ballots.length })),
    end: () => set({ round: null }),
    async remove(votes) {
      const [first] = votes;
      if (first) await takeBack(first.runId, votes);
    },
  };
}
