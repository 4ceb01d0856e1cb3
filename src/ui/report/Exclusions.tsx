/** What was excluded in this session, each with the way back. */

import { Button } from "@mantine/core";
import { plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import classes from "./Report.module.css";

export function Exclusions() {
  const hone = useHone();
  const exclusions = useFacts((state) => state.data.exclusions);
  const training = useFacts((state) => state.training.phase !== "idle");
  if (exclusions.length === 0) return null;
  return (
    <section aria-label="Excluded rows" className={classes.exclusions} aria-live="polite">
      <ul>
        {exclusions.map(({ title, rows }, index) => {
          const count = Object.values(rows).reduce((sum, some) => sum + some.length, 0);
          return (
            <li key={`${title} ${count} ${index.toString()}`}>
              <span>
                Excluded {plural(count, "row")}: {title}
              </span>
              <Button
                size="compact-xs"
                variant="subtle"
                disabled={training}
                aria-label={`Undo: ${title}`}
                onClick={() => hone.data.undo(index)}
              >
                Undo
              </Button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
