/** The stages of a recipe: one objective, or an ordered list of stages with their own sources and settings. */

import { Button, Group, Text, VisuallyHidden } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { TrainableKind } from "../../records/example.ts";
import { mostStages } from "../../run/stageFields.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { stageFormWords as words } from "../words/stageForm.ts";
import { ObjectiveField } from "./ObjectiveField.tsx";
import { StageCard } from "./StageCard.tsx";
import classes from "./StageFields.module.css";
import { kindsOf, missingKind, unusedKinds } from "./stages.ts";

const kindsInOrder: readonly TrainableKind[] = ["text", "chat", "preference"];

/** The control that gets the focus after a change of the list, and what screen readers say. */
interface Change {
  /** Selectors within the list; the first that exists and is enabled counts. */
  readonly focus: readonly string[];
  readonly said: string;
}

const control = (index: number, act: string) => `[data-stage="${index}"] [data-act="${act}"]`;

/** What the chosen data lack for the stages, and what of them no stage uses. */
function DataNotes({ kinds }: { readonly kinds: Readonly<Record<TrainableKind, boolean>> }) {
  const { recipe, sources } = useSpec();
  if (sources.length === 0) return null;
  const missing = missingKind(recipe, kinds);
  const unused = unusedKinds(recipe, kinds);
  return (
    <>
      {missing && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {words.missing[missing]}
        </Text>
      )}
      {unused.length > 0 && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {words.unused(unused)}
        </Text>
      )}
    </>
  );
}

export function StageFields() {
  const hone = useHone();
  const chosen = useFacts((state) => state.data.chosen);
  const { report, key } = useFacts((state) => state.report);
  const { recipe, sources, now } = useSpec();
  const box = useRef<HTMLDivElement>(null);
  const [change, setChange] = useState<Change | null>(null);
  useEffect(() => {
    const found = change?.focus.map((selector) => box.current?.querySelector<HTMLButtonElement>(selector));
    found?.find((element) => element && !element.disabled)?.focus();
  }, [change]);

  const current = now && key === now.key ? report : null;
  const kinds = kindsOf(sources, chosen, current);
  const present = kindsInOrder.filter((kind) => kinds[kind]);
  const { stages } = recipe;
  const [only] = stages;
  const several = stages.length > 1;

  const add = () => {
    const objective = present.find((kind) => stages.every((stage) => stage.objective !== kind)) ?? "chat";
    hone.stages.add(objective);
    setChange({ focus: [control(stages.length, "objective")], said: words.added(stages.length) });
  };
  const move = (index: number, to: number) => {
    hone.stages.move(index, to);
    const [act, other] = to < index ? ["up", "down"] : ["down", "up"];
    setChange({ focus: [control(to, act), control(to, other)], said: words.moved(index, to, stages.length) });
  };
  const duplicate = (index: number) => {
    hone.stages.duplicate(index);
    setChange({ focus: [control(index + 1, "objective")], said: words.duplicated(index) });
  };
  const remove = (index: number) => {
    hone.stages.remove(index);
    const next = Math.min(index, stages.length - 2);
    setChange({ focus: [control(next, "objective"), '[data-act="add"]'], said: words.removed(index) });
  };

  return (
    <div className={classes.stages} data-testid="stages" ref={box}>
      {several ? (
        <section aria-labelledby="stages-title">
          <h3 className={classes.title} id="stages-title">
            {words.title}
          </h3>
          <Text size="sm" c="dimmed" mb="xs">
            {words.order}
          </Text>
          <ol className={classes.list}>
            {stages.map((stage, index) => (
              // Stages have no identity but their place.
              // biome-ignore lint/suspicious/noArrayIndexKey: all state of a card belongs to its place
              <li key={index} data-stage={index} className={classes.card}>
                <StageCard
                  index={index}
                  stage={stage}
                  count={stages.length}
                  report={current}
                  onMove={(to) => move(index, to)}
                  onDuplicate={() => duplicate(index)}
                  onRemove={() => remove(index)}
                />
              </li>
            ))}
          </ol>
        </section>
      ) : (
        only &&
        (present.length > 1 || kinds.preference || only.objective !== "mixed") && (
          <div className={classes.only} data-stage={0}>
            <ObjectiveField index={0} value={only.objective} />
          </div>
        )
      )}
      <DataNotes kinds={kinds} />
      <Group gap="xs">
        {!several && present.length > 1 && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => {
              hone.stages.choose(present);
              setChange({ focus: [control(0, "objective")], said: words.arranged(present) });
            }}
          >
            {words.arrange(present)}
          </Button>
        )}
        <Button
          size="compact-sm"
          variant={several ? "default" : "subtle"}
          data-act="add"
          disabled={stages.length >= mostStages}
          {...(!several && present.length < 2 && { ml: -8 })}
          onClick={add}
        >
          {words.add}
        </Button>
      </Group>
      <VisuallyHidden role="status">{change?.said}</VisuallyHidden>
    </div>
  );
}
