/** Duplicates a run: puts its settings, rows and model into the form. */

import type { RunRecord } from "../../run/record.ts";
import { choiceOf } from "../../run/source.ts";
import { lambdasOf, lastStage } from "../../run/stage.ts";
import type { Hone } from "../../store/hone.ts";
import { runsWords as words } from "../words/runs.ts";
import { entriesOf } from "./settings.ts";

/** Fills in the form, and returns parts of the run that this browser does not have. */
export function duplicate(hone: Hone, run: RunRecord): string[] {
  const { model, data } = hone.store.getState();
  const known = model.list.find(({ hash }) => hash === run.model.hash);
  hone.recipe.fill({
    name: words.copyOf(run.name),
    method: run.recipe.method,
    entries: entriesOf(run, known),
  });
  if (known) hone.model.select(known.hash);
  const there = run.sources.filter(({ hash }) => data.list.some((source) => source.hash === hash));
  const lambdas = lambdasOf(lastStage(run.recipe), run.sources.length);
  hone.data.chooseThese(
    there.map((source) => ({ ...choiceOf(source), lambda: lambdas[run.sources.indexOf(source)] ?? 1 })),
  );
  const gone = run.sources.filter((source) => !there.includes(source));
  return [...(known ? [] : [words.missingModel(run.model.name)]), ...gone.map(({ name }) => words.missingRows(name))];
}
