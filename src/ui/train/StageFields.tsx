/** Settings of two stages: shown if plain text and chats are chosen, or two stages are set. */

import { Text } from "@mantine/core";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import { useSpec } from "../spec.tsx";
import { stagesWords } from "../words/stages.ts";
import { optionsAt } from "./options.ts";
import classes from "./StageFields.module.css";
import { kindsOf, missingKind } from "./stages.ts";

const orderOptions = optionsAt("stages");
const textStageOptions = optionsAt("text stage");

export function StageFields() {
  const hone = useHone();
  const entries = useFacts((state) => state.recipe.entries);
  const chosen = useFacts((state) => state.data.chosen);
  const { report, key } = useFacts((state) => state.report);
  const { recipe, defaults, refusals, sources, now } = useSpec();
  const kinds = kindsOf(sources, chosen, now && key === now.key ? report : null);
  const staged = recipe.stages.length > 1;
  const missing = sources.length > 0 ? missingKind(recipe, kinds) : null;
  if (!staged && !(kinds.text && kinds.chat)) return null;
  return (
    <div className={classes.fields} data-testid="stages">
      {[...orderOptions, ...textStageOptions.filter(({ applies }) => applies(recipe))].map((option) => (
        <OptionField
          key={option.field}
          option={option}
          settings={recipe}
          usual={defaults}
          entry={entries[option.field]}
          refusal={refusals[option.field]}
          onEnter={hone.recipe.enter}
        />
      ))}
      {missing && (
        <Text size="sm" className={classes.missing ?? ""}>
          {stagesWords.missing(missing)}
        </Text>
      )}
    </div>
  );
}
