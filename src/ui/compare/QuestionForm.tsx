/** The question, the models that answer, and the sampling settings. */

import { Button, Collapse, Group, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { templateName } from "../../run/rowFields.ts";
import { presentConversation } from "../../store/compare.ts";
import { keyOf } from "../../store/conversation.ts";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import { readEntries } from "../option/option.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import recipeClasses from "../train/RecipePanel.module.css";
import { compareWords as words } from "../words/compare.ts";
import { defaultSampling, samplingOptions } from "./options.ts";
import { SideChoice } from "./SideChoice.tsx";
import type { useSides } from "./useSides.ts";

export function QuestionForm({ of }: { readonly of: ReturnType<typeof useSides> }) {
  const hone = useHone();
  const { answering, run, otherRun, recipe, sides } = of;
  const question = useFacts((state) => state.compare.question);
  const entries = useFacts((state) => state.compare.entries);
  const busy = useFacts((state) => state.compare.answering);
  const failure = useFacts((state) => state.compare.failure);
  const present = useFacts((state) => presentConversation(state.compare)?.key ?? null);
  const ready = useFacts((state) => state.engine.status === "ready");
  const examining = useFacts((state) => state.exam.phase !== "idle");
  const [more, setMore] = useState(false);
  const { settings: sampling, refusals } = readEntries(defaultSampling, samplingOptions, entries);

  const missing = examining
    ? words.missing.exam
    : !ready
      ? words.missing.engine
      : (of.missing ??
        (question.trim() === ""
          ? words.missing.question
          : Object.keys(refusals).length > 0
            ? words.missing.setting
            : null));

  const drawn = sampling.temperature === 0 ? words.greedy : words.temperature(sampling.temperature);
  const oneTemplate = new Set(sides.map(({ template, systemPrompt }) => JSON.stringify([template, systemPrompt]))).size;
  const how = oneTemplate > 1 ? words.howEach(drawn) : words.how(drawn, templateName(recipe.template));
  const way = present === null ? "" : present === keyOf(sides) ? words.continues : words.startsAnother;

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!missing && !busy) void hone.compare.send(sides, sampling);
  };
  const sendByKey = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
  };

  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <Textarea
          label={words.question}
          autosize={false}
          rows={3}
          value={question}
          aria-keyshortcuts="Control+Enter Meta+Enter"
          onKeyDown={sendByKey}
          onChange={(event) => hone.compare.type(event.currentTarget.value)}
        />
        <SideChoice answering={answering} run={run} otherRun={otherRun} />
        <div>
          <Button
            variant="subtle"
            size="compact-sm"
            ml={-8}
            aria-expanded={more}
            aria-controls="answer-settings"
            onClick={() => setMore(!more)}
          >
            {words.settings}
          </Button>
          <Collapse expanded={more} id="answer-settings" keepMountedMode="display-none" transitionDuration={0}>
            <div className={recipeClasses.fields} data-more>
              {samplingOptions.map((option) => (
                <OptionField
                  key={option.field}
                  option={option}
                  settings={sampling}
                  entry={entries[option.field]}
                  refusal={refusals[option.field]}
                  onEnter={hone.compare.enter}
                />
              ))}
            </div>
          </Collapse>
        </div>
        <Group gap="md">
          {busy ? (
            <Button type="button" key="stop" variant="default" onClick={hone.compare.stop}>
              {words.stop}
            </Button>
          ) : (
            <Button type="submit" key="send" disabled={missing !== null}>
              {words.send[sides.length]}
            </Button>
          )}
          {present !== null && (
            <Button type="button" variant="default" disabled={busy} onClick={hone.compare.begin}>
              {words.begin}
            </Button>
          )}
          <Text size="sm" c="dimmed" flex="1 1 12rem">
            {missing ?? `${how} ${way}`}
          </Text>
        </Group>
        <FailureAlert title={words.refused} failure={failure} />
      </Stack>
    </form>
  );
}
