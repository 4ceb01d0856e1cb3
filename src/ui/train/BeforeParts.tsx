/** What precedes the first step: a bar for each part, its seconds once it has ended, and a button that skips the optional ones. */

import { Button, Text } from "@mantine/core";
import { isSkippable } from "../../store/before.ts";
import type { BeforePart } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallBar, percentOf } from "../shell/CallBar.tsx";
import { CallProgress } from "../shell/CallProgress.tsx";
import { trainingWords, beforeWords as words } from "../words/train.ts";
import classes from "./BeforeParts.module.css";

function Part({ part }: { readonly part: BeforePart }) {
  const hone = useHone();
  const skipping = useFacts((state) => state.training.skipping);
  const { task, done, total, seconds } = part;
  const percent = percentOf(done, total);
  const ended = seconds !== null;
  return (
    <li className={classes.part} data-ended={ended || undefined}>
      <span className={classes.task}>{task}</span>
      <span className={classes.figure}>
        {ended ? words.seconds(seconds) : percent !== null && words.percent(percent)}
      </span>
      <div className={classes.bar}>
        <CallBar task={task} percent={ended ? 100 : percent} />
      </div>
      {!ended && isSkippable(part) && (
        <div className={classes.skip}>
          <Button
            size="compact-sm"
            variant="default"
            disabled={skipping}
            aria-describedby="skip-about"
            onClick={() => void hone.training.skipBefore()}
          >
            {skipping ? words.skipping : words.skip}
          </Button>
          <Text size="xs" c="dimmed" id="skip-about">
            {words.skipAbout}
          </Text>
        </div>
      )}
    </li>
  );
}

export function BeforeParts() {
  const parts = useFacts((state) => state.training.before);
  if (parts.length === 0) return <CallProgress of="engine" label={trainingWords.preparing} />;
  return (
    <section aria-label={words.title} data-testid="before-parts">
      <Text size="sm" fw={600} component="h3">
        {words.title}
      </Text>
      <ol className={classes.parts}>
        {parts.map((part) => (
          <Part key={`${part.task} ${part.startedAt}`} part={part} />
        ))}
      </ol>
    </section>
  );
}

/** The same parts after the first step, in one line that opens. */
export function BeforeSummary() {
  const parts = useFacts((state) => state.training.before);
  const [first] = parts;
  const last = parts.at(-1);
  if (!first || !last || last.seconds === null) return null;
  return (
    <details className={classes.summary} data-testid="before-summary">
      <summary>{words.took((last.startedAt - first.startedAt) / 1000 + last.seconds)}</summary>
      <ul>
        {parts.map(({ task, seconds, startedAt }) => (
          <li key={`${task} ${startedAt}`}>
            <span>{task}</span> <span>{words.seconds(seconds ?? 0)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
