/** The run that trains, or the one looked at: progress, figures, curves, and the ways to stop and go on. */

import { Button, Group, Progress, Text, VisuallyHidden } from "@mantine/core";
import type { RunSeries } from "../../store/series.ts";
import type { RunEntry } from "../../store/state.ts";
import { LossChart } from "../chart/LossChart.tsx";
import { count, duration, figure, plural } from "../format.ts";
import { useFacts, useHone, useSeries } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { Facts } from "../shell/Facts.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import { canResume, type RunState, runState, stateTones, stateWords } from "./runState.ts";

/** Steps over which speed is averaged. */
const speedWindow = 20;

function pace({ steps }: RunSeries) {
  const recent = steps.slice(-speedWindow);
  const seconds = recent.reduce((sum, step) => sum + step.seconds, 0);
  const tokens = recent.reduce((sum, step) => sum + step.tokens, 0);
  return seconds > 0 ? { secondsPerStep: seconds / recent.length, tokensPerSecond: tokens / seconds } : null;
}

function Live({ run, state }: { readonly run: RunEntry; readonly state: RunState }) {
  const series = useSeries(run.id);
  const checkpoint = useFacts((facts) => facts.training.checkpoint);
  const last = series.steps.at(-1);
  const validation = series.evaluations.at(-1);
  const step = Math.max(last?.step ?? 0, state === "training" ? 0 : run.step);
  const speed = pace(series);
  const going = state === "training" || state === "pausing" || state === "cancelling";
  const spent = series.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  // Every tenth is said, not every step.
  const tenth = run.totalSteps > 0 ? Math.floor((10 * step) / run.totalSteps) * 10 : 0;

  return (
    <>
      <div>
        <Group justify="space-between" mb={4}>
          <Text size="sm">
            Step {step.toLocaleString("en")} of {run.totalSteps.toLocaleString("en")}
          </Text>
          <Text size="sm" c="dimmed">
            {going && speed
              ? `${duration((run.totalSteps - step) * speed.secondsPerStep)} left`
              : `${duration(Math.max(run.seconds, spent))} of training`}
          </Text>
        </Group>
        <Progress.Root
          size="lg"
          role="progressbar"
          aria-label="Training progress"
          aria-valuemin={0}
          aria-valuemax={run.totalSteps}
          aria-valuenow={step}
          aria-valuetext={`step ${step} of ${run.totalSteps}`}
          data-run={run.id}
          data-status={state}
          data-step={step}
          data-total={run.totalSteps}
          data-loss={last?.loss}
          data-validation-loss={validation?.loss}
          data-tokens-per-second={speed?.tokensPerSecond}
          data-checkpoint={checkpoint ?? undefined}
        >
          <Progress.Section withAria={false} value={run.totalSteps > 0 ? (100 * step) / run.totalSteps : 0} />
        </Progress.Root>
        <VisuallyHidden role="status">
          {stateWords[state]}
          {going && last ? `, ${tenth} percent, loss ${figure(last.loss)}` : ""}
        </VisuallyHidden>
      </div>
      <Facts
        facts={[
          ["Train loss", last ? figure(last.loss) : "–"],
          ["Validation loss", validation ? `${figure(validation.loss)} (step ${validation.step})` : "–"],
          ["Tokens per second", speed ? speed.tokensPerSecond.toFixed(speed.tokensPerSecond < 10 ? 1 : 0) : "–"],
          ["Learning rate", last ? last.learningRate.toExponential(2) : "–"],
          ["Gradient norm", last ? figure(last.gradientNorm) : "–"],
          ["Examples", run.examples.training.toLocaleString("en")],
          ["Held out", run.examples.validation.toLocaleString("en")],
          ["Trainable", `${count(run.trainable)} numbers`],
          // Of a run that another session trained, only its record is known.
          ...(going || checkpoint !== null
            ? ([["Last checkpoint", checkpoint === null ? "–" : `step ${checkpoint}`]] as const)
            : []),
        ]}
      />
      <LossChart runId={run.id} />
    </>
  );
}

export function TrainingPanel() {
  const hone = useHone();
  const training = useFacts((state) => state.training);
  const runs = useFacts((state) => state.runs.list);
  const ready = useFacts((state) => state.engine.status === "ready");
  const { phase, failure, dropped } = training;
  const shown = runs.find(({ id }) => id === training.runId) ?? (phase === "idle" ? runs[0] : undefined);
  const state = shown ? runState(shown, training) : phase === "idle" ? null : "preparing";
  const stoppable = phase === "preparing" || phase === "running";

  return (
    <Panel
      title="Training"
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
          No run yet. Choose a model and data, then start: loss and progress appear here.
        </Text>
      )}
      {shown && (
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {shown.name}
        </Text>
      )}
      {phase === "preparing" && <CallProgress of="engine" label="Compiling, and the first validation and answers" />}
      {shown && state && <Live key={shown.id} run={shown} state={state} />}
      {state === "interrupted" && (
        <Text size="sm">
          It trains in another tab of this browser, or the tab that trained it has ended. In that case Resume goes on
          from its last checkpoint.
        </Text>
      )}
      {shown?.reason && phase === "idle" && (
        <FailureAlert
          title={shown.status === "failed" ? "The run failed" : `The run is ${shown.status}`}
          failure={{ name: shown.status, message: shown.reason }}
        />
      )}
      <FailureAlert title="Training stopped" failure={failure} />
      {dropped.length > 0 && (
        <div>
          <Text size="sm" mb={4}>
            {plural(dropped.length, "row")} left out of this run:
          </Text>
          <ProblemList label="Rows left out of the run" problems={dropped} />
        </div>
      )}
      {state && (
        <Group gap="sm">
          {phase !== "idle" && (
            <>
              <Button variant="default" disabled={!stoppable} onClick={() => void hone.training.pause()}>
                Pause
              </Button>
              <Button variant="subtle" color="red" disabled={!stoppable} onClick={() => void hone.training.cancel()}>
                Cancel run
              </Button>
            </>
          )}
          {phase === "idle" && shown && canResume(state) && (
            <Button disabled={!ready} onClick={() => void hone.training.resume(shown.id)}>
              Resume
            </Button>
          )}
        </Group>
      )}
    </Panel>
  );
}
