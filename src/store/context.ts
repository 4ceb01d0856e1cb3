/** Shared by the actions of all topics. */

import type { StoreApi } from "zustand/vanilla";
import type { EngineClient } from "../client/client.ts";
import type { MetricSeries } from "./series.ts";
import type { HoneState } from "./state.ts";

export interface Context {
  readonly client: EngineClient;
  readonly store: StoreApi<HoneState>;
  readonly series: MetricSeries;
}

/** Changes facts of one topic. */
export function patch<Topic extends keyof HoneState>(
  { store }: Context,
  topic: Topic,
  change: Partial<HoneState[Topic]>,
): void {
  store.setState((state) => ({ ...state, [topic]: { ...state[topic], ...change } }));
}
