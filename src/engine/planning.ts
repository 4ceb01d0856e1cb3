/** Plans runs from their sources: prepares the rows, and finds the sample questions. */

import type { PreparedData } from "../protocol/datasets.ts";
import type { RunRequest } from "../protocol/engine.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import type { LoadedModel } from "./library.ts";
import { checkRecipe, inFileOrder, type Plan, planRun } from "./prepare.ts";
import type { TextService } from "./textService.ts";

/** Rows that are searched for sample questions; plain text has none. */
const questionCandidates = 50;

/**
 * The plan of a run and its first sample question; a stored record gives the same plan again. With `cacheRows` the next plan of
 * the same data reuses its rows. Throws the signal's reason when cancelled.
 */
export type Planning = (
  model: LoadedModel,
  run: Pick<RunRequest, "sources" | "recipe">,
  signal?: AbortSignal,
  cacheRows?: boolean,
) => Promise<{ readonly plan: Plan; readonly question: string | null }>;

export function createPlanning(texts: Pick<TextService, "use">): Planning {
  /** Rows of the last budget, which the start of the same run reuses. */
  let cached: { readonly key: string; readonly rows: PreparedData } | null = null;

  return async (model, { sources, recipe }, signal, cacheRows = false) => {
    checkRecipe(model, recipe);
    const spec = dataSpecOf(model.summary.hash, sources, recipe);
    const key = JSON.stringify(spec);
    const rows =
      cached?.key === key ? cached.rows : await texts.use(model, (service) => service.prepare(spec, signal), signal);
    signal?.throwIfAborted();
    cached = cacheRows ? { key, rows } : null;
    const planned = planRun(rows, recipe);
    const { heldOut, validation, training } = planned;
    const chats = heldOut.find(({ objective }) => objective === "chat")?.examples ?? validation;
    const candidates = (chats.length > 0 ? chats : inFileOrder(training)).slice(0, questionCandidates);
    const places = candidates.map(({ origin: { source, row } }) => ({ source, row }));
    const wanted = recipe.samplePrompts > 0 || recipe.watchEvery !== null;
    const questions = wanted
      ? await texts.use(model, (service) => service.questions(spec, places, signal), signal)
      : [];
    return {
      plan: { ...planned, questions: questions.slice(0, recipe.samplePrompts) },
      question: questions[0]?.prompt ?? null,
    };
  };
}
