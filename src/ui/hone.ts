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

/** A run's curves, at most five times a second however fast the steps come. */
export function useSeries(runId: string | null): RunSeries {
  const { series } = useHone();
  const [, setTick] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = series.subscribe((changed) => {
      if (changed !== runId || timer !== null) return;
      timer = setTimeout(() => {
        timer = null;
        setTick((tick) => tick + 1);
      }, refreshMilliseconds);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [series, runId]);
  return series.of(runId ?? "");
}
