/** What an exam showed: exact matches by group and task, before and after, and the loss on general text. */

import { Button, Group, Table, Text } from "@mantine/core";
import { type ExamScore, examRecord, summarizeExam } from "../../store/examSummary.ts";
import type { ExamResults as Results } from "../../store/state.ts";
import { figure, plural, share } from "../format.ts";
import { download } from "../runs/download.ts";
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
          <Table.Th scope="col">Questions</Table.Th>
          <Table.Th scope="col">{tuned ? "Before" : "Right"}</Table.Th>
          {tuned && <Table.Th scope="col">After</Table.Th>}
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
        Loss on general text
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
        Nats per token on {plural(texts, "text")} that {texts === 1 ? "is" : "are"} not trained on. A rise shows what
        tuning made the model forget.
      </Text>
    </div>
  );
}

export function ExamResults({ results }: { readonly results: Results }) {
  const { exam, model, run, tuned } = results;
  const { all, groups, tasks, generalLoss } = summarizeExam(results);
  const compared = tuned !== null;
  const save = () =>
    download("exam-results.json", `${JSON.stringify(examRecord(results), null, 2)}\n`, "application/json");

  return (
    <>
      <div>
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {exam.name}
        </Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {compared && run
            ? `Before: ${model}. After: ${run.name}, step ${run.step}.`
            : run
              ? `${model}. ${run.name} has not finished it.`
              : `${model}, the base model only.`}
        </Text>
      </div>
      <div className={classes.tables}>
        <Scores title="Right answers" scores={groups} total={all} tuned={compared} />
        {tasks.length > 0 && <Scores title="By task" scores={tasks} tuned={compared} />}
      </div>
      {generalLoss.before !== null && (
        <GeneralLoss before={generalLoss.before} after={generalLoss.after} texts={exam.texts.length} />
      )}
      <Group gap="sm">
        <Button size="compact-sm" variant="default" onClick={save}>
          Download exam results
        </Button>
      </Group>
      <ExamQuestions results={results} />
    </>
  );
}
