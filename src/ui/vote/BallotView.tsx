/** A ballot: a question, two answers without names, and the votes by button. */

import { Button, Group, Text } from "@mantine/core";
import type { KeyboardEvent } from "react";
import type { Choice } from "../../store/ballots.ts";
import { voteWords as words } from "../words/compare.ts";
import classes from "./BlindVote.module.css";

const choiceOfKey: Readonly<Record<string, Choice>> = { "1": "first", "2": "second", "0": "tie" };

/** The vote of a key; null for other keys, and for shortcuts of the browser. */
export const choiceOf = ({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): Choice | null =>
  ctrlKey || metaKey || altKey ? null : (choiceOfKey[key] ?? null);

interface BallotViewProps {
  readonly progress: string;
  readonly prompt: string;
  /** Null without a known answer. */
  readonly reference: string | null;
  readonly answers: readonly [first: string, second: string];
  vote(choice: Choice): void;
}

export function BallotView({ progress, prompt, reference, answers, vote }: BallotViewProps) {
  return (
    <>
      <div aria-live="polite" aria-atomic className={classes.ballot} data-testid="ballot">
        <p className={classes.progress}>{progress}</p>
        <p className={classes.prompt}>{prompt}</p>
        {reference !== null && (
          <p className={classes.reference}>
            <span>{words.expected}</span> {reference}
          </p>
        )}
        <dl className={classes.answers}>
          {answers.map((text, index) => (
            <div key={words.answer(index === 0 ? 1 : 2)} className={classes.answer}>
              <dt>{words.answer(index === 0 ? 1 : 2)}</dt>
              <dd>{text.trim() || words.empty}</dd>
            </div>
          ))}
        </dl>
      </div>
      <Group gap="sm">
        <Button variant="default" aria-keyshortcuts="1" onClick={() => vote("first")}>
          {words.better(1)}
        </Button>
        <Button variant="default" aria-keyshortcuts="2" onClick={() => vote("second")}>
          {words.better(2)}
        </Button>
        <Button variant="default" aria-keyshortcuts="0" onClick={() => vote("tie")}>
          {words.tie}
        </Button>
      </Group>
      <Text size="xs" c="dimmed">
        {words.keys}
      </Text>
    </>
  );
}
