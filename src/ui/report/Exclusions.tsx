/** Exclusions of this session, each with undo. */

import { Button } from "@mantine/core";
import { useFacts, useHone } from "../hone.ts";
import { exclusionsWords as words } from "../words/report.ts";
import classes from "./Report.module.css";

export function Exclusions() {
  const hone = useHone();
  const exclusions = useFacts((state) => state.data.exclusions);
  const training = useFacts((state) => state.training.phase !== "idle");
  if (exclusions.length === 0) return null;
  return (
    <section aria-label={words.title} className={classes.exclusions} aria-live="polite">
      <ul>
        {exclusions.map(({ title, rows }, index) => {
          const count = Object.values(rows).reduce((sum, some) => sum + some.length, 0);
          return (
            <li key={`${title} ${count} ${index.toString()}`}>
              <span>{words.excluded(count, title)}</span>
              <Button
                size="compact-xs"
                variant="subtle"
                disabled={training}
                aria-label={words.undoOf(title)}
                onClick={() => hone.data.undo(index)}
              >
                {words.undo}
              </Button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
