/** One of several stages: its place, its objective, its sources and its settings. */

import { Button, Collapse, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import type { DataReport } from "../../quality/report.ts";
import type { Recipe } from "../../run/recipe.ts";
import { learns, type Stage } from "../../run/stage.ts";
import { lambdasIn } from "../../store/stages.ts";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import type { Option } from "../option/option.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { LambdaField } from "../sources/LambdaField.tsx";
import { useSpec } from "../spec.tsx";
import { stageFormWords as words } from "../words/stageForm.ts";
import { ObjectiveField } from "./ObjectiveField.tsx";
import { optionsOfStage } from "./options.ts";
import { PreferenceHelp } from "./PreferenceHelp.tsx";
import classes from "./StageFields.module.css";

interface StageCardProps {
  readonly index: number;
  readonly stage: Stage;
  readonly count: number;
  /** The report on the present data; null where there is none. */
  readonly report: DataReport | null;
  onMove(to: number): void;
  onDuplicate(): void;
  onRemove(): void;
}

interface StageSourcesProps extends Pick<StageCardProps, "index" | "stage" | "count" | "report"> {}

/** λ of each source with rows for the stage. */
function StageSources({ index, stage, count, report }: StageSourcesProps) {
  const hone = useHone();
  const chosen = useFacts((state) => state.data.chosen);
  const { sources } = useSpec();
  const usable = sources.flatMap((source, at) => {
    const choice = chosen[at];
    const kinds = report?.sources[at]?.byKind;
    const fits =
      !kinds ||
      (["text", "chat", "preference"] as const).some(
        (kind) => learns(stage.objective, kind) && kinds[kind].training > 0,
      );
    return choice && fits ? [{ source, choice }] : [];
  });
  if (sources.length < 2) return null;
  return (
    <fieldset className={classes.sources}>
      <legend>{words.sources}</legend>
      {usable.length === 0 && <Text size="sm">{words.noSource}</Text>}
      {usable.map(({ source: { hash, name }, choice }) => (
        <LambdaField
          key={hash}
          label={name}
          name={words.lambdaOf(name, index)}
          zero
          value={lambdasIn(choice, count)[index] ?? choice.lambda}
          onChange={(lambda) => hone.stages.weigh(hash, index, lambda)}
        />
      ))}
      <Text size="xs" c="dimmed" className={classes.whole ?? ""}>
        {words.lambda}
      </Text>
    </fieldset>
  );
}

export function StageCard({ index, stage, count, report, onMove, onDuplicate, onRemove }: StageCardProps) {
  const hone = useHone();
  const entries = useFacts((state) => state.recipe.entries);
  const { recipe, defaults, refusals, sources } = useSpec();
  const [open, setOpen] = useState(false);
  const several = sources.length > 1;
  const { main, rest } = useMemo(
    () => ({
      main: optionsOfStage(index, ["basic"]),
      rest: optionsOfStage(index, several ? ["data", "forgetting", "more"] : ["forgetting", "more"]),
    }),
    [index, several],
  );
  // A refused setting is never hidden.
  const shown = open || rest.some(({ field }) => refusals[field] !== undefined);
  const field = (option: Option<Recipe>) => (
    <OptionField
      key={option.field}
      option={option}
      settings={recipe}
      usual={defaults}
      entry={entries[option.field]}
      refusal={refusals[option.field]}
      disabled={option.replaced(recipe)}
      onEnter={hone.recipe.enter}
    />
  );
  return (
    <section aria-label={words.stage(index)}>
      <header className={classes.head}>
        <h4 className={classes.name}>{words.stage(index)}</h4>
        <Button
          size="compact-sm"
          variant="subtle"
          data-act="up"
          aria-label={words.of(words.up, index)}
          disabled={index === 0}
          onClick={() => onMove(index - 1)}
        >
          {words.shortUp}
        </Button>
        <Button
          size="compact-sm"
          variant="subtle"
          data-act="down"
          aria-label={words.of(words.down, index)}
          disabled={index === count - 1}
          onClick={() => onMove(index + 1)}
        >
          {words.shortDown}
        </Button>
        <Button size="compact-sm" variant="subtle" aria-label={words.of(words.duplicate, index)} onClick={onDuplicate}>
          {words.duplicate}
        </Button>
        <ConfirmButton
          label={words.remove}
          name={words.stage(index).toLowerCase()}
          question={words.removeQuestion}
          confirm={words.remove}
          onConfirm={onRemove}
        />
      </header>
      <ObjectiveField index={index} value={stage.objective} stage={index} />
      <StageSources index={index} stage={stage} count={count} report={report} />
      <div className={classes.fields}>{main.filter(({ applies }) => applies(recipe)).map(field)}</div>
      <PreferenceHelp preference={stage.preference} />
      <Button
        size="compact-sm"
        variant="subtle"
        ml={-8}
        style={{ justifySelf: "start" }}
        aria-expanded={shown}
        aria-controls={`stage-${index}-more`}
        aria-label={words.of(shown ? words.fewer : words.more, index)}
        onClick={() => setOpen(!shown)}
      >
        {shown ? words.fewer : words.more}
      </Button>
      <Collapse expanded={shown} id={`stage-${index}-more`} keepMountedMode="display-none" transitionDuration={0}>
        <div className={classes.fields}>{rest.map(field)}</div>
      </Collapse>
    </section>
  );
}
