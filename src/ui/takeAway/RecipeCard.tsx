/** The recipe under Train, with model and data, for other trainers: a model may be too large for this tab. */

import { choiceOf } from "../../run/source.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { handOverWords } from "../words/handOver.ts";
import { takeAwayWords } from "../words/takeAway.ts";
import { ExportCard } from "./ExportCard.tsx";

const words = handOverWords.recipe;

export function RecipeCard() {
  const { runs } = useHone();
  const chosen = useFacts((state) => state.data.chosen);
  const typed = useFacts((state) => state.recipe.name.trim());
  const { recipe, refusals, model, start } = useSpec();
  const missing = !model || chosen.length === 0 ? words.missing : null;
  const name = typed || words.name(model?.name ?? "");
  return (
    <ExportCard
      run={{ id: "recipe", name }}
      kind="hand-over"
      title={words.title}
      contains={words.contains}
      worksWith={handOverWords.worksWith}
      size={takeAwayWords.madeFirst}
      button={words.button}
      refusal={missing ?? (Object.keys(refusals).length > 0 ? words.refused : null)}
      make={(signal) =>
        runs.handOverRecipe(
          {
            ...{ name, modelHash: model?.hash ?? "", sources: chosen.map(choiceOf), recipe },
            ...(start && { from: { runId: start.id, checkpoint: null } }),
          },
          signal,
        )
      }
    />
  );
}
