/** The checkpoints of a run, as a choice among them shows them. */

import { useEffect } from "react";
import type { KeptCheckpoint } from "../protocol/engine.ts";
import type { RunRecord } from "../run/record.ts";
import { useFacts, useHone } from "./hone.ts";

/** Newest first; undefined until they are read. They are read again when the run goes on or a checkpoint is written. */
export function useCheckpoints(run: RunRecord): readonly KeptCheckpoint[] | undefined {
  const hone = useHone();
  const ready = useFacts((state) => state.engine.status === "ready");
  const checkpoints = useFacts((state) => state.compare.checkpoints[run.id]);
  const written = useFacts((state) => state.training.checkpoint);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a run that went on and a checkpoint that was written change the list
  useEffect(() => {
    if (ready) void hone.compare.loadCheckpoints(run.id);
  }, [hone, ready, run.id, run.step, written]);
  return checkpoints;
}
