/** A measurement of the next run as a topic: one at a time, and a later one aborts the one before it. */

import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

/** The topics that measure. */
type Topic = "budget" | "baseLoss";

export interface Measurement<Request> {
  /** Measures the run; `key` identifies it. A later call aborts an earlier one. */
  measure(request: Request, key: string): Promise<void>;
  cancel(): void;
}

/**
 * `measure` computes and stores the result; it gets the signal of its own call. A failure goes to the topic, unless the call
 * was aborted.
 */
export function measurementOf<Request>(
  context: Context,
  topic: Topic,
  measure: (request: Request, key: string, signal: AbortSignal) => Promise<void>,
): Measurement<Request> {
  let controller: AbortController | null = null;
  return {
    async measure(request, key) {
      controller?.abort();
      const mine = new AbortController();
      controller = mine;
      patch(context, topic, { measuring: key, failure: null });
      try {
        await measure(request, key, mine.signal);
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (!mine.signal.aborted && failure.name !== "AbortError") patch(context, topic, { failure, failedKey: key });
      } finally {
        if (controller === mine) {
          controller = null;
          patch(context, topic, { measuring: null });
          patch(context, "progress", { engine: null });
        }
      }
    },
    cancel: () => controller?.abort(),
  };
}
