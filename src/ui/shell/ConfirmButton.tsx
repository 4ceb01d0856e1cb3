/** A button with a confirmation, for actions without undo. */

import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { confirmWords as words } from "../words/shell.ts";

interface ConfirmButtonProps {
  readonly label: string;
  /** Distinguishes several buttons with one label. */
  readonly name: string;
  readonly question: string;
  readonly confirm: string;
  readonly disabled?: boolean;
  onConfirm(): void;
}

export function ConfirmButton({ label, name, question, confirm, disabled = false, onConfirm }: ConfirmButtonProps) {
  const [open, setOpen] = useState(false);
  if (!open)
    return (
      <Button
        size="compact-sm"
        variant="subtle"
        color="red"
        disabled={disabled}
        aria-label={words.of(label, name)}
        onClick={() => setOpen(true)}
      >
        {label}
      </Button>
    );
  return (
    <Group gap="xs" role="group" aria-label={question}>
      <Text size="sm">{question}</Text>
      <Button
        size="compact-sm"
        color="red"
        variant="light"
        onClick={() => {
          setOpen(false);
          onConfirm();
        }}
      >
        {confirm}
      </Button>
      <Button size="compact-sm" variant="default" autoFocus onClick={() => setOpen(false)}>
        {words.keep}
      </Button>
    </Group>
  );
}
