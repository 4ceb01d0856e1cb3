/** A button that changes the setting that resolves a finding. */

import { Button } from "@mantine/core";
import type { Remedy, RowSet } from "../../quality/report.ts";
import { useFacts, useHone } from "../hone.ts";
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
  const apply: Readonly<Record<Remedy, () => void>> = {
    "each-answer": () => hone.recipe.enter("turns", "each"),
    "reasoning-tags": () => hone.recipe.enter("reasoning", "tags"),
    "own-template": () => hone.recipe.enter("template", "model"),
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
