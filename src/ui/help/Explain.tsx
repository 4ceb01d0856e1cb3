/** A definition beside the settings, with the figure of the present data or run. */

import type { ReactNode } from "react";
import { type Entry, glossary, glossaryWords, type Term } from "../words/glossary.ts";
import classes from "./Explain.module.css";

interface ExplainProps {
  readonly term: Term;
  /** The present figure. */
  readonly children?: ReactNode;
}

export function Explain({ term, children }: ExplainProps) {
  const entry: Entry = glossary[term];
  return (
    <details className={classes.explain}>
      <summary>{entry.term}</summary>
      <p>{entry.meaning}</p>
      {entry.formula && <p className={classes.formula}>{entry.formula}</p>}
      {children && <p className={classes.here}>{children}</p>}
      <a href="#glossary">{glossaryWords.all}</a>
    </details>
  );
}

/** Several definitions in a line. */
export function Explanations({ children }: { readonly children: ReactNode }) {
  return <div className={classes.row}>{children}</div>;
}
