/** The typed question and row of the snapshots: saved, and read when a run starts. */

import type { WatchChoice } from "../protocol/engine.ts";
import type { Watch } from "../run/metrics.ts";
import type { SourceChoice } from "../run/source.ts";
import { type Context, patch } from "./context.ts";
import type { WatchingFacts } from "./state.ts";

export interface WatchingActions {
  /** The question; empty is the first held-out one. */
  prompt(text: string): void;
  /** The row, as its number from 1; empty is the first held-out one. */
  row(text: string): void;
  /** Hash of the source that the row is of; null is the first chosen one. */
  source(hash: string | null): void;
  /** A snapshot of a running run arrived. */
  hear(runId: string, watch: Watch): void;
}

export function watchingActions(context: Context): WatchingActions {
  return {
    prompt: (prompt) => patch(context, "watching", { prompt }),
    row: (row) => patch(context, "watching", { row }),
    source: (source) => patch(context, "watching", { source }),
    hear(runId, watch) {
      const { list } = context.store.getState().runs;
      patch(context, "runs", { list: list.map((run) => (run.id === runId ? { ...run, watch } : run)) });
    },
  };
}

/**
 * Reads the typed values; null where the row is not a whole number from 1. A source that is not chosen becomes the
 * first.
 */
export function watchChoice(
  { prompt, row, source }: WatchingFacts,
  chosen: readonly Pick<SourceChoice, "hash">[],
): WatchChoice | null {
  const question = prompt.trim() === "" ? null : prompt;
  if (row.trim() === "") return { prompt: question, place: null };
  const number = Number(row);
  if (!Number.isSafeInteger(number) || number < 1) return null;
  const at = chosen.findIndex(({ hash }) => hash === source);
  return { prompt: question, place: { source: Math.max(0, at), row: number - 1 } };
}
