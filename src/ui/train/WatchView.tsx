/** Snapshots of a run: the answers, and the loss of each token of one row. */

import { Text } from "@mantine/core";
import { useState } from "react";
import type { Watch } from "../../run/metrics.ts";
import type { RunRecord } from "../../run/record.ts";
import { watchWords as words } from "../words/train.ts";
import { FilmStrip } from "./FilmStrip.tsx";
import { HeatMap } from "./HeatMap.tsx";
import classes from "./Watch.module.css";

export function WatchView({ run, watch }: { readonly run: RunRecord; readonly watch: Watch }) {
  /** Step of the chosen snapshot; null follows the newest. */
  const [chosen, setChosen] = useState<number | null>(null);
  const { moments: snapshots, prompt, place, tokens } = watch;
  const shown = snapshots.find(({ step }) => step === chosen) ?? snapshots.at(-1);
  const before = snapshots[0];
  const source = run.sources[place.source]?.name ?? "";
  return (
    <section className={classes.watch} aria-label={words.title}>
      <Text fw={600} size="sm" component="h3">
        {words.title}
      </Text>
      <p className={classes.prompt}>
        {prompt === null ? (
          words.noQuestion
        ) : (
          <>
            <span className={classes.label}>{words.question}</span> {prompt}
          </>
        )}
      </p>
      {shown && before ? (
        <>
          <FilmStrip
            snapshots={snapshots}
            shown={shown}
            onChoose={(step) => setChosen(step === snapshots.at(-1)?.step ? null : step)}
          />
          <HeatMap title={words.row(place.row, source)} tokens={tokens} before={before} now={shown} />
        </>
      ) : (
        <p className={classes.waiting}>{words.waiting}</p>
      )}
    </section>
  );
}
