/** The exam of every stored checkpoint of the chosen runs: settings, progress and results. */

import { Button, Checkbox, Group, NumberInput, Text } from "@mantine/core";
import { useEffect, useMemo } from "react";
import type { RunRecord } from "../../run/record.ts";
import { distinctNames, samplingsOf } from "../../store/examCurve.ts";
import type { ExamChoice } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { curveWords as words } from "../words/exam.ts";
import { CurveResults } from "./CurveResults.tsx";
import classes from "./ExamCurve.module.css";

interface ExamCurveProps {
  /** The run that Compare shows. */
  readonly run: RunRecord | null;
  /** All runs with weights. */
  readonly answering: readonly RunRecord[];
  /** The selected exam. */
  readonly choice: ExamChoice | null;
}

export function ExamCurve({ run, answering, choice }: ExamCurveProps) {
  const hone = useHone();
  const { runs: chosen, shown, going, failure } = useFacts((state) => state.curve);
  const all = useFacts((state) => state.runs.list);
  const { settings, phase, own } = useFacts((state) => state.exam);
  const ready = useFacts((state) => state.engine.status === "ready");
  const idle = phase === "idle";
  const comparable = useMemo(
    () => answering.filter(({ model }) => model.hash === run?.model.hash),
    [answering, run?.model.hash],
  );
  const runs = useMemo(
    () => comparable.filter(({ id }) => (chosen === null ? id === run?.id : chosen.includes(id))),
    [comparable, chosen, run?.id],
  );
  // `own`: another file, so other results.
  useEffect(() => {
    void own;
    if (ready && idle && choice !== null) void hone.curve.list(choice, runs);
  }, [hone, ready, idle, choice, runs, own]);
  const toggle = (id: string, on: boolean) => {
    const ids = runs.map((one) => one.id);
    hone.curve.choose(on ? [...ids, id] : ids.filter((one) => one !== id));
  };
  const names = useMemo(() => distinctNames(all), [all]);
  const visible = shown !== null && runs.length > 0 ? shown : null;
  const taken = visible ? visible.total - visible.missing : 0;

  return (
    <PanelPart title={words.title} about={words.about}>
      {comparable.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      {comparable.length > 1 && (
        <Checkbox.Group label={words.runs} value={runs.map(({ id }) => id)}>
          <div className={classes.runs}>
            {comparable.map(({ id, name }) => (
              <Checkbox
                key={id}
                value={id}
                label={names.get(id) ?? name}
                disabled={!idle}
                onChange={({ currentTarget: { checked } }) => toggle(id, checked)}
              />
            ))}
          </div>
        </Checkbox.Group>
      )}
      {comparable.length > 0 && (
        <Group gap="sm" align="flex-end">
          <NumberInput
            flex="1 1 14rem"
            label={words.seeds}
            description={words.seedsHelp}
            value={settings.seeds}
            min={1}
            max={20}
            allowDecimal={false}
            disabled={!idle}
            onChange={(value) => hone.exam.set({ seeds: Math.min(20, Math.max(1, Math.round(Number(value) || 1))) })}
          />
          {settings.seeds > 1 && (
            <NumberInput
              flex="0 1 9rem"
              label={words.temperature}
              value={settings.temperature}
              min={0.1}
              max={2}
              step={0.1}
              disabled={!idle}
              onChange={(value) => hone.exam.set({ temperature: Math.min(2, Math.max(0.1, Number(value) || 0.7)) })}
            />
          )}
        </Group>
      )}
      {runs.length > 0 && (
        <Group gap="md">
          {going ? (
            <Button key="stop" variant="default" onClick={hone.exam.stop}>
              {words.stop}
            </Button>
          ) : (
            visible &&
            visible.missing > 0 && (
              <Button
                variant="default"
                disabled={!ready || !idle || choice === null}
                onClick={() => choice !== null && void hone.curve.take(choice, runs)}
              >
                {taken === 0 ? words.take(visible.total) : words.resume(visible.missing, visible.total)}
              </Button>
            )
          )}
          <Text size="sm" c="dimmed" flex="1 1 12rem" data-testid="curve-state">
            {choice === null
              ? words.noExam
              : going
                ? words.going(going.done, going.total, going.who, going.step)
                : visible &&
                  (visible.missing === 0
                    ? words.complete(visible.total)
                    : words.few(visible.total / samplingsOf(visible.draws).length - 1))}
          </Text>
        </Group>
      )}
      {going && <CallProgress of="engine" label={words.title} />}
      <FailureAlert title={words.failed} failure={failure} />
      {visible && <CurveResults shown={visible} />}
    </PanelPart>
  );
}
