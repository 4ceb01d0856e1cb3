/** The quality report as a topic: a check of all rows before a run. */

import type { DataSpec } from "../run/dataSpec.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface ReportActions {
  /** Checks all rows; a later call aborts an earlier one. The last report stays until the new one. */
  check(spec: DataSpec, key: string): Promise<void>;
  cancel(): void;
}

export function reportActions(context: Context): ReportActions {
  const { client } = context;
  let controller: AbortController | null = null;

  return {
    async check(spec, key) {
      controller?.abort();
      const mine = new AbortController();
      controller = mine;
      patch(context, "report", { checking: true, failure: null });
      try {
        const report = await client.data.inspect(spec, mine.signal);
        if (!mine.signal.aborted) patch(context, "report", { report, key });
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (!mine.signal.aborted && failure.name !== "AbortError") patch(context, "report", { failure });
      } finally {
        if (controller === mine) {
          controller = null;
          patch(context, "report", { checking: false });
          patch(context, "progress", { data: null });
        }
      }
    },
    cancel: () => controller?.abort(),
  };
}
