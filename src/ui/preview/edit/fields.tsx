/** Fields of the editor: a text, and JSON text with its live error. */

import { Textarea } from "@mantine/core";
import { useState } from "react";
import { jsonProblem } from "../../../run/edits.ts";
import { editWords as words } from "../../words/edit.ts";
import classes from "./Edit.module.css";
import { prettyText } from "./rowText.ts";

/** Lines of a field where the browser does not grow it with its text. */
const rowsFor = (text: string, least: number) => Math.min(24, Math.max(least, text.split("\n").length));

interface FieldProps {
  readonly label: string;
  /** Name for assistive technology where the label alone is not unique; it begins with the label. */
  readonly name?: string;
}

interface TextFieldProps extends FieldProps {
  readonly text: string;
  readonly rows?: number;
  onChange(text: string): void;
}

export function TextField({ label, name = label, text, rows = 2, onChange }: TextFieldProps) {
  return (
    <Textarea
      label={label}
      aria-label={name}
      classNames={{ input: classes.text ?? "" }}
      rows={rowsFor(text, rows)}
      value={text}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

/** The problem with the line of its character, where the text has several. */
function withLine(problem: string, text: string): string {
  if (!text.includes("\n")) return problem;
  return problem.replace(/at character (\d+)/, (_, found: string) => {
    const before = text.slice(0, Number(found) - 1).split("\n");
    return words.at(before.length, (before.at(-1)?.length ?? 0) + 1);
  });
}

/** How the fields of an editor read and change its draft. */
export interface Editing {
  /** Typed texts that are not valid JSON yet, by path. */
  readonly pending: Readonly<Record<string, string>>;
  onPending(path: string, typed: string | null): void;
}

interface JsonFieldProps extends FieldProps {
  /** Valid JSON. */
  readonly text: string;
  readonly path: string;
  readonly editing: Editing;
  readonly rows?: number;
  /** Whether it has room for a row. */
  readonly tall?: boolean;
  /** Called with valid JSON only. */
  onChange(text: string): void;
}

export function JsonField({
  label,
  name = label,
  text,
  path,
  editing,
  rows = 2,
  tall = false,
  onChange,
}: JsonFieldProps) {
  // The typed white space stays until the field is left.
  const [typed, setTyped] = useState<string | null>(null);
  const pending = editing.pending[path];
  const shown = pending ?? typed ?? prettyText(text);
  const problem = pending === undefined ? null : jsonProblem(pending);
  return (
    <Textarea
      label={
        <>
          {label} <span className={classes.kind}>{words.json}</span>
        </>
      }
      aria-label={name}
      classNames={{ input: `${classes.json} ${tall ? classes.tall : ""}` }}
      spellCheck={false}
      autoCapitalize="off"
      rows={rowsFor(shown, rows)}
      value={shown}
      error={problem !== null && words.refused(withLine(problem, shown))}
      onChange={({ currentTarget: { value } }) => {
        setTyped(value);
        const valid = jsonProblem(value) === null;
        editing.onPending(path, valid ? null : value);
        if (valid) onChange(value);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}
