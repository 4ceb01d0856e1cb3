/** The checkpoints of a run, and the user's choice among them. */

import { useEffect, useState } from "react";
import type { StoredCheckpoint } from "../../protocol/engine.ts";
import type { RunRecord } from "../../run/record.ts";
import { useFacts, useHone } from "../hone.ts";

/** Newest first; undefined until the first read. Read again when the run advances or a checkpoint is written. */
export function useCheckpoints(run: RunRecord | null): readonly StoredCheckpoint[] | undefined {
  const hone = useHone();
  const ready = useFacts((state) => state.engine.status === "ready");
  const runId = run?.id ?? null;
  const checkpoints = useFacts((state) => (runId === null ? undefined : state.compare.checkpoints[runId]));
  const written = useFacts((state) => state.training.checkpoint);
  // biome-ignore lint/correctness/useExhaustiveDependencies: progress of the run and a written checkpoint change the list
  useEffect(() => {
    if (ready && runId !== null) void hone.compare.loadCheckpoints(runId);
  }, [hone, ready, runId, run?.step, written]);
  return checkpoints;
}

export interface CheckpointPick {
  /** Newest first. */
  readonly checkpoints: readonly StoredCheckpoint[];
  /** Step of the chosen checkpoint; null means the newest. */
  readonly checkpoint: number | null;
  choose(checkpoint: number | null): void;
}

/** A choice among a run's checkpoints; the newest replaces one that was deleted or belongs to another run. */
export function useCheckpointPick(run: RunRecord | null): CheckpointPick {
  const checkpoints = useCheckpoints(run) ?? [];
  const [chosen, setChosen] = useState<{ readonly runId: string; readonly step: number } | null>(null);
  const there = chosen?.runId === run?.id && checkpoints.some(({ step }) => step === chosen?.step);
  return {
    checkpoints,
    checkpoint: there ? (chosen?.step ?? null) : null,
    choose: (step) => setChosen(run && step !== null ? { runId: run.id, step } : null),
  };
}
