/** λ of a source. The typed text stays; only a number above 0 is used. */

import { TextInput } from "@mantine/core";
import { useState } from "react";
import { sourceWords as words } from "../words/data.ts";
import classes from "./DataPanel.module.css";

interface LambdaFieldProps {
  readonly name: string;
  readonly value: number;
  onChange(lambda: number): void;
}

export function LambdaField({ name, value, onChange }: LambdaFieldProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const refused = typed !== null && !(Number(typed) > 0 && Number.isFinite(Number(typed)));
  return (
    <TextInput
      className={classes.lambda ?? ""}
      size="xs"
      label={words.weight}
      aria-label={words.weightOf(name)}
      inputMode="decimal"
      autoComplete="off"
      value={typed ?? String(value)}
      error={refused && words.weightRefused}
      onChange={({ currentTarget: { value: text } }) => {
        setTyped(text);
        const lambda = Number(text);
        if (lambda > 0 && Number.isFinite(lambda)) onChange(lambda);
      }}
      onBlur={() => {
        if (!refused) setTyped(null);
      }}
    />
  );
}
