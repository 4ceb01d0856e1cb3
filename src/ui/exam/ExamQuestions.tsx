/** Every question of an exam with the answers to it, some at a time; right and wrong are told in words. */

import { Button, NativeSelect, Text } from "@mantine/core";
import { useId, useState } from "react";
import type { ExamAnswer } from "../../protocol/engine.ts";
import type { ExamResults } from "../../store/state.ts";
import { examWords as words } from "../words/compare.ts";
import classes from "./Exam.module.css";

/** Shown at first, and added by each click. */
const first = 10;
const more = 200;

type Which = keyof typeof words.kinds;

function Answer({ title, answer }: { readonly title: string; readonly answer: ExamAnswer }) {
  return (
    <div data-correct={answer.correct}>
      <dt>
        {title}: <span className={classes.mark}>{answer.correct ? words.right : words.wrong}</span>
        {words.endings[answer.finish]}
      </dt>
      <dd>{answer.text.trim() || words.empty}</dd>
    </div>
  );
}

export function ExamQuestions({ results }: { readonly results: ExamResults }) {
  const { exam, base, tuned } = results;
  const id = useId();
  const [which, setWhich] = useState<Which>("all");
  const [limit, setLimit] = useState(first);

  const asked = exam.questions.flatMap((item, index) => {
    const before = base.answers[index];
    return before ? [{ index, item, before, after: tuned?.answers[index] ?? null }] : [];
  });
  const shownOf: Readonly<Record<Which, (question: (typeof asked)[number]) => boolean>> = {
    all: () => true,
    wrong: ({ after }) => after !== null && !after.correct,
    gained: ({ before, after }) => !before.correct && (after?.correct ?? false),
    lost: ({ before, after }) => before.correct && after !== null && !after.correct,
  };
  const found = asked.filter(shownOf[tuned ? which : "all"]);
  const left = found.length - limit;

  return (
    <section aria-labelledby={id}>
      <div className={classes.listHead}>
        <h4 className={classes.title} id={id}>
          {words.found(found.length)}
        </h4>
        {tuned && (
          <NativeSelect
            size="xs"
            aria-label={words.show}
            value={which}
            data={Object.entries(words.kinds).map(([value, label]) => ({ value, label }))}
            onChange={({ currentTarget: { value } }) => {
              if (value in words.kinds) setWhich(value as Which);
              setLimit(first);
            }}
          />
        )}
      </div>
      {found.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      <ol className={classes.questions}>
        {found.slice(0, limit).map(({ index, item, before, after }) => (
          <li key={index} className={classes.question}>
            <p className={classes.prompt}>{item.prompt}</p>
            {(item.group || item.task) && (
              <p className={classes.kind}>{[item.group, item.task].filter(Boolean).join(" · ")}</p>
            )}
            <dl className={classes.answers}>
              <div>
                <dt>{words.expected}</dt>
                <dd>{item.expected}</dd>
              </div>
              <Answer title={tuned ? words.columns.before : words.base} answer={before} />
              {after && <Answer title={words.columns.after} answer={after} />}
            </dl>
          </li>
        ))}
      </ol>
      {left > 0 && (
        <Button size="compact-sm" variant="default" onClick={() => setLimit(limit + more)}>
          {left <= more ? words.showAll(found.length) : words.showMore(more)}
        </Button>
      )}
    </section>
  );
}
