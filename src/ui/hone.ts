/** How components reach the page's state, its actions and the curves. */

import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Hone } from "../store/hone.ts";
import type { RunSeries } from "../store/series.ts";
import type { HoneState } from "../store/state.ts";

export const HoneContext = createContext<Hone | null>(null);

/** The actions. Throws outside the provider. */
export function useHone(): Hone {
  const hone = useContext(HoneContext);
  if (!hone) throw new Error("useHone needs a HoneContext above it.");
  return hone;
}

/** A part of the state, as it stands there or a primitive; the component renders when that part changes. */
export function useFacts<T>(select: (state: HoneState) => T): T {
  const { store } = useHone();
  return useSyncExternalStore(store.subscribe, () => select(store.getState()));
}

/** The eye reads no faster, and a fast run makes many steps in between. */
const refreshMilliseconds = 200;
const manyMilliseconds = 500;

/** Renders again when the curves of one of these runs change, at most every so many milliseconds. */
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

/** Asks for the kept curves of these runs, where they are not there yet. */
function useKept(ids: readonly string[]): void {
  const { runs, series } = useHone();
  const missing = ids.filter((id) => !series.of(id).whole).join("\n");
  useEffect(() => {
    for (const id of missing.split("\n")) if (id !== "") void runs.openCurves(id);
  }, [runs, missing]);
}

/** What is known of a run's curves, at most five times a second however fast the steps come: the kept ones are not asked for. */
export function useLive(runId: string): RunSeries {
  useChanges([runId], refreshMilliseconds);
  return useHone().series.of(runId);
}

/** A run's curves, as often. */
export function useSeries(runId: string): RunSeries {
  useKept([runId]);
  return useLive(runId);
}

/** The curves of several runs, at most twice a second: all of them are drawn anew. */
export function useManySeries(ids: readonly string[]): readonly RunSeries[] {
  useKept(ids);
  useChanges(ids, manyMilliseconds);
  const { series } = useHone();
  return ids.map((id) => series.of(id));
}
