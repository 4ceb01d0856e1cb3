/** Progress bar of a long call; indeterminate where the end is not known. */

import { Progress } from "@mantine/core";

/** Whole percent; null where the end is not known. */
export function percentOf(done: number, total: number | null): number | null {
  return total ? Math.min(100, Math.round((100 * done) / total)) : null;
}

interface CallBarProps {
  readonly task: string;
  readonly percent: number | null;
}

export function CallBar({ task, percent }: CallBarProps) {
  return (
    <Progress.Root
      role="progressbar"
      aria-label={task}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(percent !== null && { "aria-valuenow": percent })}
    >
      <Progress.Section withAria={false} value={percent ?? 100} animated={percent === null} />
    </Progress.Root>
  );
}
