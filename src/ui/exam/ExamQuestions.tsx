/** The questions of an exam with their answers, a few at a time; words mark them right or wrong. */

import { Button, NativeSelect, Text } from "@mantine/core";
import { useId, useState } from "react";
import type { AnsweredQuestion } from "../../run/results.ts";
import { type ComparedQuestion, comparedQuestions } from "../../store/examSummary.ts";
import type { ExamResults } from "../../store/state.ts";
import { examWords as words } from "../words/compare.ts";
import classes from "./Exam.module.css";

/** Number of questions at first, and of those that each click adds. */
const first = 10;
const more = 200;

type Which = keyof typeof words.kinds;

function Answer({ title, answer }: { readonly title: string; readonly answer: AnsweredQuestion }) {
  return (
    <div data-correct={answer.correct}>
      <dt>
        {title}: <span className={classes.mark}>{answer.correct ? words.right : words.wrong}</span>
        {words.endings[answer.finish]}
      </dt>
      <dd>{answer.answer.trim() || words.empty}</dd>
    </div>
  );
}

export function ExamQuestions({ results }: { readonly results: ExamResults }) {
  const { base, tuned } = results;
  const both = base !== null && tuned !== null;
  const id = useId();
  const [which, setWhich] = useState<Which>("all");
  const [limit, setLimit] = useState(first);

  const shownOf: Readonly<Record<Which, (question: ComparedQuestion) => boolean>> = {
    all: () => true,
    wrong: ({ after }) => after !== null && !after.correct,
    gained: ({ before, after }) => before !== null && !before.correct && (after?.correct ?? false),
    lost: ({ before, after }) => (before?.correct ?? false) && after !== null && !after.correct,
  };
  const questions = comparedQuestions(results).map((compared, index) => ({ index, ...compared }));
  const found = questions.filter(shownOf[tuned ? which : "all"]);
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
        {found.slice(0, limit).map(({ index, question, before, after }) => (
          <li key={index} className={classes.question}>
            <p className={classes.prompt}>{question.prompt}</p>
            {(question.group || question.task) && (
              <p className={classes.kind}>{[question.group, question.task].filter(Boolean).join(" · ")}</p>
            )}
            <dl className={classes.answers}>
              <div>
                <dt>{words.expected}</dt>
                <dd>{question.expected}</dd>
              </div>
              {before && <Answer title={both ? words.columns.before : words.base} answer={before} />}
              {after && <Answer title={both ? words.columns.after : words.tuned} answer={after} />}
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
