/** Every question of an exam with the answers to it, some at a time; right and wrong are told in words. */

import { Button, NativeSelect, Text } from "@mantine/core";
import { useId, useState } from "react";
import type { ExamResults } from "../../store/state.ts";
import type { ExamAnswer } from "../../worker/protocol.ts";
import { plural } from "../format.ts";
import classes from "./Exam.module.css";

/** Shown at first, and added by each click. */
const first = 10;
const more = 200;

type Which = "all" | "wrong" | "gained" | "lost";

const labels: Readonly<Record<Which, string>> = {
  all: "All questions",
  wrong: "Wrong after tuning",
  gained: "Wrong before, right after",
  lost: "Right before, wrong after",
};

const endings: Readonly<Record<ExamAnswer["finish"], string>> = {
  stop: "",
  length: ", cut",
  context: ", no room",
  cancelled: ", stopped",
};

function Answer({ title, answer }: { readonly title: string; readonly answer: ExamAnswer }) {
  return (
    <div data-correct={answer.correct}>
      <dt>
        {title}: <span className={classes.mark}>{answer.correct ? "✓ right" : "✗ wrong"}</span>
        {endings[answer.finish]}
      </dt>
      <dd>{answer.text.trim() || "(empty)"}</dd>
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
          {plural(found.length, "question")}
        </h4>
        {tuned && (
          <NativeSelect
            size="xs"
            aria-label="Show questions"
            value={which}
            data={Object.entries(labels).map(([value, label]) => ({ value, label }))}
            onChange={({ currentTarget: { value } }) => {
              if (value in labels) setWhich(value as Which);
              setLimit(first);
            }}
          />
        )}
      </div>
      {found.length === 0 && (
        <Text size="sm" c="dimmed">
          None.
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
                <dt>Expected</dt>
                <dd>{item.expected}</dd>
              </div>
              <Answer title={tuned ? "Before" : "Base model"} answer={before} />
              {after && <Answer title="After" answer={after} />}
            </dl>
          </li>
        ))}
      </ol>
      {left > 0 && (
        <Button size="compact-sm" variant="default" onClick={() => setLimit(limit + more)}>
          {left <= more ? `Show all ${found.length.toLocaleString("en")}` : `Show ${more} more`}
        </Button>
      )}
    </section>
  );
}
