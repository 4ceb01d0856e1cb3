/** Progress of a long call, with a cancel button. */

import { Button, Group, Text } from "@mantine/core";
import { useFacts } from "../hone.ts";
import { progressWords as words } from "../words/shell.ts";
import { CallBar, percentOf } from "./CallBar.tsx";

interface CallProgressProps {
  /** The worker of the call: both may be busy. */
  readonly of: "engine" | "data";
  /** Label until the worker reports a task. */
  readonly label: string;
  onCancel?: () => void;
}

export function CallProgress({ of, label, onCancel }: CallProgressProps) {
  const progress = useFacts((state) => state.progress[of]);
  const task = progress?.task ?? label;
  const percent = progress && percentOf(progress.done, progress.total);
  return (
    <div>
      <Group justify="space-between" mb={4} wrap="nowrap">
        <Text size="sm" role="status" style={{ overflowWrap: "anywhere" }}>
          {task}
          {percent !== null && words.percent(percent)}
        </Text>
        {onCancel && (
          <Button size="compact-sm" variant="subtle" onClick={onCancel}>
            {words.cancel}
          </Button>
        )}
      </Group>
      <CallBar task={task} percent={percent} />
    </div>
  );
}
