/** The page's state and everything that can be done to it, connected to one engine. */

import { createStore, type StoreApi } from "zustand/vanilla";
import type { EngineClient } from "../worker/client.ts";
import type { DataEvent } from "../worker/dataProtocol.ts";
import type { EngineEvent } from "../worker/protocol.ts";
import { type CompareActions, compareActions } from "./compare.ts";
import { type Context, patch } from "./context.ts";
import { type DataActions, dataActions } from "./data.ts";
import { type EngineActions, engineActions } from "./engine.ts";
import { type ExamActions, examActions } from "./exam.ts";
import { createHeads, type Heads } from "./heads.ts";
import { type ModelActions, modelActions } from "./model.ts";
import { type PreviewActions, previewActions } from "./preview.ts";
import { type RecipeActions, recipeActions } from "./recipe.ts";
import { remember } from "./remember.ts";
import { type ReportActions, reportActions } from "./report.ts";
import { type RunsActions, runsActions } from "./runs.ts";
import { createMetricSeries, type MetricSeries } from "./series.ts";
import { type HoneState, initialState } from "./state.ts";
import { type TrainingActions, trainingActions } from "./training.ts";
import { type WelcomeActions, welcomeActions } from "./welcome.ts";

export interface Hone {
  readonly store: StoreApi<HoneState>;
  readonly series: MetricSeries;
  readonly heads: Heads;
  readonly engine: EngineActions;
  readonly model: ModelActions;
  readonly data: DataActions;
  readonly preview: PreviewActions;
  readonly report: ReportActions;
  readonly recipe: RecipeActions;
  readonly runs: RunsActions;
  readonly training: TrainingActions;
  readonly compare: CompareActions;
  readonly exam: ExamActions;
  readonly welcome: WelcomeActions;
}

/** Connects; nothing is asked of the engine before `engine.start`. */
export function createHone(client: EngineClient): Hone {
  const store = createStore<HoneState>()(() => initialState);
  remember(store);
  const series = createMetricSeries();
  const context: Context = { client, store, series };

  const engine = engineActions(context, async () => {
    await Promise.all([model.load(), data.load(), runs.load()]);
    await data.tellModel();
  });
  const model = modelActions(context, engine.refresh);
  const data = dataActions(context, engine.refresh);
  const preview = previewActions(context);
  const report = reportActions(context);
  const recipe = recipeActions(context);
  const runs = runsActions(context, engine.refresh);
  const training = trainingActions(context, model, runs, engine.refresh);
  const compare = compareActions(context, model);
  const exam = examActions(context, model);
  const welcome = welcomeActions(context, model, data);

  client.onEvent((event: EngineEvent | DataEvent) => {
    switch (event.type) {
      case "dataProgress": {
        const { task, done, total } = event;
        return patch(context, "progress", { data: { task, done, total } });
      }
      case "progress": {
        const { task, done, total } = event;
        return patch(context, "progress", { engine: { task, done, total } });
      }
      case "run": {
        runs.update(event.record);
        if (store.getState().training.phase !== "idle") patch(context, "training", { runId: event.record.id });
        return;
      }
      case "step":
        // Compiling, the first evaluation and the first answers come before.
        if (store.getState().training.phase === "preparing") patch(context, "training", { phase: "running" });
        return series.addStep(event.runId, event.metrics);
      case "evaluation":
        return series.addEvaluation(event.runId, event.metrics);
      case "checkpoint":
        return patch(context, "training", { checkpoint: event.step });
      case "token":
        return compare.hear(event.requestId, event.text);
      case "dropped":
        return patch(context, "training", { dropped: event.problems });
      case "deviceLost":
        patch(context, "progress", { engine: null });
        return patch(context, "engine", { failure: { name: "DeviceLost", message: event.message } });
    }
  });

  // A preview needs the tokenizer of whichever model is selected, however it came to be.
  store.subscribe(({ engine: { status }, model: { selected } }, before) => {
    if (status === "ready" && selected !== before.model.selected) void data.tellModel();
  });

  const heads = createHeads(client);
  const topics = { engine, model, data, preview, report, recipe, runs, training, compare, exam, welcome };
  return { store, series, heads, ...topics };
}
