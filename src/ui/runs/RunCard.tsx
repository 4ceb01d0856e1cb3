/** One stored run: its facts, its results, its note, and all its actions. */

import { Button, Checkbox, Group, Text } from "@mantine/core";
import { useState } from "react";
import type { RunRecord } from "../../run/record.ts";
import { endsSoFar } from "../../store/series.ts";
import { bytes, dateAndTime, duration, fromTo } from "../format.ts";
import { useFacts, useHone, useLive } from "../hone.ts";
import { Facts } from "../shell/Facts.tsx";
import { Mark } from "../shell/Mark.tsx";
import { canResume, runState, stateTones, stateWords } from "../train/runState.ts";
import { comparedWords, runsWords as words } from "../words/runs.ts";
import { startWords } from "../words/tuned.ts";
import { duplicate } from "./duplicate.ts";
import { InPlace } from "./InPlace.tsx";
import classes from "./Runs.module.css";
import { bestText, unusualSettings } from "./settings.ts";
import { TrainFurther } from "./TunedCard.tsx";

/** Most changed settings that are listed; the rest is counted. */
const shownSettings = 8;

interface RunCardProps {
  readonly run: RunRecord;
  readonly ticked: boolean;
  /** Whether the user has just undone its deletion: it then gets the focus. */
  readonly returned: boolean;
  onTick(ticked: boolean): void;
}

export function RunCard({ run, ticked, returned, onTick }: RunCardProps) {
  const hone = useHone();
  const training = useFacts((state) => state.training);
  const ready = useFacts((state) => state.engine.status === "ready");
  const size = useFacts((state) => state.runs.sizes[run.id]);
  const model = useFacts((state) => state.model.list.find(({ hash }) => hash === run.model.hash));
  const [missing, setMissing] = useState<readonly string[]>([]);
  const { steps, evaluations } = endsSoFar(run.progress, useLive(run.id));
  const state = runState(run, training);
  const here = training.phase !== "idle" && training.runId === run.id;
  const busy = training.phase !== "idle";
  const step = Math.max(run.step, steps?.last.step ?? 0);
  const unusual = unusualSettings(run, model);
  const rest = unusual.length - shownSettings;

  const startAgain = () => {
    const lacks = duplicate(hone, run);
    setMissing(lacks);
    if (lacks.length === 0) hone.place.go("train");
  };

  return (
    <article className={classes.card} aria-label={run.name} data-run={run.id} data-status={state}>
      <div className={classes.head}>
        <Checkbox
          size="sm"
          checked={ticked}
          label={words.selectShort}
          aria-label={words.select(run.name)}
          className={classes.tick ?? ""}
          onChange={(event) => onTick(event.currentTarget.checked)}
        />
        <h3 className={classes.name}>{run.name}</h3>
        <InPlace
          value={run.name}
          open={{ label: words.rename, name: words.renameOf(run.name) }}
          fieldLabel={words.newName(run.name)}
          disabled={!ready || state === "elsewhere"}
          onSave={(name) => void hone.runs.edit(run.id, { name })}
        />
        <span className={classes.status}>
          <Mark tone={stateTones[state]}>{stateWords[state]}</Mark>
        </span>
      </div>
      <Text size="xs" c="dimmed" className={classes.long ?? ""}>
        {dateAndTime(run.createdAt)} · {run.model.name} · {run.sources.map(({ name }) => name).join(", ")} ·{" "}
        {comparedWords[run.recipe.method]}
      </Text>
      <Facts
        facts={[
          [words.facts.step, words.facts.stepOf(step, run.totalSteps)],
          [words.facts.train, fromTo(steps)],
          [words.facts.validation, fromTo(evaluations)],
          [words.facts.best, bestText(run)],
          [words.facts.time, duration(run.seconds)],
          [words.facts.size, size === undefined ? words.facts.unknown : bytes(size)],
        ]}
      />
      <Text size="sm" className={classes.long ?? ""}>
        {unusual.length === 0 ? (
          <span className={classes.quiet}>{words.usual}</span>
        ) : (
          <>
            <span className={classes.quiet}>{words.unusual}</span>{" "}
            {unusual
              .slice(0, shownSettings)
              .map(({ label, value }) => `${label} ${value}`)
              .join(" · ")}
            {rest > 0 && ` · +${rest}`}
          </>
        )}
      </Text>
      {run.start && (
        <Text size="sm" className={classes.long ?? ""}>
          {startWords.startsFrom(run.start.name, run.start.step, run.start.hash)}
        </Text>
      )}
      <div className={classes.note}>
        {run.note !== "" && <p>{run.note}</p>}
        <InPlace
          long
          value={run.note}
          open={
            run.note === ""
              ? { label: words.addNote, name: words.addNoteOf(run.name) }
              : { label: words.editNote, name: words.editNoteOf(run.name) }
          }
          fieldLabel={words.noteOf(run.name)}
          disabled={!ready || state === "elsewhere"}
          onSave={(note) => void hone.runs.edit(run.id, { note })}
        />
      </div>
      {state === "elsewhere" && <Text size="sm">{words.elsewhere}</Text>}
      {!model && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {words.noModel(run.model.name, run.model.hash)}
        </Text>
      )}
      {missing.length > 0 && (
        <Text size="sm" role="status" className={classes.doubt ?? ""}>
          {words.missing(missing)}
        </Text>
      )}
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          aria-label={words.showOf(run.name)}
          disabled={busy && !here}
          onClick={() => {
            hone.training.show(run.id);
            hone.place.go("train");
          }}
        >
          {words.show}
        </Button>
        {canResume(state) && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={words.resumeOf(run.name)}
            disabled={busy || !ready || training.elsewhere || !model}
            onClick={() => {
              void hone.training.resume(run.id);
              hone.place.go("train");
            }}
          >
            {words.resume}
          </Button>
        )}
        <TrainFurther run={run} />
        <Button size="compact-sm" variant="default" aria-label={words.duplicateOf(run.name)} onClick={startAgain}>
          {words.duplicate}
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          aria-label={words.takeAwayOf(run.name)}
          disabled={run.step === 0}
          onClick={() => {
            hone.runs.takeAway(run.id);
            hone.place.go("take-away");
          }}
        >
          {words.takeAway}
        </Button>
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          autoFocus={returned}
          aria-label={words.removeOf(run.name)}
          disabled={!ready || here || state === "elsewhere"}
          onClick={() => hone.runs.remove(run.id)}
        >
          {words.remove}
        </Button>
      </Group>
    </article>
  );
}
