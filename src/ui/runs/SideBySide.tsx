/** Compares runs: their curves, the settings that differ, and their results. */

import { Text } from "@mantine/core";
import type { RunProgress } from "../../run/curves.ts";
import type { RunRecord } from "../../run/record.ts";
import { endsSoFar, type RunSeries } from "../../store/series.ts";
import { OverlayChart } from "../chart/OverlayChart.tsx";
import { duration, figure } from "../format.ts";
import { useHone } from "../hone.ts";
import { Panel } from "../shell/Panel.tsx";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { runsWords, comparedWords as words } from "../words/runs.ts";
import classes from "./Runs.module.css";
import { bestText, type Difference, differences } from "./settings.ts";

/** Target of the link in the list. */
export const sideBySideId = "side-by-side";

function figures(runs: readonly RunRecord[], of: (runId: string) => RunSeries): Difference[] {
  const { facts } = runsWords;
  const last = ({ id, progress }: RunRecord, curve: keyof RunProgress) => {
    const ends = endsSoFar(progress, of(id))[curve];
    return ends ? figure(ends.last.loss) : facts.unknown;
  };
  const row = (field: string, label: string, value: (run: RunRecord) => string) => ({
    field,
    label,
    values: runs.map(value),
  });
  return [
    row("train", facts.train, (run) => last(run, "steps")),
    row("validation", facts.validation, (run) => last(run, "evaluations")),
    row("best", facts.best, bestText),
    row("step", facts.step, ({ step, totalSteps }) => facts.stepOf(step, totalSteps)),
    row("time", facts.time, ({ seconds }) => duration(seconds)),
  ];
}

interface TableProps {
  readonly title: string;
  readonly runs: readonly RunRecord[];
  readonly rows: readonly Difference[];
}

function Rows({ title, runs, rows }: TableProps) {
  return (
    <ScrollRegion label={title} className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">{title}</th>
            {runs.map(({ id, name }) => (
              <th key={id} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ field, label, values }) => (
            <tr key={field}>
              <th scope="row">{label}</th>
              {runs.map(({ id }, index) => (
                <td key={id}>{values[index]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

export function SideBySide({ runs }: { readonly runs: readonly RunRecord[] }) {
  const { series } = useHone();
  const settings = differences(runs);
  return (
    <Panel title={words.title} id={sideBySideId}>
      <OverlayChart runs={runs} titles={{ steps: words.train, evaluations: words.validation }} legend={words.legend} />
      <Rows title={words.figures} runs={runs} rows={figures(runs, series.of)} />
      {settings.length > 0 ? (
        <Rows title={words.settings} runs={runs} rows={settings} />
      ) : (
        <Text size="sm">{words.same}</Text>
      )}
    </Panel>
  );
}
