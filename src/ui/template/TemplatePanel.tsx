/** Template, loss mask, maximum length, truncation, and what happens to answers and reasoning. */

import { NativeSelect, Text } from "@mantine/core";
import type { Recipe } from "../../run/recipe.ts";
import { templateLabels, templateName } from "../../run/rowFields.ts";
import { share } from "../format.ts";
import { Explain, Explanations } from "../help/Explain.tsx";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import type { Option } from "../option/option.ts";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { optionNamed } from "../train/options.ts";
import fields from "../train/RecipePanel.module.css";
import { templateWords as words } from "../words/template.ts";
import { TemplateEditor } from "./TemplateEditor.tsx";

const template = optionNamed("template");
const systemPrompt = optionNamed("systemPrompt");
const lengthOptions = [optionNamed("mask"), optionNamed("maxLength"), optionNamed("truncation")];
const answerOptions = [optionNamed("turns"), optionNamed("reasoning")];
const packing = optionNamed("packing");

/** Supervised share of the checked rows. */
function SupervisedShare() {
  const report = useFacts((state) => state.report.report);
  if (!report || report.tokens === 0) return words.unchecked;
  const { supervisedTokens, tokens } = report;
  return words.supervised(
    supervisedTokens.toLocaleString("en"),
    tokens.toLocaleString("en"),
    share(supervisedTokens / tokens),
  );
}

export function TemplatePanel() {
  const hone = useHone();
  const entries = useFacts((state) => state.recipe.entries);
  const suggested = useFacts((state) => state.data.suggested);
  const { recipe, refusals, lowered, model } = useSpec();
  // The choice of a model's template stays visible for a model without one.
  const chosen = template.show(recipe);
  const absent = chosen === "model" && model?.chatTemplate === false;

  const field = (option: Option<Recipe>) => (
    <OptionField
      key={option.field}
      option={option}
      settings={recipe}
      entry={entries[option.field]}
      refusal={refusals[option.field]}
      onEnter={hone.recipe.enter}
    />
  );

  return (
    <Panel title={words.title}>
      <NativeSelect
        name="template"
        label={template.label}
        description={template.help}
        inputWrapperOrder={["label", "input", "error", "description"]}
        value={chosen}
        error={absent ? words.noOwn(model.name) : refusals.template}
        data={Object.entries(templateLabels).map(([value, label]) => ({
          value,
          label,
          disabled: value === "model" && value !== chosen && !model?.chatTemplate,
        }))}
        onChange={(event) => hone.recipe.enter("template", event.currentTarget.value)}
      />
      {entries.template === undefined && suggested && template.show(recipe) !== "hone" && (
        <Text size="sm">{suggested.kind === "model" ? words.suggested.model : words.suggested.marks}</Text>
      )}
      {recipe.template.kind === "custom" && <TemplateEditor source={recipe.template.source} />}
      {field(systemPrompt)}
      <div className={fields.fields}>{lengthOptions.map(field)}</div>
      {lowered !== null && <Text size="sm">{words.lowered(recipe.maxLength, lowered)}</Text>}
      <div className={fields.fields}>{answerOptions.map(field)}</div>
      {field(packing)}
      <Explanations>
        <Explain term="template">{words.marks(templateName(recipe.template))}</Explain>
        <Explain term="mask">
          <SupervisedShare />
        </Explain>
        <Explain term="token" />
        <Explain term="stopToken" />
        <Explain term="packing" />
      </Explanations>
    </Panel>
  );
}
