/** Controls of a run: pause, resume, cancel, save a checkpoint, notification. */

import { Button, Group, Switch, Text } from "@mantine/core";
import type { RunRecord } from "../../run/record.ts";
import { useFacts, useHone } from "../hone.ts";
import { controlWords as words } from "../words/train.ts";
import { canResume, type RunState } from "./runState.ts";
import classes from "./Training.module.css";

function EndNotice() {
  const hone = useHone();
  const { wanted, refused } = useFacts((state) => state.notice);
  return (
    <Switch
      size="sm"
      label={words.notify}
      description={refused ? words.refused : words.notifyAbout}
      checked={wanted}
      onChange={(event) => void hone.notice.want(event.currentTarget.checked)}
    />
  );
}

export function RunControls({ run, state }: { readonly run: RunRecord | undefined; readonly state: RunState }) {
  const hone = useHone();
  const { phase, checkpoint, saving, elsewhere } = useFacts((facts) => facts.training);
  const ready = useFacts((facts) => facts.engine.status === "ready");
  const stoppable = phase === "preparing" || phase === "running";
  return (
    <div className={classes.controls}>
      <Group gap="sm">
        {phase !== "idle" && (
          <>
            <Button variant="default" disabled={!stoppable} onClick={() => void hone.training.pause()}>
              {words.pause}
            </Button>
            <Button
              variant="default"
              disabled={phase !== "running" || saving}
              onClick={() => void hone.training.save()}
            >
              {words.save}
            </Button>
            <Button variant="subtle" color="red" disabled={!stoppable} onClick={() => void hone.training.cancel()}>
              {words.cancel}
            </Button>
          </>
        )}
        {phase === "idle" && run && canResume(state) && (
          <Button disabled={!ready || elsewhere} onClick={() => void hone.training.resume(run.id)}>
            {words.resume}
          </Button>
        )}
        {(phase !== "idle" || checkpoint !== null) && (
          <Text size="sm" c="dimmed" role="status" data-testid="checkpoint-note">
            {saving ? words.saving : words.saved(checkpoint)}
          </Text>
        )}
      </Group>
      <EndNotice />
    </div>
  );
}
