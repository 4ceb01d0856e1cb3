/** The engine as a topic: starting it, choosing its provider, hearing of its death, starting it again. */

import type { ProviderChoice } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface EngineActions {
  /** Starts with the provider asked for, in a new worker after a death, then loads what the browser keeps. */
  start(choice: ProviderChoice): Promise<void>;
  /** Asks anew what storage is used. */
  refresh(): Promise<void>;
}

export function engineActions(context: Context, loadKept: () => Promise<void>): EngineActions {
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
      await loadKept();
    },
    async refresh() {
      // Only the storage figures would be stale: not worth an error of its own.
      const report = await client.engine.report().catch(() => null);
      if (report) patch(context, "engine", { report });
    },
  };
}
