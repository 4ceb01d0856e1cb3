/** The message of a run that the guard paused, with the next steps. */

import { Button, Stack, Text } from "@mantine/core";
import { withinGuard } from "../../run/guard.ts";
import type { RunRecord } from "../../run/record.ts";
import { useHone, useSeries } from "../hone.ts";
import { guardWords as words } from "../words/forgetting.ts";
import classes from "./GuardStop.module.css";

/** Whether the guard paused the run: its last validation is above the allowed rise. */
export function useGuardStop(run: RunRecord | undefined): boolean {
  const { evaluations } = useSeries(run?.id ?? "");
  if (run?.status !== "paused" || run.reason === null) return false;
  const last = evaluations.at(-1);
  return last?.step === run.step && withinGuard(evaluations, run.recipe).at(-1) !== last;
}

/** Resume itself is among the controls below. */
export function GuardStop({ run }: { readonly run: RunRecord }) {
  const hone = useHone();
  const best = run.best?.step ?? 0;
  return (
    <section className={classes.stop} aria-label={words.paused} data-testid="guard-stop">
      <Stack gap="xs" align="flex-start">
        <h3 className={classes.title}>{words.paused}</h3>
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {run.reason}
        </Text>
        <Text size="sm">{words.hint}</Text>
        {best > 0 && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => {
              hone.runs.takeAway(run.id);
              hone.place.go("take-away");
            }}
          >
            {words.take(best)}
          </Button>
        )}
      </Stack>
    </section>
  );
}
