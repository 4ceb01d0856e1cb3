/** Rows as pasted text, detected like a file. */

import { Button, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useHone } from "../hone.ts";
import { pasteWords as words } from "../words/data.ts";

interface PasteFormProps {
  readonly disabled: boolean;
  /** Called after the text was read. */
  onRead(): void;
}

export function PasteForm({ disabled, onRead }: PasteFormProps) {
  const hone = useHone();
  const [text, setText] = useState("");
  const [name, setName] = useState("");

  const read = async (event: FormEvent) => {
    event.preventDefault();
    if (await hone.data.paste(name.trim() || words.unnamed, text)) onRead();
  };

  return (
    <form onSubmit={(event) => void read(event)}>
      <Stack gap="sm">
        <Textarea
          label={words.text}
          description={words.about}
          rows={6}
          spellCheck={false}
          styles={{
            input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: "var(--mantine-font-size-sm)" },
          }}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Group gap="sm" align="flex-end">
          <TextInput
            flex="1 1 10rem"
            label={words.name}
            placeholder={words.unnamed}
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" disabled={disabled || text.trim() === ""}>
            {words.read}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
