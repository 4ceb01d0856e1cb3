/** Preflight checks: passed or failed, with a remedy for each failure. */

import type { Check } from "../../quality/report.ts";
import { checksWords as words } from "../words/report.ts";
import classes from "./Report.module.css";
import { RowLinks } from "./RowLinks.tsx";

export function Checks({ checks }: { readonly checks: readonly Check[] }) {
  if (checks.length === 0) return null;
  // Failed checks come first.
  const ordered = [...checks].sort((a, b) => Number(a.passed) - Number(b.passed));
  return (
    <section aria-label={words.title} id="preflight">
      <h3 className={classes.title}>{words.title}</h3>
      <ul className={classes.checks}>
        {ordered.map(({ kind, passed, title, detail, rows }) => (
          <li key={`${kind} ${title}`} data-passed={passed} data-check={kind}>
            <span className={classes.sign} role="img" aria-label={passed ? words.passed : words.failed}>
              {passed ? "✓" : "✕"}
            </span>
            <div>
              <div className={classes.checkTitle}>{title}</div>
              {!passed && <div className={classes.detail}>{detail}</div>}
              {!passed && <RowLinks rows={rows} />}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
