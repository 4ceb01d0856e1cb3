/** A button that changes the setting that resolves a finding. */

import { Button } from "@mantine/core";
import type { Remedy, RowSet } from "../../quality/report.ts";
import { stageField } from "../../run/stageFields.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { kindsOf, onlyLabelled } from "../train/stages.ts";
import { findingsWords as words } from "../words/report.ts";

interface RemedyButtonProps {
  readonly remedy: Remedy;
  readonly rows: RowSet;
  /** The finding's title. */
  readonly title: string;
  readonly disabled: boolean;
}

export function RemedyButton({ remedy, rows, title, disabled }: RemedyButtonProps) {
  const hone = useHone();
  const chosen = useFacts((state) => state.data.chosen);
  const { report } = useFacts((state) => state.report);
  const { recipe, sources } = useSpec();
  const apply: Readonly<Record<Remedy, () => void>> = {
    "each-answer": () => hone.recipe.enter("turns", "each"),
    "reasoning-tags": () => hone.recipe.enter("reasoning", "tags"),
    "own-template": () => hone.recipe.enter("template", "model"),
    "preference-stage"() {
      const kinds = kindsOf(sources, chosen, report);
      const alone = !kinds.text && !kinds.chat;
      if (alone) hone.stages.choose(["preference"]);
      else hone.stages.add("preference");
      const index = alone ? 0 : recipe.stages.length;
      // The other losses compare two answers.
      if (onlyLabelled(sources, chosen)) hone.recipe.enter(index === 0 ? "loss" : stageField(index, "loss"), "kto");
    },
    "use-replaced"() {
      for (const index of new Set(rows.sources)) {
        const source = chosen[index];
        if (source) hone.data.setOptions(source.hash, { ...source.options, replaced: true });
      }
    },
  };
  return (
    <Button
      size="xs"
      variant="default"
      disabled={disabled}
      aria-label={words.remedyOf(words.remedies[remedy], title)}
      onClick={apply[remedy]}
    >
      {words.remedies[remedy]}
    </Button>
  );
}
