/** Made rows to read: each is accepted or refused, and the accepted ones become data. */

import { Button, Group, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { DecidedRow } from "../../store/makeFacts.ts";
import { useFacts, useHone } from "../hone.ts";
import { makeWords as words } from "../words/make.ts";
import classes from "./Make.module.css";

/** Rows shown at a time. */
const shown = 10;

function Row({ row }: { readonly row: DecidedRow }) {
  const hone = useHone();
  return (
    <li className={classes.row}>
      <p className={classes.question}>{row.instruction}</p>
      <p className={classes.answer}>{row.output}</p>
      {row.source && (
        <details className={classes.passage}>
          <summary>{words.from(row.source.document, row.source.page)}</summary>
          <p>{row.source.text}</p>
        </details>
      )}
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          aria-label={words.acceptOf(row.instruction)}
          onClick={() => hone.make.decide(row.id, "accepted")}
        >
          {words.accept}
        </Button>
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          aria-label={words.refuseOf(row.instruction)}
          onClick={() => hone.make.decide(row.id, "refused")}
        >
          {words.refuse}
        </Button>
      </Group>
    </li>
  );
}

export function MadeRows() {
  const hone = useHone();
  const { rows, phase } = useFacts((state) => state.make);
  const [name, setName] = useState<string>(words.usualName);
  const open = rows.filter(({ state }) => state === "open");
  const accepted = rows.filter(({ state }) => state === "accepted").length;
  if (rows.length === 0) return null;
  return (
    <section aria-label={words.rows} className={classes.made}>
      <Text size="sm" role="status">
        {words.open(open.length, accepted)}
      </Text>
      <ul className={classes.list}>
        {open.slice(0, shown).map((row) => (
          <Row key={row.id} row={row} />
        ))}
      </ul>
      {open.length > shown && (
        <Text size="xs" c="dimmed">
          {words.more(open.length - shown)}
        </Text>
      )}
      {accepted > 0 && (
        <Group align="flex-end" gap="sm">
          <TextInput
            size="sm"
            label={words.name}
            value={name}
            onChange={({ currentTarget: { value } }) => setName(value)}
          />
          <Button
            size="sm"
            disabled={phase !== "idle" || name.trim() === ""}
            onClick={() => void hone.make.add(name.trim())}
          >
            {words.add(accepted)}
          </Button>
        </Group>
      )}
    </section>
  );
}
