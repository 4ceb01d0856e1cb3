/** Every training row of the compared run with its loss before and after training. */

import { Button, Group, Text } from "@mantine/core";
import { useEffect, useMemo } from "react";
import { measuredCount, rowsOfLosses } from "../../run/rowLosses.ts";
import { CheckpointChoice } from "../checkpoints/CheckpointChoice.tsx";
import { useCheckpointPick } from "../checkpoints/useCheckpoints.ts";
import { useSides } from "../compare/useSides.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Panel } from "../shell/Panel.tsx";
import { rowLossWords as words } from "../words/rowLosses.ts";
import { LossList } from "./LossList.tsx";

export function RowLossPanel() {
  const hone = useHone();
  const { run } = useSides();
  const pick = useCheckpointPick(run);
  const { checkpoint } = pick;
  const ready = useFacts((state) => state.engine.status === "ready");
  const busy = useFacts((state) => state.training.phase !== "idle" || state.exam.phase !== "idle");
  const { losses, texts, measuring, failure } = useFacts((state) => state.rowLosses);
  const runId = run?.id ?? null;

  useEffect(() => {
    if (ready && runId !== null) void hone.rowLosses.show(runId, checkpoint);
  }, [hone, ready, runId, checkpoint]);

  const rows = useMemo(() => (losses ? rowsOfLosses(losses) : []), [losses]);
  const measured = losses ? measuredCount(losses) : 0;
  const all = losses?.tokens.length ?? 0;
  const foreign = run !== null && run.sources.length === 0;

  return (
    <Panel title={words.title} id="rows-by-loss">
      <Text size="sm">{words.about}</Text>
      {run === null || foreign ? (
        <Text size="sm" c="dimmed">
          {foreign ? words.foreign : words.none}
        </Text>
      ) : (
        <>
          <Group align="flex-end" gap="md">
            <CheckpointChoice run={run} pick={pick} disabled={measuring} />
            {!measuring && (losses === null || measured < all) && (
              <Button
                variant={losses === null ? "filled" : "default"}
                disabled={!ready || busy}
                onClick={() => void hone.rowLosses.measure(run.id, checkpoint)}
              >
                {losses === null ? words.measure : words.resume}
              </Button>
            )}
          </Group>
          {measuring && <CallProgress of="engine" label={words.preparing} onCancel={hone.rowLosses.stop} />}
          {!measuring && losses !== null && measured < all && <Text size="sm">{words.partly(measured, all)}</Text>}
          <FailureAlert title={words.failed} failure={failure} />
          {rows.length > 0 && <LossList run={run} rows={rows} texts={texts} />}
        </>
      )}
    </Panel>
  );
}
