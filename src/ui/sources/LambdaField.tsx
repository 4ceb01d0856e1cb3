/** λ of a source. The typed text stays; only an allowed number is used. */

import { TextInput } from "@mantine/core";
import { useState } from "react";
import { sourceWords as words } from "../words/data.ts";
import { stageFormWords } from "../words/stageForm.ts";
import classes from "./DataPanel.module.css";

interface LambdaFieldProps {
  readonly label?: string;
  /** The label for screen readers. */
  readonly name: string;
  readonly value: number;
  /** Whether 0 is allowed, which leaves the source out. */
  readonly zero?: boolean;
  onChange(lambda: number): void;
}

export function LambdaField({ label = words.weight, name, value, zero = false, onChange }: LambdaFieldProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const allowed = (text: string) => {
    const lambda = text.trim() === "" ? Number.NaN : Number(text);
    return Number.isFinite(lambda) && (zero ? lambda >= 0 : lambda > 0);
  };
  const refused = typed !== null && !allowed(typed);
  return (
    <TextInput
      className={classes.lambda ?? ""}
      size="xs"
      label={label}
      aria-label={name}
      inputMode="decimal"
      autoComplete="off"
      value={typed ?? String(value)}
      error={refused && (zero ? stageFormWords.lambdaRefused : words.weightRefused)}
      onChange={({ currentTarget: { value: text } }) => {
        setTyped(text);
        if (allowed(text)) onChange(Number(text));
      }}
      onBlur={() => {
        if (!refused) setTyped(null);
      }}
    />
  );
}
