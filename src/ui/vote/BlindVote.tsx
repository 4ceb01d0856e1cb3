/** The blind vote: one question at a time, two answers without names; votes by button or by the keys 1, 2 and 0. */

import { Button, Group, Text } from "@mantine/core";
import { type KeyboardEvent, useEffect, useMemo, useRef } from "react";
import type { Choice } from "../../store/ballots.ts";
import { pairsOf, type VoteRound, type VoteSource } from "../../store/vote.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { voteWords as words } from "../words/compare.ts";
import { BallotView, choiceOf } from "./BallotView.tsx";
import classes from "./BlindVote.module.css";
import { StoredVotes } from "./StoredVotes.tsx";
import { VoteCount } from "./VoteCount.tsx";

function Ballot({ round, vote }: { readonly round: VoteRound; vote(choice: Choice): void }) {
  const { ballots, votes } = round;
  const ballot = ballots[votes.length];
  if (!ballot) return null;
  const { prompt, reference, base, tuned, baseFirst } = ballot;
  return (
    <BallotView
      progress={words.progress(votes.length + 1, ballots.length)}
      prompt={prompt}
      reference={reference}
      answers={baseFirst ? [base, tuned] : [tuned, base]}
      vote={vote}
    />
  );
}

function Round({ round }: { readonly round: VoteRound }) {
  const hone = useHone();
  const box = useRef<HTMLDivElement>(null);
  const { votes, ballots, counted } = round;
  /** For buttons that disappear with their action: the focus stays in this part. */
  const thenStay = (work: () => void) => () => {
    work();
    box.current?.focus();
  };
  const vote = (choice: Choice) => {
    hone.vote.cast(choice);
    if (votes.length + 1 === ballots.length) box.current?.focus();
  };
  const byKey = (event: KeyboardEvent) => {
    const choice = choiceOf(event);
    if (choice === null || counted) return;
    event.preventDefault();
    vote(choice);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: some browsers cannot lay out a fieldset as a grid, and it takes no focus
    <div
      ref={box}
      role="group"
      aria-label={counted ? words.result.title : words.ballot}
      tabIndex={-1}
      className={classes.round}
      onKeyDown={byKey}
    >
      {counted ? <VoteCount round={round} /> : <Ballot round={round} vote={vote} />}
      <Group gap="xs">
        {votes.length > 0 && (
          <Button size="compact-sm" variant="subtle" onClick={thenStay(hone.vote.undo)}>
            {words.undo}
          </Button>
        )}
        {counted
          ? votes.length < ballots.length && (
              <Button size="compact-sm" variant="subtle" onClick={thenStay(() => hone.vote.count(false))}>
                {words.goOn}
              </Button>
            )
          : votes.length > 0 && (
              <Button size="compact-sm" variant="subtle" onClick={thenStay(() => hone.vote.count(true))}>
                {words.count}
              </Button>
            )}
        <Text size="xs" c="dimmed">
          {!counted && words.voted(votes.length)}
        </Text>
      </Group>
    </div>
  );
}

interface BlindVoteProps {
  /** The run with the samples. */
  readonly runId: string | null;
  /** True while an exam runs. */
  readonly disabled: boolean;
}

export function BlindVote({ runId, disabled }: BlindVoteProps) {
  const hone = useHone();
  const section = useRef<HTMLElement>(null);
  const round = useFacts((state) => state.vote.round);
  const exam = useFacts((state) => state.exam);
  const runs = useFacts((state) => state.runs);
  const { stored, failure } = useFacts((state) => state.vote);
  const ready = useFacts((state) => state.engine.status === "ready");
  const pairs = useMemo(
    () => ({
      exam: pairsOf({ exam, runs }, "exam", runId)?.pairs.length ?? 0,
      samples: pairsOf({ exam, runs }, "samples", runId)?.pairs.length ?? 0,
    }),
    [exam, runs, runId],
  );
  useEffect(() => {
    if (ready && runId !== null) void hone.vote.list(runId);
  }, [hone, ready, runId]);
  const start = (source: VoteSource) => {
    hone.vote.start(source, runId);
    // Waits for the first frame, because the group exists only then.
    requestAnimationFrame(() => section.current?.querySelector<HTMLElement>('[role="group"]')?.focus());
  };
  const button = (source: VoteSource, label: string) =>
    pairs[source] > 0 && (
      <Button variant="default" disabled={disabled || !ready} onClick={() => start(source)}>
        {label}
      </Button>
    );

  return (
    <PanelPart title={words.title} about={words.about} ref={section}>
      {round && <Round round={round} />}
      {!round && pairs.exam + pairs.samples === 0 && (
        <Text size="sm" c="dimmed">
          {words.nothing}
        </Text>
      )}
      <Group gap="sm">
        {(!round || round.counted) && (
          <>
            {button("exam", words.onExam(pairs.exam))}
            {button("samples", words.onSamples(pairs.samples))}
          </>
        )}
        {round && (
          <Button
            variant="subtle"
            onClick={() => {
              hone.vote.end();
              requestAnimationFrame(() => section.current?.querySelector("button")?.focus());
            }}
          >
            {words.end}
          </Button>
        )}
      </Group>
      <FailureAlert title={words.failed} failure={failure} />
      {/* A count beside an open question would influence the vote. */}
      {stored && stored.runId === runId && (!round || round.counted) && (
        <StoredVotes votes={stored.votes} runId={stored.runId} />
      )}
    </PanelPart>
  );
}
