/** How far a long call is, with the way to end it. */

import { Button, Group, Progress, Text } from "@mantine/core";
import { useFacts } from "../hone.ts";
import { progressWords as words } from "../words/shell.ts";

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
  const percent = progress?.total ? Math.min(100, Math.round((100 * progress.done) / progress.total)) : null;
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
      <Progress.Root
        role="progressbar"
        aria-label={task}
        aria-valuemin={0}
        aria-valuemax={100}
        {...(percent !== null && { "aria-valuenow": percent })}
      >
        <Progress.Section withAria={false} value={percent ?? 100} animated={percent === null} />
      </Progress.Root>
    </div>
  );
}
