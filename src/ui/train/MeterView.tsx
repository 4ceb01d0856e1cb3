/** The meter of a run: the losses of all held-out sets and the exam, as curves and as a table. */

import { Text } from "@mantine/core";
import { useMemo } from "react";
import type uPlot from "uplot";
import { guardRuleOf } from "../../run/guard.ts";
import type { EvaluationMetrics } from "../../run/metrics.ts";
import type { RunRecord } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { type Curve, Curves } from "../chart/Curves.tsx";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { meterWords as words } from "../words/forgetting.ts";
import classes from "./MeterView.module.css";

type Evaluations = readonly EvaluationMetrics[];

/** The curves differ in colour and in dash. */
const styles: readonly Pick<Curve, "color" | "dash">[] = [
  { color: "--hone-validation", dash: [6, 3] },
  { color: "--hone-train" },
  { color: "--hone-system", dash: [2, 3] },
  { color: "--hone-tool", dash: [12, 3, 2, 3] },
  { color: "--hone-user", dash: [8, 4] },
  { color: "--hone-template" },
];

/** Names of the held-out sets of any evaluation, general text last. */
export function setsOf(evaluations: Evaluations): readonly string[] {
  const all = [...new Set(evaluations.flatMap(({ sets }) => Object.keys(sets)))];
  const isGeneral = (name: string) => Number(name.startsWith("general text"));
  return all.toSorted((a, b) => isGeneral(a) - isGeneral(b));
}

/** The first and the last evaluation with a value. */
function endsOf<T>(evaluations: Evaluations, of: (found: EvaluationMetrics) => T | undefined) {
  const found = evaluations.flatMap((evaluation) => {
    const value = of(evaluation);
    return value === undefined ? [] : [{ step: evaluation.step, value }];
  });
  return { first: found[0], last: found.at(-1) };
}

/** Created anew for other sets. */
function SetCurves({ run, sets, series }: { run: RunRecord; sets: readonly string[]; series: RunSeries }) {
  const curves = useMemo(
    () =>
      sets.map((set, index): Curve => {
        const style = styles[index % styles.length] ?? { color: "--hone-train" };
        const label = words.name(
          set,
          run.sources.map(({ name }) => name),
        );
        return { ...style, label, width: 2, points: true, show: words.loss };
      }),
    [sets, run.sources],
  );
  const data = useMemo(
    // The list of evaluations grows in place; the series is a new object after each.
    (): uPlot.AlignedData => [
      series.evaluations.map(({ step }) => step),
      ...sets.map((set) => series.evaluations.map((evaluation) => evaluation.sets[set] ?? null)),
    ],
    [sets, series],
  );
  return <Curves curves={curves} data={data} height={200} together={`${run.id} sets`} />;
}

/** Nothing for a run with one held-out set and without an exam. */
export function MeterView({ run, series }: { readonly run: RunRecord; readonly series: RunSeries }) {
  const { evaluations } = series;
  const key = setsOf(evaluations).join("\n");
  const sets = useMemo(() => (key === "" ? [] : key.split("\n")), [key]);
  const exam = endsOf(evaluations, (found) => found.exam);
  if (sets.length < 2 && !exam.last) return null;
  const names = run.sources.map(({ name }) => name);
  const rule = guardRuleOf(run.recipe);
  const rows = sets.map((set) => ({
    set,
    name: words.name(set, names),
    ...endsOf(evaluations, ({ sets: all }) => all[set]),
  }));
  return (
    <figure className={classes.figure} aria-label={words.title} data-testid="meter">
      <h3 className={classes.title}>{words.title}</h3>
      <SetCurves key={key} run={run} sets={sets} series={series} />
      <ScrollRegion label={words.title}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{words.set}</th>
              <th scope="col">{words.before}</th>
              <th scope="col">{words.now}</th>
              <th scope="col">{words.change}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ set, name, first, last }) => (
              <tr key={set}>
                <th scope="row">{name}</th>
                <td>{first ? words.loss(first.value) : words.unknown}</td>
                <td>{last ? words.loss(last.value) : words.unknown}</td>
                <td>{first && last ? words.by(first.value, last.value) : words.unknown}</td>
              </tr>
            ))}
            {exam.first && exam.last && (
              <tr>
                <th scope="row">{words.exam(run.exam?.name ?? "")}</th>
                <td>{words.score(exam.first.value.right, exam.first.value.questions)}</td>
                <td>{words.score(exam.last.value.right, exam.last.value.questions)}</td>
                <td>{words.points(exam.first.value.right, exam.last.value.right)}</td>
              </tr>
            )}
          </tbody>
        </table>
      </ScrollRegion>
      {rule && (
        <Text size="sm" c="dimmed">
          {words.limit(rule.allowedRise)}
        </Text>
      )}
    </figure>
  );
}
