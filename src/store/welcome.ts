/** The first visit as a topic: without stored or chosen data the page opens Seedling and its data. */

import { type Context, patch } from "./context.ts";
import type { DataActions } from "./data.ts";
import type { ModelActions } from "./model.ts";
import { demoData, isSeedling } from "./seedling.ts";

export interface WelcomeActions {
  /**
   * Call it once the engine has started and the stored lists are loaded. Opens Seedling and its data on a first visit
   * only, and not beside other models, data or runs. A failure is shown with the models or data, and the next visit
   * tries again.
   */
  greet(): Promise<void>;
}

export function welcomeActions(context: Context, model: ModelActions, data: DataActions): WelcomeActions {
  const { store } = context;

  const isNewcomer = () => {
    const { engine, model, data, runs } = store.getState();
    const brought = model.list.some((other) => !isSeedling(other)) || data.list.some(({ name }) => name !== demoData);
    return engine.status === "ready" && !brought && runs.list.length === 0;
  };

  return {
    async greet() {
      let { done } = store.getState().welcome;
      if (!done && isNewcomer()) {
        const before = store.getState();
        await Promise.all([
          before.model.selected === null && model.openSeedling(),
          before.data.chosen.length === 0 && data.openSample(demoData),
        ]);
        const after = store.getState();
        done = after.model.selected !== null && after.data.chosen.length > 0;
      }
      patch(context, "welcome", { settled: true, done });
    },
  };
}
