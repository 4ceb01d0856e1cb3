/** The stored exam results of a run and its base model; a click shows or deletes one. */

import { Button, Text } from "@mantine/core";
import { useId, useState } from "react";
import type { ListedExam } from "../../protocol/engine.ts";
import type { ExamFacts } from "../../store/state.ts";
import { dateAndTime, share } from "../format.ts";
import { useHone } from "../hone.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { examListWords as words } from "../words/compare.ts";
import classes from "./Exam.module.css";

/** Number of results at first. */
const first = 5;

interface ExamListProps {
  readonly stored: NonNullable<ExamFacts["stored"]>;
  /** Ids of the results on the page. */
  readonly shown: readonly string[];
  readonly disabled: boolean;
}

export function ExamList({ stored, shown, disabled }: ExamListProps) {
  const hone = useHone();
  const id = useId();
  const [all, setAll] = useState(false);
  const { exams, problems } = stored;
  if (exams.length + problems.length === 0) return null;
  const visible = all ? exams : exams.slice(0, first);
  const row = (result: ListedExam) => {
    const { exam, correct, takenAt, step, fromFile } = result;
    const who = words.who(step);
    const date = dateAndTime(takenAt);
    const isShown = shown.includes(result.id);
    const name = words.name(who, exam.name, date);
    return (
      <li key={result.id} className={classes.stored}>
        <Button
          size="compact-sm"
          variant="subtle"
          justify="flex-start"
          className={classes.open ?? ""}
          aria-label={words.show(name)}
          aria-current={isShown}
          disabled={disabled}
          onClick={() => void hone.exam.show(result)}
        >
          {who}
        </Button>
        <span className={classes.right}>
          {words.right(share(correct / Math.max(1, exam.questions)), exam.questions)}
        </span>
        <span className={classes.about}>
          {[date, exam.name, ...(fromFile ? [words.fromFile] : []), ...(isShown ? [words.shown] : [])].join(" · ")}
        </span>
        <ConfirmButton
          label={words.remove}
          name={name}
          question={step === null ? words.questionBase : words.question}
          confirm={words.remove}
          disabled={disabled}
          onConfirm={() => void hone.exam.remove(result)}
        />
      </li>
    );
  };
  return (
    <section aria-labelledby={id}>
      <h4 className={classes.title} id={id}>
        {words.title}
      </h4>
      <ul className={classes.storedList}>{visible.map(row)}</ul>
      {exams.length > visible.length && (
        <Button size="compact-sm" variant="default" onClick={() => setAll(true)}>
          {words.showAll(exams.length)}
        </Button>
      )}
      {problems.map((problem) => (
        <Text key={problem} size="sm" className={classes.doubt ?? ""}>
          {problem}
        </Text>
      ))}
    </section>
  );
}
