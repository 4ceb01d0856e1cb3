/** Rows left out, with line and reason, in a scrolling list. */

import { Box } from "@mantine/core";
import type { RowProblem } from "../../records/example.ts";
import { problemWords as words } from "../words/shell.ts";
import classes from "./ProblemList.module.css";

/** Maximum number of listed rows: more would slow the layout. */
const shown = 500;

interface ProblemListProps {
  readonly label: string;
  readonly problems: readonly RowProblem[];
}

export function ProblemList({ label, problems }: ProblemListProps) {
  if (problems.length === 0) return null;
  return (
    // A scroll region must be reachable by keyboard.
    <Box component="section" aria-label={label} className={classes.region ?? ""} tabIndex={0}>
      <ol className={classes.list}>
        {problems.slice(0, shown).map(({ line, message }) => (
          <li key={`${line} ${message}`}>
            <span className={classes.line}>{words.line(line)}</span> {message}
          </li>
        ))}
      </ol>
      {problems.length > shown && <p>{words.more(problems.length - shown)}</p>}
    </Box>
  );
}
