/** Rows that are left out, each with the reason. */

import type { DataReport } from "../../data/quality/report.ts";
import { plural } from "../format.ts";
import { ProblemList } from "../shell/ProblemList.tsx";
import { useSpec } from "../spec.tsx";
import classes from "./Report.module.css";

export function LeftOut({ report: { leftOut, leftOutCount } }: { readonly report: DataReport }) {
  const { sources } = useSpec();
  if (leftOutCount === 0) return null;
  const problems = leftOut.map(({ source, line, message }) => ({
    source,
    line,
    message: sources.length > 1 ? `(${sources[source]?.name ?? "another source"}) ${message}` : message,
  }));
  return (
    <div>
      <h3 className={classes.title}>
        {plural(leftOutCount, "row")} left out{leftOutCount > leftOut.length && `, the first ${leftOut.length} here`}
      </h3>
      <ProblemList label="Rows left out" problems={problems} />
    </div>
  );
}
