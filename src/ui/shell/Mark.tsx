/** A state as a word with a coloured dot. */

import type { HTMLAttributes } from "react";
import classes from "./Mark.module.css";

export type Tone = "calm" | "going" | "good" | "attention" | "bad";

interface MarkProps extends HTMLAttributes<HTMLSpanElement> {
  readonly tone: Tone;
  readonly children: string;
}

export function Mark({ tone, children, ...attributes }: MarkProps) {
  return (
    <span className={classes.mark} data-tone={tone} {...attributes}>
      {children}
    </span>
  );
}
