/** How far a long call is, with the way to end it. */

import { Button, Group, Text } from "@mantine/core";
import { useFacts } from "../hone.ts";
import { progressWords as words } from "../words/shell.ts";
import { CallBar, percentOf } from "./CallBar.tsx";

interface CallProgressProps {
  /** Whose call it is; training and data may both be at work. */
  readonly of: "engine" | "data";
  /** Said until the worker names what it does. */
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
