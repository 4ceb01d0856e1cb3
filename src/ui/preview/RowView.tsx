/** A row of the preview: its examples or the reason for none, and its raw form. */

import { NativeSelect, Text } from "@mantine/core";
import { useState } from "react";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { structureWords } from "../words/edit.ts";
import { answersWords, exampleWords as words } from "../words/preview.ts";
import { AnswersView } from "./AnswersView.tsx";
import { groupsOf } from "./answers.ts";
import { ExampleView } from "./ExampleView.tsx";
import classes from "./Preview.module.css";
import type { PreviewRow } from "./roles.ts";

interface RowViewProps {
  readonly shown: PreviewRow;
}

/** A row's JSON; plain text as it is. */
const rawText = (json: string): string => (json.startsWith('"') ? JSON.parse(json) : json);

export function RowView({ shown }: RowViewProps) {
  const [thread, setThread] = useState(0);
  const groups = groupsOf(shown.examples);
  const group = groups[thread] ?? groups[0];
  const pairs = groups.some(([{ answer }]) => answer !== undefined);
  const turns = shown.examples.some(({ turn }) => turn !== undefined);
  const key = `${shown.source} ${shown.row} ${thread}`;
  const raw = shown.value === null ? null : rawText(shown.value);
  return (
    <>
      {groups.length > 1 && (
        <NativeSelect
          label={turns ? structureWords.answer : words.thread}
          description={
            turns
              ? structureWords.answers(groups.length)
              : pairs
                ? answersWords.pairs(groups.length)
                : words.threads(groups.length)
          }
          value={String(Math.min(thread, groups.length - 1))}
          data={groups.map(([{ messages, problem, turn, answer }], index) => ({
            value: String(index),
            label: turn
              ? structureWords.turn(turn.nth, turn.of, problem !== null)
              : answer
                ? answersWords.pairOf(index + 1, problem !== null)
                : words.threadOf(index + 1, messages.length, problem !== null),
          }))}
          onChange={(event) => setThread(Number(event.currentTarget.value))}
        />
      )}
      {shown.problem && (
        <Text size="sm" className={classes.doubt ?? ""} data-testid="row-problem">
          {shown.problem}
        </Text>
      )}
      {group &&
        (group[0].answer ? <AnswersView key={key} examples={group} /> : <ExampleView key={key} example={group[0]} />)}
      {raw !== null && (
        <details className={classes.raw}>
          <summary>{words.raw}</summary>
          <ScrollRegion label={words.raw} className={classes.rawText}>
            <pre>{raw}</pre>
          </ScrollRegion>
        </details>
      )}
    </>
  );
}
