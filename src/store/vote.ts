/** A blind vote as a topic: two answers to a question without names, in random order; each vote is stored with its run. */

import type { VoteRecord } from "../run/results.ts";
import { type Context, patch } from "./context.ts";
import { comparedQuestions } from "./examSummary.ts";
import { type Failure, type HoneState, toFailure } from "./state.ts";

/** Which questions: those of the exam that is shown, or those that the compared run answered before and after. */
export type VoteSource = "exam" | "samples";

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

/** Whose answers are voted on. */
interface VoteSubject {
  readonly run: { readonly id: string; readonly name: string };
  /** Of the checkpoint that gave the tuned answers. */
  readonly step: number;
  readonly exam: VoteRecord["exam"];
}

export interface VoteRound extends VoteSubject {
  readonly source: VoteSource;
  readonly ballots: readonly Ballot[];
  /** Of the first ballots, in their order. */
  readonly votes: readonly VoteRecord[];
  /** Questions left out because both answers are the same. */
  readonly alike: number;
  /** Whether the count is shown instead of the next question. */
  readonly counted: boolean;
}

export interface VoteFacts {
  readonly round: VoteRound | null;
  /** The votes that are stored of a run; null until they are read. */
  readonly stored: { readonly runId: string; readonly votes: readonly VoteRecord[] } | null;
  readonly failure: Failure | null;
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

/** Both answers are greedy: an exam's, and those to a run's held-out questions. */
const greedy: VoteRecord["sampling"] = { temperature: 0, topK: null, topP: null };

/** What can be voted on: pairs of answers of the exam that is shown, or of the samples of a run; null where there are none. */
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
      after === null ? [] : [{ prompt, reference, base: before, tuned: after }],
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
): Pick<VoteRound, "ballots" | "votes"> {
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

const ofSubject =
  ({ exam, step }: Pick<VoteSubject, "exam" | "step">) =>
  (vote: VoteRecord) =>
    vote.step === step && vote.exam?.hash === exam?.hash;

/** Votes by questions and checkpoint; the group with the newest vote is first. */
export function voteGroups(votes: readonly VoteRecord[]): readonly VoteGroup[] {
  const groups = new Map<string, VoteRecord[]>();
  for (const vote of votes) {
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

export interface VoteActions {
  /** Reads the votes that are stored of a run. */
  list(runId: string): Promise<void>;
  /** Begins a round, or goes on with the stored votes on the same answers; an open round is closed. */
  start(source: VoteSource, runId: string | null): void;
  /** Stores a vote on the present question. One that cannot be stored is taken back, with the reason. */
  cast(choice: Choice): void;
  /** Takes back the last vote of the round. */
  undo(): void;
  /** Shows the count, or goes on voting. */
  count(shown: boolean): void;
  end(): void;
  /** Takes back stored votes. */
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
  /** Changes the votes of a run as they are listed here. */
  const changeStored = (runId: string, edit: (votes: readonly VoteRecord[]) => readonly VoteRecord[]) => {
    const { stored } = facts();
    if (stored?.runId === runId) set({ stored: { runId, votes: edit(stored.votes) } });
  };
  const without = (votes: readonly VoteRecord[], gone: ReadonlySet<string>) => votes.filter(({ id }) => !gone.has(id));

  /** Writes follow each other: a vote is on disk before it is taken back. */
  let writes: Promise<unknown> = Promise.resolve();
  const write = (work: () => Promise<void>): Promise<void> => {
    const done = writes.then(work);
    writes = done.catch(() => undefined);
    return done;
  };

  /** Takes votes out of the round; their questions come next. */
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
      const castAt = new Date().toISOString();
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
