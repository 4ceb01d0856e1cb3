/** Duplicates a run: puts its settings, rows and model into the form. */

import { generalSourcesOf } from "../../run/forgetting.ts";
import type { RunRecord } from "../../run/record.ts";
import { choiceOf } from "../../run/source.ts";
import { lambdasOf, lastStage, takes } from "../../run/stage.ts";
import type { Hone } from "../../store/hone.ts";
import { withLambdasIn } from "../../store/stages.ts";
import { sourceEditWords } from "../words/edit.ts";
import { runsWords as words } from "../words/runs.ts";
import { startWords } from "../words/tuned.ts";
import { entriesOf } from "./settings.ts";

/** Fills in the form, and returns a sentence for each part that this browser does not have, and for replaced edits. */
export function duplicate(hone: Hone, run: RunRecord): string[] {
  const { model, data } = hone.store.getState();
  const known = model.list.find(({ hash }) => hash === run.model.hash);
  hone.recipe.fill({
    name: words.copyOf(run.name),
    method: run.recipe.method,
    entries: entriesOf(run, known),
  });
  if (known) hone.model.select(known.hash);
  hone.starting.choose(run.start?.runId ?? null);
  const there = run.sources.filter(({ hash }) => data.list.some((source) => source.hash === hash));
  const { stages } = run.recipe;
  const lambdas = lambdasOf(lastStage(run.recipe), run.sources.length);
  /** λ of a source in each of several stages; 0 where a stage does not use it. */
  const byStage = (index: number) =>
    stages.map((stage) => (takes(stage, index) ? (lambdasOf(stage, run.sources.length)[index] ?? 1) : 0));
  const { saved } = hone.store.getState().edits;
  const replaced = there.filter(({ hash, edits = [] }) => {
    const before = saved[hash] ?? [];
    return before.length > 0 && JSON.stringify(before) !== JSON.stringify(edits);
  });
  const general = generalSourcesOf(run.recipe);
  hone.data.chooseThese(
    there.map((source) => {
      const place = run.sources.indexOf(source);
      const lambda = lambdas[place] ?? 1;
      const own = byStage(place).map((weight) => (weight === lambda ? null : weight));
      return withLambdasIn(
        { ...choiceOf(source), lambda, ...(general.includes(place) && { general: true as const }) },
        own,
      );
    }),
  );
  const gone = run.sources.filter((source) => !there.includes(source));
  const { start } = run;
  const startIsHere = !start || hone.store.getState().runs.list.some(({ id }) => id === start.runId);
  return [
    ...(known ? [] : [words.missingModel(run.model.name)]),
    ...(startIsHere ? [] : [startWords.missing(start.name)]),
    ...gone.map(({ name }) => words.missingRows(name)),
    ...replaced.map(({ name }) => sourceEditWords.replaced(name)),
  ];
}
