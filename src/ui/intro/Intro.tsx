/** What a newcomer is told above Train: before the first run what is filled in, after a run where to go. */

import { Button } from "@mantine/core";
import { isSeedling } from "../../store/seedling.ts";
import { figure, plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { introWords } from "../words/intro.ts";
import classes from "./Intro.module.css";

function FirstVisit() {
  const { model, sources } = useSpec();
  if (!model || !isSeedling(model) || sources.length === 0) return null;
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  return (
    <aside className={classes.intro} aria-label={introWords.title}>
      <p className={classes.title}>{introWords.title}</p>
      <p>{introWords.story(plural(rows, "pair"))}</p>
      <p className={classes.hint}>{introWords.hint}</p>
    </aside>
  );
}

function AfterRun({ id }: { readonly id: string }) {
  const hone = useHone();
  const evaluations = hone.series.of(id).evaluations;
  const [first, last] = [evaluations[0], evaluations.at(-1)];
  return (
    <aside className={classes.intro} aria-label={introWords.over}>
      <p className={classes.title}>{introWords.over}</p>
      <p>
        {first && last && first !== last && `${introWords.learnt(figure(first.loss), figure(last.loss))} `}
        {introWords.done}
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
    return run?.status === "finished" ? run.id : null;
  });
  if (!idle || !loaded) return null;
  if (finished !== null) return <AfterRun id={finished} />;
  return runs === 0 ? <FirstVisit /> : null;
}
