/** An error with its message. */

import { Alert, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { Failure } from "../../store/state.ts";

interface FailureAlertProps {
  readonly title: string;
  readonly failure: Failure | null;
  /** Remedy, as a button. */
  readonly children?: ReactNode;
}

export function FailureAlert({ title, failure, children }: FailureAlertProps) {
  if (!failure) return null;
  return (
    <Alert color="red" title={title} data-error={failure.name}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
          {failure.message}
        </Text>
        {children}
      </Stack>
    </Alert>
  );
}
