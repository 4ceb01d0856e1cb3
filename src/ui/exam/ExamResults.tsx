/** The results of an exam: exact matches by group and task, before and after, and the loss on general text. */

import { Button, Group, Table, Text } from "@mantine/core";
import { type ExamScore, examRecord, summarizeExam } from "../../store/examSummary.ts";
import type { ExamResults as Results } from "../../store/state.ts";
import { dateAndTime, duration, figure, share } from "../format.ts";
import { Explain } from "../help/Explain.tsx";
import { download } from "../runs/download.ts";
import { forgettingWords, examWords as words } from "../words/compare.ts";
import classes from "./Exam.module.css";
import { ExamQuestions } from "./ExamQuestions.tsx";

interface Column {
  readonly title: string;
  readonly side: "before" | "after";
}

interface ScoresProps {
  readonly title: string;
  readonly scores: readonly ExamScore[];
  readonly columns: readonly Column[];
  /** The last line, below a rule. */
  readonly total?: ExamScore;
}

function Scores({ title, scores, columns, total }: ScoresProps) {
  const line = (score: ExamScore, isTotal: boolean) => (
    <Table.Tr key={score.name} data-total={isTotal || undefined}>
      <Table.Th scope="row">{score.name}</Table.Th>
      <Table.Td>{score.questions.toLocaleString("en")}</Table.Td>
      {columns.map(({ side }) => (
        <Table.Td key={side}>{share(score[side] ?? Number.NaN)}</Table.Td>
      ))}
    </Table.Tr>
  );
  return (
    <Table className={classes.scores ?? ""} withRowBorders={false} verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{title}</Table.Th>
          <Table.Th scope="col">{words.columns.questions}</Table.Th>
          {columns.map((column) => (
            <Table.Th key={column.side} scope="col">
              {column.title}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {scores.map((score) => line(score, false))}
        {total && line(total, true)}
      </Table.Tbody>
    </Table>
  );
}

/** The loss on general text of the models that took the exam; for two models also the change and its meaning. */
function GeneralLoss({ losses, texts }: { readonly losses: readonly number[]; readonly texts: number }) {
  const [before, after] = losses;
  const change = before === undefined || after === undefined ? null : after - before;
  return (
    <div>
      <Text size="sm" fw={600}>
        {forgettingWords.title}
      </Text>
      <p className={classes.loss}>
        {losses.map(figure).join(" → ")}
        {change !== null && (
          <>
            {" "}
            <span className={classes.change}>
              ({change >= 0 ? "+" : "−"}
              {Math.abs(change).toFixed(3)})
            </span>
          </>
        )}
      </p>
      <Text size="sm" c="dimmed">
        {forgettingWords.unit(texts)}
      </Text>
      <Explain term="forgetting">
        {before !== undefined && after !== undefined && forgettingWords.meaning(before, after)}
      </Explain>
    </div>
  );
}

export function ExamResults({ results }: { readonly results: Results }) {
  const { model, run, base, tuned } = results;
  const { all, groups, tasks, generalLoss } = summarizeExam(results);
  const of = tuned ?? base;
  if (of === null) return null;
  const columns: readonly Column[] =
    base && tuned
      ? [
          { side: "before", title: words.columns.before },
          { side: "after", title: words.columns.after },
        ]
      : [{ side: tuned ? "after" : "before", title: words.columns.right }];
  const losses = [generalLoss.before, generalLoss.after].filter((loss) => loss !== null);
  const whom = {
    model: base && model,
    tuned: tuned && { name: run?.name ?? words.tuned, step: tuned.step ?? 0 },
    unfinished: run && !tuned ? run.name : null,
  };
  const save = () => {
    const text = `${JSON.stringify(examRecord(results), null, 2)}\n`;
    download("exam-results.json", new Blob([text], { type: "application/json" }));
  };

  return (
    <>
      <div>
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {of.exam.name}
        </Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {words.whom(whom)} {words.takenAt(dateAndTime(of.takenAt), duration(of.seconds))}
        </Text>
      </div>
      <div className={classes.tables}>
        <Scores title={words.scores} scores={groups} total={all} columns={columns} />
        {tasks.length > 0 && <Scores title={words.byTask} scores={tasks} columns={columns} />}
      </div>
      {losses.length > 0 && <GeneralLoss losses={losses} texts={of.exam.texts} />}
      <Group gap="sm">
        <Button size="compact-sm" variant="default" onClick={save}>
          {words.download}
        </Button>
      </Group>
      <ExamQuestions results={results} />
    </>
  );
}
