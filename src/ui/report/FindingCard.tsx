/** One finding: title, detail, rows, and a button that excludes them. */

import { Button } from "@mantine/core";
import type { Finding } from "../../quality/report.ts";
import { useFacts, useHone } from "../hone.ts";
import { findingsWords as words } from "../words/report.ts";
import { RemedyButton } from "./RemedyButton.tsx";
import classes from "./Report.module.css";
import { RowLinks } from "./RowLinks.tsx";

interface FindingCardProps {
  readonly finding: Finding;
  /** The report is out of date, so its rows may be fixed. */
  readonly stale: boolean;
}

export function FindingCard({ finding, stale }: FindingCardProps) {
  const hone = useHone();
  const training = useFacts((state) => state.training.phase !== "idle");
  const chosen = useFacts((state) => state.data.chosen);
  const { kind, severity, title, detail, rows, examples, excludable, remedy } = finding;
  const excluded = chosen.map((source) => new Set(source.excluded));
  const left = rows.rows.reduce((sum, row, index) => sum + (excluded[rows.sources[index] ?? -1]?.has(row) ? 0 : 1), 0);

  return (
    <li className={classes.finding} data-severity={severity} data-finding={kind}>
      <div className={classes.findingHead}>
        <div className={classes.findingText}>
          <div className={classes.checkTitle}>
            <span className={classes.severity}>{severity === "warning" ? words.warning : words.hint}</span> {title}
          </div>
          <div className={classes.detail}>{detail}</div>
        </div>
        <div className={classes.findingActions}>
          {remedy && <RemedyButton remedy={remedy} rows={rows} title={title} disabled={stale || training} />}
          {excludable && rows.rows.length > 0 && (
            <Button
              size="xs"
              variant="default"
              disabled={left === 0 || training}
              aria-label={left === 0 ? words.excludedOf(title) : words.excludeOf(left, title)}
              onClick={() => hone.data.exclude(title, rows)}
            >
              {left === 0 ? words.excluded : words.exclude(left)}
            </Button>
          )}
        </div>
      </div>
      {examples.length > 0 && (
        <details className={classes.examples}>
          <summary>{words.examples}</summary>
          <ul>
            {examples.map((example) => (
              <li key={example}>{example}</li>
            ))}
          </ul>
        </details>
      )}
      {!stale || left > 0 ? <RowLinks rows={rows} /> : null}
    </li>
  );
}
