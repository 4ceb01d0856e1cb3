/** The blind vote among the models of the exam curve, and their ratings. */

import { Button, Group, Table, Text } from "@mantine/core";
import { type KeyboardEvent, useEffect, useMemo, useRef } from "react";
import type { Choice } from "../../store/ballots.ts";
import { playersOf, type Standing, standings } from "../../store/contest.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { voteWords } from "../words/compare.ts";
import { contestWords as words } from "../words/exam.ts";
import classes from "./BlindVote.module.css";
import own from "./ContestVote.module.css";

const choiceOfKey: Readonly<Record<string, Choice>> = { "1": "first", "2": "second", "0": "tie" };

function Ratings({ all }: { readonly all: readonly Standing[] }) {
  return (
    <ScrollRegion label={words.ratings} className={own.scroll}>
      <Table className={own.table ?? ""} withRowBorders={false} verticalSpacing={4} data-testid="ratings">
        <Table.Thead>
          <Table.Tr>
            {Object.values(words.columns).map((column) => (
              <Table.Th key={column} scope="col">
                {column}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {all.map(({ player, rating, won, lost, ties }) => (
            <Table.Tr key={player.runId ?? "base"}>
              <Table.Th scope="row">{words.name(player.name, player.step)}</Table.Th>
              <Table.Td>{rating ? Math.round(rating.elo) : words.noRating}</Table.Td>
              <Table.Td>{rating ? words.interval(rating.low, rating.high) : ""}</Table.Td>
              <Table.Td>{words.record(won, ties, lost)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollRegion>
  );
}

export function ContestVote() {
  const hone = useHone();
  const box = useRef<HTMLDivElement>(null);
  const shown = useFacts((state) => state.curve.shown);
  const { votes, ballot, complete, failure } = useFacts((state) => state.contest);
  const ready = useFacts((state) => state.engine.status === "ready");
  const idle = useFacts((state) => state.exam.phase === "idle");
  const players = useMemo(() => (shown ? playersOf(shown) : []), [shown]);
  useEffect(() => {
    void shown;
    if (ready) void hone.contest.list();
  }, [hone, ready, shown]);
  const vote = (choice: Choice) => {
    void hone.contest.cast(choice);
    box.current?.focus();
  };
  const byKey = (event: KeyboardEvent) => {
    const choice = choiceOfKey[event.key];
    if (choice === undefined || !ballot || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    vote(choice);
  };
  if (players.length < 3) return null;
  const texts = ballot && (ballot.baseFirst ? [ballot.base, ballot.tuned] : [ballot.tuned, ballot.base]);
  return (
    <PanelPart title={words.title} about={words.about}>
      {ballot && texts && (
        // biome-ignore lint/a11y/useSemanticElements: some browsers cannot lay out a fieldset as a grid, and it takes no focus
        <div
          ref={box}
          role="group"
          aria-label={words.ballot}
          tabIndex={-1}
          className={classes.round}
          onKeyDown={byKey}
          data-testid="contest"
        >
          <div aria-live="polite" aria-atomic className={classes.ballot}>
            <p className={classes.prompt}>{ballot.prompt}</p>
            <p className={classes.reference}>
              <span>{voteWords.expected}</span> {ballot.reference}
            </p>
            <dl className={classes.answers}>
              {texts.map((text, index) => (
                <div key={voteWords.answer(index === 0 ? 1 : 2)} className={classes.answer}>
                  <dt>{voteWords.answer(index === 0 ? 1 : 2)}</dt>
                  <dd>{text.trim() || voteWords.empty}</dd>
                </div>
              ))}
            </dl>
          </div>
          <Group gap="sm">
            <Button variant="default" aria-keyshortcuts="1" onClick={() => vote("first")}>
              {voteWords.better(1)}
            </Button>
            <Button variant="default" aria-keyshortcuts="2" onClick={() => vote("second")}>
              {voteWords.better(2)}
            </Button>
            <Button variant="default" aria-keyshortcuts="0" onClick={() => vote("tie")}>
              {voteWords.tie}
            </Button>
          </Group>
          <Text size="xs" c="dimmed">
            {voteWords.keys}
          </Text>
        </div>
      )}
      <Group gap="sm">
        {!ballot && (
          <Button variant="default" disabled={!ready || !idle || votes === null} onClick={hone.contest.start}>
            {words.start(players.length)}
          </Button>
        )}
        {(votes?.length ?? 0) > 0 && (
          <Button variant="subtle" onClick={() => void hone.contest.undo()}>
            {voteWords.undo}
          </Button>
        )}
        {ballot && (
          <Button variant="subtle" onClick={hone.contest.end}>
            {words.end}
          </Button>
        )}
        <Text size="sm" c="dimmed">
          {complete ? words.complete : voteWords.voted(votes?.length ?? 0)}
        </Text>
      </Group>
      <FailureAlert title={voteWords.failed} failure={failure} />
      {/* Ratings beside an open ballot would influence the vote. */}
      {!ballot && votes && votes.length > 0 && (
        <>
          <Ratings all={standings(players, votes)} />
          <Text size="sm" c="dimmed">
            {words.ratingAbout}
          </Text>
        </>
      )}
    </PanelPart>
  );
}
