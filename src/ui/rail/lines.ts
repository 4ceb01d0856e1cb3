/** State of each screen in one line, for the rail. */

import { generalSourcesOf } from "../../run/forgetting.ts";
import { hasWeights } from "../../run/origin.ts";
import { settingsAt } from "../../run/recipe.ts";
import { templateLabel } from "../../run/rowFields.ts";
import { lastStage } from "../../run/stage.ts";
import { summarizeExam } from "../../store/examSummary.ts";
import { isSeedling } from "../../store/seedling.ts";
import type { PageName } from "../../store/state.ts";
import { count, plural, share } from "../format.ts";
import { useFacts } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { railWords } from "../words/rail.ts";

export interface Line {
  readonly text: string;
  readonly state: keyof typeof railWords.states;
}

const words = railWords.lines;

/** Fields of Template and mask; the others belong to Train. */
const templateNames = new Set(settingsAt("template").map(({ field }) => field));

/** The shown run: the one in training, or the newest. */
function useRun() {
  return useFacts(({ runs, training }) => runs.list.find(({ id }) => id === training.runId) ?? runs.list[0]);
}

export function useLines(): Readonly<Record<PageName, Line>> {
  const { model, sources, recipe, refusals } = useSpec();
  const opening = useFacts((state) => state.model.opening);
  const reading = useFacts((state) => state.data.opening);
  const engine = useFacts((state) => state.engine);
  const phase = useFacts((state) => state.training.phase);
  const failed = useFacts(({ report: { report } }) => report?.checks.some(({ passed }) => !passed) ?? false);
  const results = useFacts((state) => state.exam.results);
  const runs = useFacts((state) => state.runs.list.length);
  const run = useRun();
  const trained = run && hasWeights(run);

  const method = words.method(recipe.method === "lora" ? recipe.lora.rank : null);
  const refused = Object.keys(refusals);
  const general = generalSourcesOf(recipe);
  const rows = plural(
    sources.filter((_, index) => !general.includes(index)).reduce((sum, source) => sum + source.rows, 0),
    "row",
  );
  const template = words.template(templateLabel(recipe.template).split("  ")[0] ?? "", words.masks[recipe.mask]);
  const { steps, epochs } = lastStage(recipe);
  const length = steps === null ? plural(epochs, "epoch") : plural(steps, "step");

  const exam = (): Line | null => {
    if (!results?.tuned) return null;
    const { before, after } = summarizeExam(results).all;
    return before === null || after === null ? null : { text: words.exam(share(before), share(after)), state: "done" };
  };

  const trainLine = (): Line => {
    if (phase === "preparing") return { text: words.preparing, state: "going" };
    if (phase !== "idle" && run) return { text: "", state: "going" }; // The rail follows the steps itself.
    if (refused.some((field) => !templateNames.has(field))) return { text: words.refused, state: "refused" };
    return { text: words.plan(method, length), state: trained ? "done" : "open" };
  };

  return {
    model: model
      ? { text: `${isSeedling(model) ? "Seedling" : model.name} · ${count(model.parameters)}`, state: "done" }
      : { text: opening ? words.opening : words.noModel, state: opening ? "going" : "open" },
    data:
      sources.length > 0
        ? { text: words.rows(rows, sources.length - general.length), state: failed ? "refused" : "done" }
        : { text: reading ? words.reading : words.noData, state: reading ? "going" : "open" },
    template: refused.some((field) => templateNames.has(field))
      ? { text: words.refused, state: "refused" }
      : { text: template, state: "done" },
    train: trainLine(),
    compare: exam() ?? { text: trained ? words.ready : words.noRun, state: trained ? "done" : "open" },
    "take-away": trained
      ? { text: run.recipe.method === "lora" ? words.files : words.modelOnly, state: "done" }
      : { text: words.noRun, state: "open" },
    runs: { text: runs > 0 ? plural(runs, "run") : words.noRuns, state: runs > 0 ? "done" : "open" },
    machine: {
      text:
        engine.status === "ready" && engine.report
          ? engine.report.provider === "webgpu"
            ? "WebGPU"
            : `WebAssembly · ${plural(engine.report.threads, "thread")}`
          : engine.status === "failed"
            ? words.stopped
            : words.starting,
      state: engine.status === "ready" ? "done" : engine.status === "failed" ? "refused" : "going",
    },
    glossary: { text: "", state: "done" },
  };
}
