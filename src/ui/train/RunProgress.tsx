/** Progress of a run: a bar, the time left, and an announcement at every tenth. */

import { Group, Progress, Text, VisuallyHidden } from "@mantine/core";
import { stepAt } from "../../run/curves.ts";
import type { RunRecord } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { useFacts } from "../hone.ts";
import { stagesWords } from "../words/stages.ts";
import { trainingWords as words } from "../words/train.ts";
import { pace, sum } from "./pace.ts";
import { isGoing, type RunState, stateWords } from "./runState.ts";
import { stageAt } from "./stages.ts";

interface RunProgressProps {
  readonly run: RunRecord;
  readonly state: RunState;
  readonly series: RunSeries;
}

export function RunProgress({ run, state, series }: RunProgressProps) {
  const checkpoint = useFacts((facts) => facts.training.checkpoint);
  const last = stepAt(series.steps, -1);
  const validation = series.evaluations.at(-1);
  const step = Math.max(last?.step ?? 0, state === "training" ? 0 : run.step);
  const stage = stageAt(run.stages, step);
  const speed = pace(series.steps);
  const going = isGoing(state) || state === "elsewhere";
  const spent = sum(series.steps.seconds);
  const part = run.totalSteps > 0 ? step / run.totalSteps : 0;

  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text size="sm" data-testid="place">
          {stage ? stagesWords.at(stage) : words.step(step, run.totalSteps)}
        </Text>
        <Text size="sm" c="dimmed">
          {going && speed
            ? words.left((run.totalSteps - step) * speed.secondsPerStep)
            : words.spent(Math.max(run.seconds, spent))}
        </Text>
      </Group>
      <Progress.Root
        size="lg"
        role="progressbar"
        aria-label={words.progress}
        aria-valuemin={0}
        aria-valuemax={run.totalSteps}
        aria-valuenow={step}
        aria-valuetext={words.progressValue(step, run.totalSteps)}
        data-run={run.id}
        data-status={state}
        data-step={step}
        data-total={run.totalSteps}
        data-loss={last?.loss}
        data-validation-loss={validation?.loss}
        data-tokens-per-second={speed?.tokensPerSecond}
        data-checkpoint={checkpoint ?? undefined}
      >
        <Progress.Section withAria={false} value={100 * part} />
      </Progress.Root>
      <VisuallyHidden role="status">
        {going && last ? words.said(stateWords[state], Math.floor(10 * part) * 10, last.loss) : stateWords[state]}
      </VisuallyHidden>
    </div>
  );
}
