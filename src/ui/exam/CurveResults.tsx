/** Chart, figures, paired tests and report of an exam curve. */

import { Button, Group, Table, Text } from "@mantine/core";
import { useId, useMemo } from "react";
import { figureOf, pairedTests } from "../../run/comparison.ts";
import { intervalText, percentOf, spreadText, verdictText } from "../../run/comparisonText.ts";
import { htmlReport, markdownReport } from "../../run/examReport.ts";
import { contestantsOf, type ShownCurve } from "../../store/examCurve.ts";
import { download } from "../runs/download.ts";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { curveWords as words } from "../words/exam.ts";
import { CurveChart } from "./CurveChart.tsx";
import examClasses from "./Exam.module.css";
import classes from "./ExamCurve.module.css";

export function CurveResults({ shown }: { readonly shown: ShownCurve }) {
  const id = useId();
  const { lines, exam, model } = shown;
  const { names, tests } = useMemo(() => {
    const contestants = contestantsOf({ lines });
    return { names: contestants.map(({ name }) => name), tests: pairedTests(contestants) };
  }, [lines]);
  const taken = lines.filter(({ points }) => points.length > 0);
  if (taken.length === 0) return null;
  const report = { exam: exam.name, model, lines: taken, tests };
  return (
    <>
      <CurveChart lines={taken} />
      <ScrollRegion label={words.table} className={classes.scroll}>
        <Table className={classes.table ?? ""} withRowBorders={false} verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              {Object.values(words.columns).map((column) => (
                <Table.Th key={column} scope="col">
                  {column}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {taken.flatMap(({ runId, name, points }) =>
              points.map(({ step, results }) => {
                const figure = figureOf(results);
                return (
                  <Table.Tr key={`${runId} ${step}`}>
                    <Table.Th scope="row">{name}</Table.Th>
                    <Table.Td>{step.toLocaleString("en")}</Table.Td>
                    <Table.Td>
                      {percentOf(figure.share)} {spreadText(figure)}
                    </Table.Td>
                    <Table.Td>{intervalText(figure)}</Table.Td>
                  </Table.Tr>
                );
              }),
            )}
          </Table.Tbody>
        </Table>
      </ScrollRegion>
      {tests.length > 0 && (
        <section aria-labelledby={id}>
          <h4 className={examClasses.title} id={id}>
            {words.tests}
          </h4>
          <Text size="sm" c="dimmed">
            {words.testsAbout}
          </Text>
          <ul className={classes.tests} data-testid="paired-tests">
            {tests.map((test) => {
              const { finding, figures } = verdictText(test, names);
              return (
                <li key={`${test.first} ${test.second}`}>
                  <p className={classes.finding}>{finding}</p>
                  <p className={classes.figures}>{figures}</p>
                </li>
              );
            })}
          </ul>
        </section>
      )}
      <Group gap="sm">
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => download("exam-report.html", new Blob([htmlReport(report)], { type: "text/html" }))}
        >
          {words.html}
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => download("exam-report.md", new Blob([markdownReport(report)], { type: "text/markdown" }))}
        >
          {words.markdown}
        </Button>
      </Group>
    </>
  );
}
