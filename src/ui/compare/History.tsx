/** Earlier conversations: open, delete, undo. */

import { Button, Group, Text } from "@mantine/core";
import { useRef } from "react";
import { mostConversations } from "../../store/history.ts";
import { dateAndTime } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { compareWords, historyWords as words } from "../words/compare.ts";
import classes from "./ComparePanel.module.css";

const firstWords = (text: string) => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

export function History() {
  const hone = useHone();
  const conversations = useFacts((state) => state.compare.conversations);
  const present = useFacts((state) => state.compare.present);
  const removed = useFacts((state) => state.compare.removed);
  const busy = useFacts((state) => state.compare.answering);
  const summary = useRef<HTMLElement>(null);
  const last = removed.at(-1);
  if (conversations.length === 0 && !last) return null;

  return (
    <details className={classes.history}>
      <summary ref={summary}>{words.count(conversations.length)}</summary>
      <Text size="sm" c="dimmed">
        {words.limit(mostConversations)}
      </Text>
      {last && (
        <Group gap="xs">
          <Text size="sm" role="status" className={classes.words ?? ""}>
            {words.removed(firstWords(last.turns[0]?.question ?? ""))}
          </Text>
          <Button
            key={last.id}
            size="compact-sm"
            variant="default"
            autoFocus
            onClick={() => {
              hone.compare.undoRemove();
              // The button disappears with its last entry.
              if (removed.length === 1) summary.current?.focus();
            }}
          >
            {words.undo}
          </Button>
        </Group>
      )}
      <ul className={classes.conversations}>
        {conversations.map(({ id, startedAt, turns, sides }) => {
          const question = firstWords(turns[0]?.question ?? "");
          const names = sides.map(({ name, of, checkpoint }) => {
            const who = checkpoint === null ? of : compareWords.run.name(of, checkpoint);
            return `${compareWords.sides[name]}: ${who}`;
          });
          return (
            <li key={id} className={classes.past}>
              <div className={classes.pastWords}>
                <Button
                  size="compact-sm"
                  variant="subtle"
                  className={classes.pastQuestion ?? ""}
                  aria-label={words.open(question)}
                  aria-current={id === present}
                  disabled={busy}
                  onClick={() => hone.compare.open(id)}
                >
                  {question}
                </Button>
                <Text size="xs" c="dimmed" className={classes.words ?? ""}>
                  {[
                    dateAndTime(startedAt),
                    words.turns(turns.length),
                    ...names,
                    ...(id === present ? [words.present] : []),
                  ].join(" · ")}
                </Text>
              </div>
              <Button
                size="compact-sm"
                variant="subtle"
                color="red"
                aria-label={words.removeName(question)}
                disabled={busy && id === present}
                onClick={() => hone.compare.remove(id)}
              >
                {words.remove}
              </Button>
            </li>
          );
        })}
      </ul>
    </details>
  );
}
