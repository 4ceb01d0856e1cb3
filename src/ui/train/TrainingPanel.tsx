/** The shown run: progress, controls, figures, curves and snapshots. */

import { Text } from "@mantine/core";
import type { RunRecord } from "../../run/record.ts";
import { PreferenceCharts } from "../chart/PreferenceCharts.tsx";
import { RunCharts } from "../chart/RunCharts.tsx";
import { useFacts, useSeries } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import { trainingWords as words } from "../words/train.ts";
import { BeforeParts, BeforeSummary } from "./BeforeParts.tsx";
import { GuardStop, useGuardStop } from "./GuardStop.tsx";
import { MeterView } from "./MeterView.tsx";
import { PreferenceWarnings } from "./PreferenceWarnings.tsx";
import { RunControls } from "./RunControls.tsx";
import { RunFigures } from "./RunFigures.tsx";
import { RunProgress } from "./RunProgress.tsx";
import { RunWords } from "./RunWords.tsx";
import { isGoing, type RunState, runState, stateTones, stateWords } from "./runState.ts";
import { WatchView } from "./WatchView.tsx";

/** The parts that render at every step, apart from the panel. */
function Live({ run, state }: { readonly run: RunRecord; readonly state: RunState }) {
  const series = useSeries(run.id);
  return (
    <>
      <RunProgress run={run} state={state} series={series} />
      <RunControls run={run} state={state} />
      <RunFigures run={run} series={series} />
      <RunCharts runId={run.id} series={series} stages={run.stages} />
      {run.stages.some(({ objective }) => objective === "preference") && (
        <>
          <PreferenceCharts runId={run.id} series={series} stages={run.stages} />
          <PreferenceWarnings run={run} series={series} />
        </>
      )}
      <MeterView run={run} series={series} />
      <RunWords run={run} series={series} />
    </>
  );
}

export function TrainingPanel() {
  const training = useFacts((state) => state.training);
  const runs = useFacts((state) => state.runs.list);
  const { phase, failure, dropped } = training;
  const shown =
    runs.find(({ id }) => id === training.runId) ?? (phase === "idle" ? runs.find(({ origin }) => !origin) : undefined);
  const state = shown ? runState(shown, training) : phase === "idle" ? null : "preparing";
  const byGuard = useGuardStop(shown);
  const slower = shown?.slowdowns.at(-1);

  return (
    <Panel
      title={words.title}
      aside={
        state && (
          <Mark tone={stateTones[state]} data-testid="run-status" data-status={state}>
            {stateWords[state]}
          </Mark>
        )
      }
    >
      {!state && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      {shown && (
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {shown.name}
        </Text>
      )}
      {phase === "preparing" && <BeforeParts />}
      {state === "interrupted" && <Text size="sm">{words.interrupted}</Text>}
      {state === "elsewhere" && <Text size="sm">{words.elsewhere}</Text>}
      {shown && byGuard && phase === "idle" && <GuardStop run={shown} />}
      {shown?.reason && !byGuard && phase === "idle" && (
        <FailureAlert
          title={shown.status === "failed" ? words.failed : words.ended(shown.status)}
          failure={{ name: shown.status, message: shown.reason }}
        />
      )}
      <FailureAlert title={words.stopped} failure={failure} />
      {slower && state && isGoing(state) && <Text size="sm">{words.slower(slower.factor, slower.fromStep)}</Text>}
      {shown && state ? (
        <Live key={shown.id} run={shown} state={state} />
      ) : (
        state && <RunControls run={shown} state={state} />
      )}
      {shown && shown.id === training.runId && (phase === "running" || shown.step > 0) && <BeforeSummary />}
      {shown?.watch && <WatchView key={`${shown.id} watch`} run={shown} watch={shown.watch} />}
      {dropped.length > 0 && (
        <div>
          <Text size="sm" mb={4}>
            {words.leftOut(dropped.length)}
          </Text>
          <ProblemList label={words.leftOutRows} problems={dropped} />
        </div>
      )}
    </Panel>
  );
}
