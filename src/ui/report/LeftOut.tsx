/** Rows left out, each with the reason. */

import type { DataReport } from "../../quality/report.ts";
import { ProblemList } from "../shell/ProblemList.tsx";
import { useSpec } from "../spec.tsx";
import { rowWords, leftOutWords as words } from "../words/report.ts";
import classes from "./Report.module.css";

export function LeftOut({ report: { leftOut, leftOutCount } }: { readonly report: DataReport }) {
  const { sources } = useSpec();
  if (leftOutCount === 0) return null;
  const problems = leftOut.map(({ source, line, message }) => ({
    source,
    line,
    message: sources.length > 1 ? words.reasonIn(sources[source]?.name ?? rowWords.anotherSource, message) : message,
  }));
  return (
    <div>
      <h3 className={classes.title}>{words.title(leftOutCount, leftOut.length)}</h3>
      <ProblemList label={words.list} problems={problems} />
    </div>
  );
}
