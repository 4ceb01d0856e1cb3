/** The answers of a run to one prompt as cards, newest first, with new words marked. */

import { type KeyboardEvent, memo, useEffect, useRef } from "react";
import type { Snapshot } from "../../run/metrics.ts";
import { watchWords as words } from "../words/train.ts";
import { changes } from "./changes.ts";
import classes from "./Watch.module.css";

interface FilmStripProps {
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  readonly shown: Snapshot;
  onChoose(step: number): void;
}

interface CardProps {
  readonly snapshot: Snapshot;
  /** The previous snapshot; undefined for the first. */
  readonly earlier: Snapshot | undefined;
  readonly shown: boolean;
}

function whatChanged(fresh: number, gone: number, all: number, earlier: Snapshot): string {
  if (fresh > 0) return words.changed(fresh, all);
  return gone > 0 ? words.shorter : words.same(earlier.step);
}

const Card = memo(function Card({ snapshot, earlier, shown }: CardProps) {
  const { step, answer } = snapshot;
  const difference = earlier ? changes(earlier.answer, answer) : null;
  return (
    <div
      role="option"
      aria-selected={shown}
      tabIndex={shown ? 0 : -1}
      className={classes.card}
      data-step={step}
      data-shown={shown || undefined}
    >
      <span className={classes.when}>{words.step(step)}</span>
      <span className={classes.answer}>
        {answer === "" ? (
          <i>{words.empty}</i>
        ) : difference ? (
          difference.words.map(({ text, isNew }, index) =>
            // biome-ignore lint/suspicious/noArrayIndexKey: words of one answer have no other name.
            isNew ? <ins key={index}>{text}</ins> : text,
          )
        ) : (
          answer
        )}
      </span>
      <span className={classes.change}>
        {difference && earlier
          ? whatChanged(difference.fresh, difference.gone, difference.words.length, earlier)
          : words.base}
      </span>
    </div>
  );
});

export function FilmStrip({ snapshots, shown, onChoose }: FilmStripProps) {
  const strip = useRef<HTMLDivElement>(null);
  const moved = useRef(false);
  const newestFirst = snapshots.toReversed();
  const at = newestFirst.indexOf(shown);

  // Only a move by keyboard moves the focus.
  useEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    strip.current?.querySelector<HTMLElement>(`[data-step="${shown.step}"]`)?.focus();
  }, [shown]);

  const move = (event: KeyboardEvent) => {
    const goals: Readonly<Record<string, number>> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: newestFirst.length - 1,
    };
    const goal = goals[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    const next = newestFirst[Math.max(0, Math.min(newestFirst.length - 1, goal))];
    if (!next || next === shown) return;
    moved.current = true;
    onChoose(next.step);
  };

  return (
    <div
      ref={strip}
      role="listbox"
      aria-label={words.strip}
      aria-orientation="horizontal"
      tabIndex={-1}
      className={classes.strip}
      onKeyDown={move}
      onClick={(event) => {
        const card = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-step]") : null;
        if (card) onChoose(Number(card.dataset.step));
      }}
    >
      {newestFirst.map((snapshot, index) => (
        <Card key={snapshot.step} snapshot={snapshot} earlier={newestFirst[index + 1]} shown={snapshot === shown} />
      ))}
    </div>
  );
}
