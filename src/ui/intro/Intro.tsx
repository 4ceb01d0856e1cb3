/** What a newcomer is told above Train: before the first run what is filled in, after a run where to go. */

import { Button } from "@mantine/core";
import type { RunRecord } from "../../run/record.ts";
import { isSeedling } from "../../store/seedling.ts";
import { figure, plural } from "../format.ts";
import { useFacts } from "../hone.ts";
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

function AfterRun({ progress }: Pick<RunRecord, "progress">) {
  const { evaluations } = progress;
  return (
    <aside className={classes.intro} aria-label={introWords.over}>
      <p className={classes.title}>{introWords.over}</p>
      <p>
        {evaluations &&
          evaluations.points > 1 &&
          `${introWords.learnt(figure(evaluations.first.loss), figure(evaluations.last.loss))} `}
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
    return run?.status === "finished" ? run : null;
  });
  if (!idle || !loaded) return null;
  if (finished !== null) return <AfterRun progress={finished.progress} />;
  return runs === 0 ? <FirstVisit /> : null;
}
