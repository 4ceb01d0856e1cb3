/** What an exam showed: exact matches by group and task, before and after, and the loss on general text. */

import { Button, Group, Table, Text } from "@mantine/core";
import { type ExamScore, examRecord, summarizeExam } from "../../store/examSummary.ts";
import type { ExamResults as Results } from "../../store/state.ts";
import { figure, share } from "../format.ts";
import { Explain } from "../help/Explain.tsx";
import { download } from "../runs/download.ts";
import { forgettingWords, examWords as words } from "../words/compare.ts";
import classes from "./Exam.module.css";
import { ExamQuestions } from "./ExamQuestions.tsx";

interface ScoresProps {
  readonly title: string;
  readonly scores: readonly ExamScore[];
  readonly tuned: boolean;
  /** The last line, beneath a rule. */
  readonly total?: ExamScore;
}

function Scores({ title, scores, tuned, total }: ScoresProps) {
  const line = ({ name, questions, before, after }: ExamScore, isTotal: boolean) => (
    <Table.Tr key={name} data-total={isTotal || undefined}>
      <Table.Th scope="row">{name}</Table.Th>
      <Table.Td>{questions.toLocaleString("en")}</Table.Td>
      <Table.Td>{share(before)}</Table.Td>
      {tuned && <Table.Td>{after === null ? "–" : share(after)}</Table.Td>}
    </Table.Tr>
  );
  return (
    <Table className={classes.scores ?? ""} withRowBorders={false} verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{title}</Table.Th>
          <Table.Th scope="col">{words.columns.questions}</Table.Th>
          <Table.Th scope="col">{tuned ? words.columns.before : words.columns.right}</Table.Th>
          {tuned && <Table.Th scope="col">{words.columns.after}</Table.Th>}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {scores.map((score) => line(score, false))}
        {total && line(total, true)}
      </Table.Tbody>
    </Table>
  );
}

function GeneralLoss({ before, after, texts }: { before: number; after: number | null; texts: number }) {
  const change = after === null ? null : after - before;
  return (
    <div>
      <Text size="sm" fw={600}>
        {forgettingWords.title}
      </Text>
      <p className={classes.loss}>
        {figure(before)}
        {after !== null && change !== null && (
          <>
            {" → "}
            {figure(after)}{" "}
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
      <Explain term="forgetting">{after !== null && forgettingWords.meaning(before, after)}</Explain>
    </div>
  );
}

export function ExamResults({ results }: { readonly results: Results }) {
  const { exam, model, run, tuned } = results;
  const { all, groups, tasks, generalLoss } = summarizeExam(results);
  const compared = tuned !== null;
  const save = () => {
    const text = `${JSON.stringify(examRecord(results), null, 2)}\n`;
    download("exam-results.json", new Blob([text], { type: "application/json" }));
  };

  return (
    <>
      <div>
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {exam.name}
        </Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {words.whom(model, run, compared)}
        </Text>
      </div>
      <div className={classes.tables}>
        <Scores title={words.scores} scores={groups} total={all} tuned={compared} />
        {tasks.length > 0 && <Scores title={words.byTask} scores={tasks} tuned={compared} />}
      </div>
      {generalLoss.before !== null && (
        <GeneralLoss before={generalLoss.before} after={generalLoss.after} texts={exam.texts.length} />
      )}
      <Group gap="sm">
        <Button size="compact-sm" variant="default" onClick={save}>
          {words.download}
        </Button>
      </Group>
      <ExamQuestions results={results} />
    </>
  );
}
