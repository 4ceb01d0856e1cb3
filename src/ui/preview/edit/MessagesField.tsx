/** The messages of a row as fields: role, text, reasoning, and other members as text or JSON. */

import { Button, Group, NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";
import { editWords as words } from "../../words/edit.ts";
import classes from "./Edit.module.css";
import { type Editing, JsonField, TextField } from "./fields.tsx";
import { messagesIn, moved, newMessage, reasoningKeys, spellingOf } from "./messageText.ts";
import { listText, type Member, memberText, objectText, shapeOf, withMember } from "./rowText.ts";

interface MessageFieldsProps {
  readonly members: readonly Member[];
  readonly number: number;
  readonly path: string;
  readonly editing: Editing;
  readonly actions: ReactNode;
  onChange(text: string): void;
}

function MessageFields({ members, number, path, editing, actions, onChange }: MessageFieldsProps) {
  const { roleKey, contentKey, roles } = spellingOf(members);
  const roleText = memberText(members, roleKey) ?? '""';
  const role = shapeOf(roleText);
  const present = role.kind === "text" ? role.text : roleText;
  const set = (key: string, text: string) => onChange(objectText(withMember(members, key, text)));
  const content: Member = [contentKey, memberText(members, contentKey) ?? "null"];
  const shown = members.filter(([key, text]) => key !== roleKey && key !== contentKey && text !== "null");

  const field = ([key, text]: Member) => {
    const shape = shapeOf(text);
    const isContent = key === contentKey;
    const label = isContent ? words.content : reasoningKeys.includes(key) ? words.reasoning(key) : key;
    const shared = { label, name: words.fieldOf(label, number) };
    return shape.kind === "text" || (isContent && text === "null") ? (
      <TextField
        key={key}
        {...shared}
        text={shape.kind === "text" ? shape.text : ""}
        rows={isContent ? 2 : 1}
        onChange={(typed) => set(key, JSON.stringify(typed))}
      />
    ) : (
      <JsonField
        key={key}
        {...shared}
        text={text}
        path={`${path}.${key}`}
        editing={editing}
        onChange={(typed) => set(key, typed)}
      />
    );
  };

  return (
    <>
      <div className={classes.messageHead}>
        <div className={classes.who}>
          <span className={classes.number}>{words.message(number)}</span>
          <NativeSelect
            size="xs"
            aria-label={words.roleOf(number)}
            className={classes.role ?? ""}
            value={present}
            data={[...new Set([...roles, present])]}
            onChange={(event) => set(roleKey, JSON.stringify(event.currentTarget.value))}
          />
        </div>
        {actions}
      </div>
      {[...shown.filter(([key]) => reasoningKeys.includes(key)), content].map(field)}
      {shown.filter(([key]) => !reasoningKeys.includes(key)).map(field)}
    </>
  );
}

interface MessagesFieldProps {
  readonly label: string;
  /** JSON text of a list of messages. */
  readonly text: string;
  readonly path: string;
  readonly editing: Editing;
  onChange(text: string): void;
}

export function MessagesField({ label, text, path, editing, onChange }: MessagesFieldProps) {
  const messages = messagesIn(text) ?? [];
  const items = messages.map(objectText);
  // Paths have the index of a message, so it must not change under a text that is not JSON yet.
  const fixed = Object.keys(editing.pending).length > 0;
  const set = (next: readonly string[]) => onChange(listText(next));
  const action = (name: string, title: string, disabled: boolean, next: () => readonly string[]) => (
    <Button
      size="compact-xs"
      variant="subtle"
      aria-label={title}
      disabled={fixed || disabled}
      onClick={() => set(next())}
    >
      {name}
    </Button>
  );

  return (
    <fieldset className={classes.messages}>
      <legend className={classes.legend}>{label}</legend>
      <ol className={classes.list}>
        {messages.map((members, index) => (
          // A message has no other key than its index.
          <li key={`message ${index.toString()}`} className={classes.message}>
            <MessageFields
              members={members}
              number={index + 1}
              path={`${path}.${index}`}
              editing={editing}
              actions={
                <Group gap={2}>
                  {action(words.up, words.upOf(index + 1), index === 0, () => moved(items, index, -1))}
                  {action(words.down, words.downOf(index + 1), index === items.length - 1, () =>
                    moved(items, index, 1),
                  )}
                  {action(words.remove, words.removeOf(index + 1), false, () => items.toSpliced(index, 1))}
                </Group>
              }
              onChange={(next) => set(items.with(index, next))}
            />
          </li>
        ))}
      </ol>
      <Button
        size="compact-sm"
        variant="default"
        disabled={fixed}
        onClick={() => set([...items, newMessage(messages)])}
      >
        {words.add}
      </Button>
    </fieldset>
  );
}
