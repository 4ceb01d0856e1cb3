/** Hooks for the page's state, actions and curves. */

import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Hone } from "../store/hone.ts";
import type { RunSeries } from "../store/series.ts";
import type { HoneState } from "../store/state.ts";

export const HoneContext = createContext<Hone | null>(null);

/** Returns the actions. Throws outside the provider. */
export function useHone(): Hone {
  const hone = useContext(HoneContext);
  if (!hone) throw new Error("useHone needs a HoneContext above it.");
  return hone;
}

/** A part of the state; the component renders when that part changes by identity. */
export function useFacts<T>(select: (state: HoneState) => T): T {
  const { store } = useHone();
  return useSyncExternalStore(store.subscribe, () => select(store.getState()));
}

/** Milliseconds between two renders of live figures. */
const refreshMilliseconds = 200;
const manyMilliseconds = 500;

/** Renders after changes of these runs' curves, at most every `interval` milliseconds. */
function useChanges(ids: readonly string[], milliseconds: number): void {
  const { series } = useHone();
  const [, setTick] = useState(0);
  const key = ids.join("\n");
  useEffect(() => {
    const followed = new Set(key.split("\n"));
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = series.subscribe((changed) => {
      if (!followed.has(changed) || timer !== null) return;
      timer = setTimeout(() => {
        timer = null;
        setTick((tick) => tick + 1);
      }, milliseconds);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [series, key, milliseconds]);
}

/** Loads the stored curves of these runs. */
function useStoredCurves(ids: readonly string[]): void {
  const { runs, series } = useHone();
  const missing = ids.filter((id) => !series.of(id).whole).join("\n");
  useEffect(() => {
    for (const id of missing.split("\n")) if (id !== "") void runs.openCurves(id);
  }, [runs, missing]);
}

/** Live curves of a run, at most five times a second; stored curves are not loaded. */
export function useLive(runId: string): RunSeries {
  useChanges([runId], refreshMilliseconds);
  return useHone().series.of(runId);
}

/** Stored and live curves of a run, as often. */
export function useSeries(runId: string): RunSeries {
  useStoredCurves([runId]);
  return useLive(runId);
}

/** Curves of several runs, at most twice a second, because all are redrawn. */
export function useManySeries(ids: readonly string[]): readonly RunSeries[] {
  useStoredCurves(ids);
  useChanges(ids, manyMilliseconds);
  const { series } = useHone();
  return ids.map((id) => series.of(id));
}
