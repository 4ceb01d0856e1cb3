/** The choice of a stage's objective. */

import { NativeSelect } from "@mantine/core";
import { type Objective, objectives } from "../../run/stage.ts";
import { useHone } from "../hone.ts";
import { stageFormWords as words } from "../words/stageForm.ts";

interface ObjectiveFieldProps {
  readonly index: number;
  readonly value: Objective;
  /** Missing for the only stage. */
  readonly stage?: number;
}

export function ObjectiveField({ index, value, stage }: ObjectiveFieldProps) {
  const hone = useHone();
  return (
    <NativeSelect
      label={words.objective}
      aria-label={stage === undefined ? words.objective : words.of(words.objective, stage)}
      description={words.about[value]}
      inputWrapperOrder={["label", "input", "error", "description"]}
      data-act="objective"
      value={value}
      data={objectives.map((objective) => ({ value: objective, label: words.objectives[objective] }))}
      onChange={({ currentTarget }) => {
        const chosen = objectives.find((objective) => objective === currentTarget.value);
        if (chosen) hone.stages.setObjective(index, chosen);
      }}
    />
  );
}
