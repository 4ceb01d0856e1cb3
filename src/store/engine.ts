/** The engine as a topic: start, provider, failure and restart. */

import type { ProviderChoice } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface EngineActions {
  /** Starts the engine with a provider, in a new worker after a crash, then loads the stored runs, models and data. */
  start(choice: ProviderChoice): Promise<void>;
  /** Updates the figures of storage. */
  refresh(): Promise<void>;
}

export function engineActions(context: Context, loadStored: () => Promise<void>): EngineActions {
  const { client } = context;
  let dead = false;
  client.onDeath((error) => {
    dead = true;
    patch(context, "engine", { status: "failed", failure: toFailure(error) });
    patch(context, "progress", { engine: null });
    patch(context, "model", { open: [] });
    patch(context, "data", { model: null });
  });

  return {
    async start(choice) {
      if (dead) client.restart();
      dead = false;
      patch(context, "engine", { status: "starting", choice, failure: null });
      patch(context, "progress", { engine: null });
      try {
        const report = await client.engine.start(choice);
        patch(context, "engine", { status: "ready", report });
      } catch (thrown) {
        const failure = toFailure(thrown);
        dead ||= failure.name === "EngineStopped";
        patch(context, "engine", { status: "failed", failure });
        return;
      }
      await loadStored();
    },
    async refresh() {
      // A failure leaves only the storage figures out of date.
      const report = await client.engine.report().catch(() => null);
      if (report) patch(context, "engine", { report });
    },
  };
}
