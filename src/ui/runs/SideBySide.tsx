/** Several runs against each other: their curves, the settings that differ, and what came of them. */

import { Text } from "@mantine/core";
import type { RunSeries } from "../../store/series.ts";
import type { RunEntry } from "../../store/state.ts";
import { OverlayChart } from "../chart/OverlayChart.tsx";
import { duration, figure } from "../format.ts";
import { useHone } from "../hone.ts";
import { Panel } from "../shell/Panel.tsx";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { runsWords, comparedWords as words } from "../words/runs.ts";
import classes from "./Runs.module.css";
import { type Difference, differences } from "./settings.ts";

/** Where the link in the list leads. */
export const sideBySideId = "side-by-side";

function figures(runs: readonly RunEntry[], of: (runId: string) => RunSeries): Difference[] {
  const { facts } = runsWords;
  const last = (curve: readonly { readonly loss: number }[]) => {
    const end = curve.at(-1);
    return end ? figure(end.loss) : facts.unknown;
  };
  const row = (field: string, label: string, value: (run: RunEntry) => string) => ({
    field,
    label,
    values: runs.map(value),
  });
  return [
    row("train", facts.train, ({ id }) => last(of(id).steps)),
    row("validation", facts.validation, ({ id }) => last(of(id).evaluations)),
    row("best", facts.best, ({ best }) => (best ? facts.bestOf(figure(best.loss), best.step) : facts.unknown)),
    row("step", facts.step, ({ step, totalSteps }) => facts.stepOf(step, totalSteps)),
    row("time", facts.time, ({ seconds }) => duration(seconds)),
  ];
}

interface TableProps {
  readonly title: string;
  readonly runs: readonly RunEntry[];
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

export function SideBySide({ runs }: { readonly runs: readonly RunEntry[] }) {
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
