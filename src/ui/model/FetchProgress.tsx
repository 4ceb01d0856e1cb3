/** Progress of a download: bytes, rate, remaining time, and a stop button. */

import { Button, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { bytes, duration } from "../format.ts";
import { useFacts } from "../hone.ts";
import { CallBar, percentOf } from "../shell/CallBar.tsx";
import { modelWords } from "../words/model.ts";
import classes from "./Model.module.css";
import { rateOf, type Seen, withSeen } from "./rate.ts";

const words = modelWords.progress;

interface FetchProgressProps {
  /** Label until the engine reports a task. */
  readonly label: string;
  onStop(): void;
}

export function FetchProgress({ label, onStop }: FetchProgressProps) {
  const progress = useFacts((state) => state.progress.engine);
  const [seen, setSeen] = useState<readonly Seen[]>([]);
  const task = progress?.task ?? label;
  const done = progress?.done ?? 0;
  useEffect(() => {
    setSeen((before) => withSeen(before, { at: performance.now(), done }));
  }, [done]);
  const total = progress?.total ?? null;
  const rate = rateOf(seen);
  const percent = percentOf(done, total);
  const parts = [
    ...(total === null ? [] : [words.of(bytes(done), bytes(total))]),
    ...(rate ? [words.rate(bytes(rate))] : []),
    ...(rate && total !== null ? [words.left(duration((total - done) / rate))] : []),
  ];
  return (
    <div className={classes.progress}>
      <div className={classes.line}>
        <Text size="sm" role="status" className={classes.grow ?? ""}>
          {task}
        </Text>
        <Button size="compact-sm" variant="default" onClick={onStop}>
          {modelWords.hub.stop}
        </Button>
      </div>
      <CallBar task={task} percent={percent} />
      <p className={classes.figures}>{parts.length > 0 ? parts.join(" · ") : "\u00a0"}</p>
    </div>
  );
}
