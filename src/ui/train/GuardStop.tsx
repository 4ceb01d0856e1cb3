/** The message of a run that the guard paused, with the next steps. */

import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { withinGuard } from "../../run/guard.ts";
import type { RunRecord } from "../../run/record.ts";
import { useFacts, useHone, useSeries } from "../hone.ts";
import { guardWords as words } from "../words/forgetting.ts";

/** Whether the guard paused the run: its last validation is above the allowed rise. */
export function useGuardStop(run: RunRecord | undefined): boolean {
  const { evaluations } = useSeries(run?.id ?? "");
  if (run?.status !== "paused" || run.reason === null) return false;
  const last = evaluations.at(-1);
  return last?.step === run.step && withinGuard(evaluations, run.recipe).at(-1) !== last;
}

export function GuardStop({ run }: { readonly run: RunRecord }) {
  const hone = useHone();
  const free = useFacts(({ engine, training }) => engine.status === "ready" && !training.elsewhere);
  const best = run.best?.step ?? 0;
  return (
    <Alert color="orange" title={words.paused} data-testid="guard-stop">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {run.reason}
        </Text>
        <Text size="sm">{words.hint}</Text>
        <Group gap="xs">
          <Button size="compact-sm" disabled={!free} onClick={() => void hone.training.resume(run.id)}>
            {words.resume}
          </Button>
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
        </Group>
      </Stack>
    </Alert>
  );
}
