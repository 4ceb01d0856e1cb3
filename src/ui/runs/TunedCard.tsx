/** A run that another tool trained: its origin, what was found when it was opened, and its actions. */

import { Button, Checkbox, Group, Text } from "@mantine/core";
import { exportedFrom, hasWeights, type RunOrigin } from "../../run/origin.ts";
import type { RunRecord } from "../../run/record.ts";
import { bytes, count, dateAndTime } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { Facts } from "../shell/Facts.tsx";
import { comparedWords, runsWords } from "../words/runs.ts";
import { tunedWords as words } from "../words/tuned.ts";
import { InPlace } from "./InPlace.tsx";
import classes from "./Runs.module.css";

interface TunedCardProps {
  readonly run: RunRecord;
  readonly origin: RunOrigin;
  readonly ticked: boolean;
  /** Whether the user has just undone its deletion: it then gets the focus. */
  readonly returned: boolean;
  onTick(ticked: boolean): void;
}

export function TunedCard({ run, origin, ticked, returned, onTick }: TunedCardProps) {
  const hone = useHone();
  const ready = useFacts((state) => state.engine.status === "ready");
  const size = useFacts((state) => state.runs.sizes[run.id]);
  const model = useFacts((state) => state.model.list.find(({ hash }) => hash === run.model.hash));
  const source = useFacts((state) => exportedFrom(run, state.runs.list));
  const { method, lora } = run.recipe;
  const from: readonly [string, string][] = origin.from
    ? [[words.facts.from, source ? words.from(source.name, origin.from.step) : words.gone]]
    : [];
  return (
    <article className={classes.card} aria-label={run.name} data-run={run.id} data-status="opened">
      <div className={classes.head}>
        <Checkbox
          size="sm"
          checked={ticked}
          label={runsWords.selectShort}
          aria-label={runsWords.select(run.name)}
          className={classes.tick ?? ""}
          onChange={(event) => onTick(event.currentTarget.checked)}
        />
        <h3 className={classes.name}>{run.name}</h3>
        <InPlace
          value={run.name}
          open={{ label: runsWords.rename, name: runsWords.renameOf(run.name) }}
          fieldLabel={runsWords.newName(run.name)}
          disabled={!ready}
          onSave={(name) => void hone.runs.edit(run.id, { name })}
        />
      </div>
      <Text size="xs" c="dimmed" className={classes.long ?? ""}>
        {dateAndTime(run.createdAt)} · {run.model.name} · {words.formats[origin.format]} ·{" "}
        {method === "lora" ? words.lora(lora.rank, lora.alpha) : comparedWords.full}
      </Text>
      <Facts
        facts={[
          [words.facts.file, origin.file],
          [words.facts.base, origin.baseModel ?? runsWords.facts.unknown],
          ...from,
          [words.facts.trained, count(run.trainable)],
          [words.facts.hash, <code key="hash">{origin.hash.slice(0, 12)}…</code>],
          [runsWords.facts.size, size === undefined ? runsWords.facts.unknown : bytes(size)],
        ]}
      />
      {origin.notes.map((note) => (
        <Text key={note} size="sm" className={classes.long ?? ""}>
          {note}
        </Text>
      ))}
      <div className={classes.note}>
        {run.note !== "" && <p>{run.note}</p>}
        <InPlace
          long
          value={run.note}
          open={
            run.note === ""
              ? { label: runsWords.addNote, name: runsWords.addNoteOf(run.name) }
              : { label: runsWords.editNote, name: runsWords.editNoteOf(run.name) }
          }
          fieldLabel={runsWords.noteOf(run.name)}
          disabled={!ready}
          onSave={(note) => void hone.runs.edit(run.id, { note })}
        />
      </div>
      {!model && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {runsWords.noModel(run.model.name, run.model.hash)}
        </Text>
      )}
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          aria-label={words.compareOf(run.name)}
          onClick={() => {
            hone.compare.chooseRun(run.id);
            hone.place.go("compare");
          }}
        >
          {words.compare}
        </Button>
        <TrainFurther run={run} />
        <Button
          size="compact-sm"
          variant="default"
          aria-label={runsWords.takeAwayOf(run.name)}
          onClick={() => {
            hone.runs.takeAway(run.id);
            hone.place.go("take-away");
          }}
        >
          {runsWords.takeAway}
        </Button>
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          autoFocus={returned}
          aria-label={runsWords.removeOf(run.name)}
          disabled={!ready}
          onClick={() => hone.runs.remove(run.id)}
        >
          {runsWords.remove}
        </Button>
      </Group>
    </article>
  );
}

/** Opens the form of a new run that starts from this one's weights. */
export function TrainFurther({ run }: { readonly run: RunRecord }) {
  const hone = useHone();
  const there = useFacts((state) => state.model.list.some(({ hash }) => hash === run.model.hash));
  return (
    <Button
      size="compact-sm"
      variant="default"
      aria-label={words.trainOf(run.name)}
      disabled={!there || !hasWeights(run)}
      onClick={() => {
        hone.starting.from(run);
        hone.place.go("train");
      }}
    >
      {words.train}
    </Button>
  );
}
