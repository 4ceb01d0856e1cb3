/** The page's state and its actions, connected to one engine. */

import { createStore, type StoreApi } from "zustand/vanilla";
import type { EngineClient } from "../client/client.ts";
import type { DataEvent } from "../protocol/datasets.ts";
import type { EngineEvent } from "../protocol/engine.ts";
import { followAddress, type PlaceActions, placeActions } from "./address.ts";
import { type BaseLossActions, baseLossActions } from "./baseLoss.ts";
import { ended, withProgress } from "./before.ts";
import { type BudgetActions, budgetActions } from "./budget.ts";
import { type CompareActions, compareActions } from "./compare.ts";
import { type ContestActions, contestActions } from "./contestVote.ts";
import { type Context, patch } from "./context.ts";
import { type DataActions, dataActions } from "./data.ts";
import { type EditActions, editActions } from "./edits.ts";
import { type EngineActions, engineActions } from "./engine.ts";
import { type ExamActions, examActions } from "./exam.ts";
import { type CurveActions, curveActions } from "./examCurve.ts";
import { type GeneralActions, generalActions } from "./general.ts";
import { createHeads, type Heads } from "./heads.ts";
import { type MakeActions, makeActions } from "./make.ts";
import { type ModelActions, modelActions } from "./model.ts";
import { type NoticeActions, noticeActions } from "./notice.ts";
import { othersActions } from "./others.ts";
import { type PreviewActions, previewActions } from "./preview.ts";
import { type RecipeActions, recipeActions } from "./recipe.ts";
import { remember } from "./remember.ts";
import { type ReportActions, reportActions } from "./report.ts";
import { type RowLossActions, rowLossActions } from "./rowLosses.ts";
import { type RunsActions, runsActions } from "./runs.ts";
import { type SampledActions, sampledActions } from "./sampled.ts";
import { createMetricSeries, type MetricSeries } from "./series.ts";
import { type StagesActions, stagesActions } from "./stages.ts";
import { type StartingActions, startingActions } from "./starting.ts";
import { type HoneState, initialState } from "./state.ts";
import { type TrainingActions, trainingActions } from "./training.ts";
import { type UpdateActions, updateActions } from "./update.ts";
import { type VoteActions, voteActions } from "./vote.ts";
import { type WatchingActions, watchingActions } from "./watching.ts";
import { type WelcomeActions, welcomeActions } from "./welcome.ts";

export interface Hone {
  readonly store: StoreApi<HoneState>;
  readonly series: MetricSeries;
  readonly heads: Heads;
  readonly place: PlaceActions;
  readonly engine: EngineActions;
  readonly model: ModelActions;
  readonly data: DataActions;
  readonly edits: EditActions;
  readonly preview: PreviewActions;
  readonly report: ReportActions;
  readonly recipe: RecipeActions;
  readonly stages: StagesActions;
  readonly runs: RunsActions;
  readonly budget: BudgetActions;
  readonly baseLoss: BaseLossActions;
  readonly watching: WatchingActions;
  readonly notice: NoticeActions;
  readonly starting: StartingActions;
  readonly general: GeneralActions;
  readonly training: TrainingActions;
  readonly compare: CompareActions;
  readonly exam: ExamActions;
  readonly rowLosses: RowLossActions;
  readonly make: MakeActions;
  readonly curve: CurveActions;
  readonly contest: ContestActions;
  readonly vote: VoteActions;
  readonly sampled: SampledActions;
  readonly welcome: WelcomeActions;
  readonly update: UpdateActions;
}

/** Connects; the engine gets no call before `engine.start`. */
export function createHone(client: EngineClient): Hone {
  const store = createStore<HoneState>()(() => initialState);
  remember(store);
  followAddress(store);
  const series = createMetricSeries();
  const context: Context = { client, store, series };

  const place = placeActions(context);
  const engine = engineActions(context, async () => {
    await Promise.all([model.load(), data.load(), runs.load()]);
    await data.loadTokenizer();
  });
  const model = modelActions(context, engine.refresh);
  const edits = editActions(context);
  const data = dataActions(context, edits, engine.refresh);
  const preview = previewActions(context);
  const report = reportActions(context);
  const recipe = recipeActions(context);
  const stages = stagesActions(context);
  const runs = runsActions(context, engine.refresh, model.ensureOpen);
  const budget = budgetActions(context);
  const baseLoss = baseLossActions(context);
  const watching = watchingActions(context);
  const notice = noticeActions(context);
  const training = trainingActions(context, model, runs, engine.refresh, () => exam.present());
  const compare = compareActions(context, model);
  const exam = examActions(context, model);
  const rowLosses = rowLossActions(context, model);
  const make = makeActions(context, model, data);
  const curve = curveActions(context, model, exam);
  const contest = contestActions(context);
  const vote = voteActions(context);
  const sampled = sampledActions(context, model, data);
  const starting = startingActions(context, model.select);
  const general = generalActions(context, data, model);
  const others = othersActions(context, runs, data.load);
  const welcome = welcomeActions(context, model, data);
  const update = updateActions(context);

  client.onEvent((event: EngineEvent | DataEvent) => {
    switch (event.type) {
      case "dataProgress": {
        const { task, done, total } = event;
        return patch(context, "progress", { data: { task, done, total } });
      }
      case "progress": {
        const { task, done, total } = event;
        const { phase, before } = store.getState().training;
        if (phase === "preparing")
          patch(context, "training", { before: withProgress(before, event, performance.now()) });
        return patch(context, "progress", { engine: { task, done, total } });
      }
      case "run": {
        runs.update(event.record);
        if (store.getState().training.phase !== "idle") patch(context, "training", { runId: event.record.id });
        return;
      }
      case "step":
        // Compilation, the first evaluation and the first answers end with the first step.
        if (store.getState().training.phase === "preparing") {
          const before = ended(store.getState().training.before, performance.now());
          patch(context, "training", { phase: "running", skipping: false, before });
          patch(context, "progress", { engine: null });
        }
        return series.addStep(event.runId, event.metrics, event.memory);
      case "evaluation":
        return series.addEvaluation(event.runId, event.metrics);
      case "checkpoint":
        return patch(context, "training", { checkpoint: event.step, saving: false });
      case "watch":
        return watching.hear(event.runId, event.watch);
      case "elsewhere":
        return others.hear(event.event);
      case "othersTraining":
        return others.train(event.training);
      case "runsChanged":
        // For other tabs: this tab made the change itself.
        return;
      case "token":
        return compare.hear(event.requestId, event.text);
      case "made":
        return make.hear(event.outcome);
      case "dropped":
        return patch(context, "training", { dropped: event.problems });
      case "deviceLost":
        patch(context, "progress", { engine: null });
        return patch(context, "engine", { failure: { name: "DeviceLost", message: event.message } });
    }
  });

  // The preview needs the tokenizer of the selected model.
  store.subscribe(({ engine: { status }, model: { selected } }, before) => {
    if (status === "ready" && selected !== before.model.selected) void data.loadTokenizer();
  });

  const heads = createHeads(client);
  const topics = {
    place,
    engine,
    model,
    data,
    edits,
    preview,
    report,
    recipe,
    stages,
    runs,
    budget,
    baseLoss,
    watching,
    notice,
    training,
    starting,
    general,
    compare,
    exam,
    rowLosses,
    make,
    curve,
    contest,
    vote,
    sampled,
    welcome,
    update,
  };
  return { store, series, heads, ...topics };
}
