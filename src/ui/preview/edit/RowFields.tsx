/** The columns of a row as fields: first those with a role, the others in a closed part. */

import { formats } from "../../../client/client.ts";
import type { ColumnRole, Mapping } from "../../../records/formats/mapping.ts";
import { editWords as words } from "../../words/edit.ts";
import classes from "./Edit.module.css";
import { type Editing, JsonField, TextField } from "./fields.tsx";
import { MessagesField } from "./MessagesField.tsx";
import { messagesIn } from "./messageText.ts";
import { memberText, objectText, shapeOf, withMember } from "./rowText.ts";

interface Column {
  readonly name: string;
  readonly text: string;
  readonly label: string;
  readonly role: ColumnRole | null;
}

interface ColumnFieldProps {
  readonly column: Column;
  readonly editing: Editing;
  onChange(text: string): void;
}

function ColumnField({ column: { name, text, label, role }, editing, onChange }: ColumnFieldProps) {
  const shape = shapeOf(text);
  const shared = { label, path: name, text, editing, onChange };
  if (messagesIn(text) !== null && (role === "messages" || text.trim() !== "[]")) return <MessagesField {...shared} />;
  if (shape.kind !== "text" && text !== "null") return <JsonField {...shared} />;
  return (
    <TextField
      label={label}
      text={shape.kind === "text" ? shape.text : ""}
      onChange={(typed) => onChange(JSON.stringify(typed))}
    />
  );
}

interface RowFieldsProps {
  /** JSON text of the row. */
  readonly text: string;
  readonly mapping: Mapping;
  readonly editing: Editing;
  onChange(text: string): void;
}

export function RowFields({ text, mapping, editing, onChange }: RowFieldsProps) {
  const row = shapeOf(text);
  if (row.kind === "text")
    return (
      <TextField label={words.text} text={row.text} rows={6} onChange={(typed) => onChange(JSON.stringify(typed))} />
    );
  if (row.kind !== "object")
    return <JsonField label={words.wholeName} path="row" text={text} editing={editing} onChange={onChange} />;

  const roles = formats.find(({ name }) => name === mapping.format)?.roles ?? [];
  const mapped = roles.flatMap(({ role, title, required }): Column[] => {
    const name = mapping.columns[role];
    if (name === undefined) return [];
    // A required column is a field also where the row lacks it.
    const value = memberText(row.members, name) ?? (required ? (role === "messages" ? "[]" : "null") : undefined);
    return value === undefined ? [] : [{ name, text: value, label: words.column(title, name), role }];
  });
  const others = row.members.flatMap(([name, value]): Column[] =>
    mapped.some((column) => column.name === name) ? [] : [{ name, text: value, label: name, role: null }],
  );
  const field = (column: Column) => (
    <ColumnField
      key={column.name}
      column={column}
      editing={editing}
      onChange={(value) => onChange(objectText(withMember(row.members, column.name, value)))}
    />
  );

  return (
    <>
      {mapped.map(field)}
      {mapped.length === 0 && others.map(field)}
      {mapped.length > 0 && others.length > 0 && (
        <details className={classes.others}>
          <summary>{words.otherColumns(others.length)}</summary>
          <div className={classes.fields}>{others.map(field)}</div>
        </details>
      )}
    </>
  );
}
