/** A note above Train: before the first run its defaults, after a finished run its result and the next screen. */

import { Button } from "@mantine/core";
import { generalSourcesOf } from "../../run/forgetting.ts";
import type { RunRecord } from "../../run/record.ts";
import { isSeedling } from "../../store/seedling.ts";
import { plural } from "../format.ts";
import { useFacts } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { introWords } from "../words/intro.ts";
import classes from "./Intro.module.css";

function FirstVisit() {
  const { model, sources, recipe } = useSpec();
  if (!model || !isSeedling(model) || sources.length === 0) return null;
  const general = generalSourcesOf(recipe);
  const rows = sources.filter((_, index) => !general.includes(index)).reduce((sum, source) => sum + source.rows, 0);
  return (
    <aside className={classes.intro} aria-label={introWords.title}>
      <p className={classes.title}>{introWords.title}</p>
      <p>{introWords.story(plural(rows, "pair"))}</p>
      <p className={classes.hint}>{introWords.hint}</p>
    </aside>
  );
}

function AfterRun({ name, progress: { evaluations } }: Pick<RunRecord, "name" | "progress">) {
  const validation = evaluations && evaluations.points > 1 ? evaluations : null;
  const improved = validation === null || validation.last.loss < validation.first.loss;
  return (
    <aside className={classes.intro} data-doubt={!improved || undefined} aria-label={introWords.finished(name)}>
      <p className={classes.title}>{introWords.finished(name)}</p>
      <p>
        {validation && `${introWords.validation(validation.first.loss, validation.last.loss)} `}
        {improved ? introWords.next : introWords.worse}
      </p>
      <Button component="a" href="#compare">
        {introWords.compare}
      </Button>
    </aside>
  );
}

export function Intro() {
  const idle = useFacts((state) => state.training.phase === "idle");
  const loaded = useFacts((state) => state.welcome.settled);
  const runs = useFacts((state) => state.runs.list.length);
  const finished = useFacts(({ runs, training }) => {
    const run = runs.list.find(({ id }) => id === training.runId);
    return run?.status === "finished" ? run : null;
  });
  if (!idle || !loaded) return null;
  if (finished !== null) return <AfterRun name={finished.name} progress={finished.progress} />;
  return runs === 0 ? <FirstVisit /> : null;
}
