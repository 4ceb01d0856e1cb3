/** The engine calls of "Continue elsewhere": a run, and a recipe before its run. */

import type { TrainedTensors } from "../export/files.ts";
import type { EngineApi, RunRequest } from "../protocol/engine.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import type { RunStart } from "../run/origin.ts";
import type { RunRecord } from "../run/record.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { Storage } from "../storage/storage.ts";
import { cut } from "../tensor/quote.ts";
import type { Exports } from "./export.ts";
import type { HandOverWork } from "./handOver.ts";
import type { Library, LoadedModel } from "./library.ts";
import type { Planning } from "./planning.ts";
import { modelOfRequest, modelOfRun } from "./precision.ts";
import { methodOf } from "./prepare.ts";
import { readStart, startOf } from "./start.ts";
import type { TextService } from "./textService.ts";

interface HandOverCallParts {
  readonly storage: Storage;
  readonly library: Library;
  readonly texts: Pick<TextService, "use">;
  readonly exports: Exports;
  readonly plan: Planning;
  readonly getRun: (runId: string) => Promise<RunRecord>;
  readonly device: () => Promise<ProviderReport>;
}

export function createHandOverCalls({
  storage,
  library,
  texts,
  exports,
  plan,
  getRun,
  device,
}: HandOverCallParts): Pick<EngineApi, "exportHandOver" | "handOverRecipe"> {
  async function workOf(
    model: LoadedModel,
    { name, sources, recipe }: Pick<RunRequest, "name" | "sources" | "recipe">,
    start: RunStart | null,
    signal: AbortSignal | undefined,
  ): Promise<HandOverWork> {
    if (sources.length === 0) {
      throw new Error(`"${cut(name)}" was not trained in Hone, so it has no rows: export its weights instead.`);
    }
    const { plan: planned } = await plan(model, { sources, recipe }, signal);
    const spec = dataSpecOf(model.summary.hash, sources, recipe);
    const rows = await texts.use(model, (service) => service.handOverRows(spec, signal), signal);
    const trained = (from: RunStart): TrainedTensors => {
      const method = methodOf(recipe);
      return (visit) =>
        readStart(storage, from, model.definition, method, ({ name: tensor, data }) => visit(tensor, data));
    };
    return { name, recipe, model, plan: planned, rows, start: start && trained(start) };
  }

  return {
    async exportHandOver(runId, step, signal) {
      const run = await getRun(runId);
      const model = await modelOfRun(library, run, null, signal);
      return exports.handOver(run, await workOf(model, run, run.start ?? null, signal), step, signal);
    },

    async handOverRecipe(request, signal) {
      const { model, recipe } = await modelOfRequest(library, request, await device(), signal);
      const settled = { ...request, recipe };
      const start = await startOf(storage, settled, model.definition);
      return exports.handOver(null, await workOf(model, settled, start, signal), null, signal);
    },
  };
}
