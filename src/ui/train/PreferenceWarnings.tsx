/** Warnings on the preferences of a run. */

import { Text } from "@mantine/core";
import type { RunRecord } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { preferenceWords as words } from "../words/preferences.ts";
import { preferenceWarnings } from "./preferences.ts";
import classes from "./StageFields.module.css";

export function PreferenceWarnings({ run, series }: { readonly run: RunRecord; readonly series: RunSeries }) {
  const found = preferenceWarnings(run, series);
  if (found.length === 0) return null;
  return (
    <section aria-label={words.warnings} data-testid="preference-warnings">
      {found.map((warning) => (
        <Text key={warning.kind} size="sm" className={classes.doubt ?? ""}>
          {words.warning(warning)}
        </Text>
      ))}
    </section>
  );
}
