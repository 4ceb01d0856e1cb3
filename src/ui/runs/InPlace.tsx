/** A text that is edited in its place: a button opens the field, Enter saves, Escape discards the change. */

import { Button, Group, Textarea, TextInput } from "@mantine/core";
import { type KeyboardEvent, useState } from "react";
import { runsWords as words } from "../words/runs.ts";

interface InPlaceProps {
  readonly value: string;
  /** Label of the button that opens the field, and its accessible name. */
  readonly open: { readonly label: string; readonly name: string };
  readonly fieldLabel: string;
  /** Several lines, saved by the button only; may be empty. */
  readonly long?: boolean;
  readonly disabled?: boolean;
  onSave(value: string): void;
}

export function InPlace({ value, open, fieldLabel, long = false, disabled = false, onSave }: InPlaceProps) {
  const [typed, setTyped] = useState<string | null>(null);
  if (typed === null) {
    return (
      <Button
        size="compact-xs"
        variant="subtle"
        ml={long ? -8 : 0}
        aria-label={open.name}
        disabled={disabled}
        onClick={() => setTyped(value)}
      >
        {open.label}
      </Button>
    );
  }
  const close = () => setTyped(null);
  const save = () => {
    const text = typed.trim();
    if (text !== value && (long || text !== "")) onSave(text);
    close();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    if (event.key !== "Enter" || (long && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    save();
  };
  const field = { "aria-label": fieldLabel, value: typed, autoFocus: true, onKeyDown } as const;
  return (
    <Group gap="xs" align="flex-start" style={{ flexBasis: "100%" }}>
      {long ? (
        <Textarea {...field} flex="1 1 14rem" rows={3} onChange={(event) => setTyped(event.currentTarget.value)} />
      ) : (
        <TextInput
          {...field}
          flex="1 1 14rem"
          autoComplete="off"
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <Button size="compact-sm" aria-label={words.saveOf(fieldLabel)} onClick={save}>
        {words.save}
      </Button>
      <Button size="compact-sm" variant="default" onClick={close}>
        {words.leave}
      </Button>
    </Group>
  );
}
