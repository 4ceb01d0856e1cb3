/** The recipe: method, settings, and Start. */

import { Anchor, Button, Collapse, Group, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { generalSourcesOf } from "../../run/forgetting.ts";
import type { Recipe } from "../../run/recipe.ts";
import { lastStage } from "../../run/stage.ts";
import { presentExam } from "../../store/exam.ts";
import { isSeedling } from "../../store/seedling.ts";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import type { Option } from "../option/option.ts";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { recipeWords as words } from "../words/train.ts";
import { BudgetBlock } from "./BudgetBlock.tsx";
import { ForgettingFields } from "./ForgettingFields.tsx";
import { optionsAt } from "./options.ts";
import { PreferenceHelp } from "./PreferenceHelp.tsx";
import classes from "./RecipePanel.module.css";
import { startFields } from "./recipe.ts";
import { StageFields } from "./StageFields.tsx";
import { StartChoice } from "./StartChoice.tsx";
import { stepsOfStages } from "./stages.ts";
import { useBudget } from "./useBudget.ts";
import { useWatchRefused, WatchFields } from "./WatchFields.tsx";

const basicOptions = [...optionsAt("basic"), ...optionsAt("adapter")];
const templateOptions = optionsAt("template");

/** Approximate optimizer steps of a recipe; rows above the maximum length are not known yet. */
function plannedSteps(recipe: Recipe, rows: number): number {
  const heldOut = recipe.validationShare > 0 ? Math.max(1, Math.round(rows * recipe.validationShare)) : 0;
  const perStep = recipe.batchSize * recipe.accumulation;
  const { steps, epochs } = lastStage(recipe);
  return steps ?? Math.max(1, Math.ceil(((rows - heldOut) * epochs) / perStep));
}

function methodName(method: Recipe["method"]): string {
  return method === "lora" ? "LoRA" : "full";
}

/** A component of its own, so that typing does not render the panel. */
function RunName({ placeholder }: { readonly placeholder: string }) {
  const hone = useHone();
  const name = useFacts((state) => state.recipe.name);
  return (
    <TextInput
      name="runName"
      label={words.name}
      placeholder={placeholder}
      autoComplete="off"
      value={name}
      onChange={(event) => hone.recipe.name(event.currentTarget.value)}
    />
  );
}

/** Milliseconds until another screen is shown. */
const arrival = 150;

export function RecipePanel() {
  const hone = useHone();
  const { method } = useSpec().recipe;
  const { report, key } = useFacts((state) => state.report);
  const { recipe, entries, defaults, refusals, linears, model, sources, now, start: startRun } = useSpec();
  const ready = useFacts((state) => state.engine.status === "ready");
  const training = useFacts((state) => state.training.phase !== "idle");
  const elsewhere = useFacts((state) => state.training.elsewhere);
  const watchRefused = useWatchRefused();
  const view = useBudget();
  const [more, setMore] = useState(false);

  const watching = recipe.watchEvery !== null;
  const refusedFields = [...Object.keys(refusals), ...(watching && watchRefused ? ["watchRow"] : [])];
  // A report on other data is ignored; the engine repeats the checks.
  const current = report && now && key === now.key ? report : null;
  const failed = current?.checks.find(({ passed }) => !passed);
  const general = generalSourcesOf(recipe);
  const isTask = (_: unknown, index: number) => !general.includes(index);
  const task = sources.filter(isTask);
  const excluded = useFacts(({ data }) =>
    data.chosen.reduce((sum, source) => sum + (source.general ? 0 : source.excluded.length), 0),
  );
  const rows =
    current?.sources.filter(isTask).reduce((sum, source) => sum + source.examples, 0) ??
    task.reduce((sum, source) => sum + source.rows - source.unreadable, -excluded);
  const usualName = [model?.name, ...task.slice(0, 2).map((source) => source.name)].join(" · ");
  const title = `${usualName}${task.length > 2 ? ` and ${task.length - 2} more` : ""} · ${methodName(method)}`;

  const moreOptions = optionsAt("more", linears);
  const fields = (options: readonly Option<Recipe>[]) =>
    options
      .filter(({ applies }) => applies(recipe))
      .map((option) => (
        <OptionField
          key={option.field}
          option={option}
          settings={recipe}
          usual={defaults}
          entry={entries[option.field]}
          refusal={refusals[option.field]}
          disabled={option.replaced(recipe) || (startRun !== null && startFields.some((own) => own === option.field))}
          onEnter={hone.recipe.enter}
        />
      ));

  const staged = recipe.stages.length > 1 && current;
  const steps = staged ? stepsOfStages(recipe, staged) : plannedSteps(recipe, rows);
  const needsExam = useFacts(presentExam) === null && (recipe.forgetting?.exam ?? 0) > 0;
  const missing = [
    !ready && words.engine,
    !model && words.model,
    task.length === 0 && words.data,
    needsExam && words.exam,
    task.length > 0 && rows <= 0 && words.usable,
  ].filter((want) => typeof want === "string");

  const budget = view.current ? view.facts.budget : null;
  const unfit = budget !== null && !budget.fits;
  const perStep = recipe.batchSize * recipe.accumulation;
  const note = () => {
    if (training) return words.oneAtATime;
    if (elsewhere) return words.elsewhere;
    if (missing.length > 0) return words.needs(missing);
    if (refusedFields.length > 0) return words.refused;
    if (failed) return words.closed(failed.title, failed.detail);
    if (unfit) return budget.advice;
    return budget ? words.exactly(budget.steps, perStep) : words.amount(steps, perStep);
  };
  const free = missing.length === 0 && !training && !elsewhere && !unfit;

  const start = () => {
    const [first] = refusedFields;
    if (first !== undefined) {
      setMore(more || first === "watchRow" || moreOptions.some(({ field }) => field === first));
      const onTemplate = templateOptions.some(({ field }) => field === first);
      if (onTemplate) hone.place.go("template");
      // After the section or the other screen has opened.
      setTimeout(() => document.querySelector<HTMLElement>(`[name="${first}"]`)?.focus(), onTemplate ? arrival : 0);
      return;
    }
    if (!model || sources.length === 0 || failed || unfit) return;
    void hone.training.start(recipe, hone.store.getState().recipe.name.trim() || title);
  };

  return (
    <Panel
      title={words.title}
      aside={
        Object.keys(entries).length > 0 && (
          <Button size="compact-sm" variant="subtle" onClick={hone.recipe.reset}>
            {words.reset}
          </Button>
        )
      }
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          start();
        }}
      >
        <Stack gap="md">
          <Group gap="md">
            <Button type="submit" disabled={!free || failed !== undefined} aria-describedby="start-note">
              {words.start}
            </Button>
            <Text size="sm" c="dimmed" flex="1 1 12rem" id="start-note" data-testid="start-note">
              {note()}
              {failed && free && (
                <>
                  {" "}
                  <Anchor href="#preflight" underline="always">
                    {words.checks}
                  </Anchor>
                </>
              )}
            </Text>
          </Group>
          <BudgetBlock view={view} />
          <StartChoice />
          <Radio.Group
            label={words.method}
            value={method}
            onChange={(value) => hone.recipe.method(value === "full" ? "full" : "lora")}
          >
            <Group gap="lg" mt={6}>
              <Radio value="lora" label={words.lora} description={words.loraAbout} disabled={startRun !== null} />
              <Radio value="full" label={words.full} description={words.fullAbout} disabled={startRun !== null} />
            </Group>
          </Radio.Group>
          {model && isSeedling(model) && (
            <Text size="sm" c="dimmed">
              {words.measured(model.name)}
            </Text>
          )}
          <StageFields />
          <div className={classes.fields}>{fields(basicOptions)}</div>
          {recipe.stages.length === 1 && <PreferenceHelp preference={lastStage(recipe).preference} />}
          <ForgettingFields />
          <div>
            <Button
              variant="subtle"
              size="compact-sm"
              ml={-8}
              aria-expanded={more}
              aria-controls="more-settings"
              onClick={() => setMore(!more)}
            >
              {more ? words.fewer : words.more}
            </Button>
            <Collapse expanded={more} id="more-settings" keepMountedMode="display-none" transitionDuration={0}>
              <div className={classes.fields} data-more>
                {fields(moreOptions)}
              </div>
              <WatchFields disabled={!watching} />
            </Collapse>
          </div>
          <RunName placeholder={model && sources.length > 0 ? title : words.unnamed} />
        </Stack>
      </form>
    </Panel>
  );
}
