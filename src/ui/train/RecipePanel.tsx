/** How to train: method, settings with their doubts, and Start. */

import { Button, Collapse, Group, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useRef, useState } from "react";
import type { Recipe } from "../../storage/run.ts";
import { defaultRecipe } from "../../store/recipe.ts";
import { plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import { type Option, readEntries } from "../option/option.ts";
import { Panel } from "../shell/Panel.tsx";
import { basicOptions, loraOptions, moreOptions, recipeOptions } from "./options.ts";
import classes from "./RecipePanel.module.css";

/** About how many optimizer steps a recipe makes of so many rows; rows that turn out too long are not known yet. */
function plannedSteps(recipe: Recipe, rows: number): number {
  const held = recipe.validationShare > 0 ? Math.max(1, Math.round(rows * recipe.validationShare)) : 0;
  const perStep = recipe.batchSize * recipe.accumulation;
  return recipe.steps ?? Math.max(1, Math.ceil(((rows - held) * recipe.epochs) / perStep));
}

function methodName(method: Recipe["method"]): string {
  return method === "lora" ? "LoRA" : "full";
}

export function RecipePanel() {
  const hone = useHone();
  const { name, method, entries } = useFacts((state) => state.recipe);
  const model = useFacts(({ model: { list, selected } }) => list.find(({ hash }) => hash === selected));
  const dataset = useFacts(({ dataset: { list, selected } }) => list.find(({ hash }) => hash === selected));
  const ready = useFacts((state) => state.engine.status === "ready");
  const training = useFacts((state) => state.training.phase !== "idle");
  const [more, setMore] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const offered = (option: Option<Recipe>) => method === "lora" || option.field !== "targets";
  const shown = (method === "lora" ? recipeOptions : [...basicOptions, ...moreOptions]).filter(offered);
  const { settings: recipe, refusals } = readEntries(defaultRecipe(method), shown, entries);
  const refusedFields = Object.keys(refusals);
  const tooLong =
    model && recipe.maxLength > model.contextLength
      ? `This model's context ends at ${model.contextLength} tokens. Set at most that.`
      : undefined;

  const fields = (options: readonly Option<Recipe>[]) =>
    options
      .filter(offered)
      .map((option) => (
        <OptionField
          key={option.field}
          option={option}
          settings={recipe}
          entry={entries[option.field]}
          refusal={refusals[option.field] ?? (option.field === "maxLength" ? tooLong : undefined)}
          disabled={option.field === "epochs" && recipe.steps !== null}
          onEnter={hone.recipe.enter}
        />
      ));

  const missing = [
    !ready && "the engine to run",
    !model && "a model",
    !dataset && "pairs",
    dataset?.rows === 0 && "pairs with at least one usable row",
  ].filter((want) => typeof want === "string");

  const start = () => {
    const first = tooLong && !refusedFields.length ? "maxLength" : refusedFields[0];
    if (first !== undefined) {
      setMore(more || moreOptions.some(({ field }) => field === first));
      // After the section has opened.
      setTimeout(() => form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus());
      return;
    }
    if (!model || !dataset) return;
    const title = name.trim() || `${model.name} · ${dataset.name} · ${methodName(method)}`;
    void hone.training.start(recipe, title);
  };

  return (
    <Panel
      title="Recipe"
      aside={
        Object.keys(entries).length > 0 && (
          <Button size="compact-sm" variant="subtle" onClick={hone.recipe.reset}>
            Back to defaults
          </Button>
        )
      }
    >
      <form
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          start();
        }}
      >
        <Stack gap="md">
          <Radio.Group
            label="Method"
            value={method}
            onChange={(value) => hone.recipe.method(value === "full" ? "full" : "lora")}
          >
            <Group gap="lg" mt={6}>
              <Radio value="lora" label="LoRA" description="Small adapters; the model stays." />
              <Radio value="full" label="Full training" description="Every weight; several times the memory." />
            </Group>
          </Radio.Group>
          <div className={classes.fields}>
            {fields(basicOptions)}
            {method === "lora" && fields(loraOptions)}
          </div>
          <div>
            <Button
              variant="subtle"
              size="compact-sm"
              ml={-8}
              aria-expanded={more}
              aria-controls="more-settings"
              onClick={() => setMore(!more)}
            >
              {more ? "Fewer settings" : "More settings"}
            </Button>
            <Collapse expanded={more} id="more-settings" keepMountedMode="display-none" transitionDuration={0}>
              <div className={classes.fields} data-more>
                {fields(moreOptions)}
              </div>
            </Collapse>
          </div>
          <TextInput
            name="runName"
            label="Name of the run"
            placeholder={
              model && dataset ? `${model.name} · ${dataset.name} · ${methodName(method)}` : "Named by itself"
            }
            autoComplete="off"
            value={name}
            onChange={(event) => hone.recipe.name(event.currentTarget.value)}
          />
          <Group gap="md">
            <Button type="submit" disabled={missing.length > 0 || training}>
              Start training
            </Button>
            <Text size="sm" c="dimmed" flex="1 1 12rem" data-testid="start-note">
              {training
                ? "One run trains at a time."
                : missing.length > 0
                  ? `Needs ${missing.join(" and ")}.`
                  : refusedFields.length > 0 || tooLong
                    ? "A setting needs another value."
                    : dataset &&
                      `About ${plural(plannedSteps(recipe, dataset.rows), "step")} of ${plural(recipe.batchSize * recipe.accumulation, "row")}.`}
            </Text>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
