/** The same question to the base model and to a run, side by side; and the run's own held-out samples. */

import { Button, Collapse, Group, NativeSelect, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, useId, useState } from "react";
import type { Sample } from "../../storage/run.ts";
import type { AnswerFacts } from "../../store/state.ts";
import { duration, plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import { readEntries } from "../option/option.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { templateName } from "../template/options.ts";
import recipeClasses from "../train/RecipePanel.module.css";
import classes from "./ComparePanel.module.css";
import { Exam } from "./Exam.tsx";
import { defaultSampling, samplingOptions } from "./options.ts";

const endings = {
  stop: "ended by itself",
  length: "cut at the longest answer",
  context: "cut at the end of the context",
  cancelled: "stopped",
} as const;

function AnswerCard({ title, facts }: { readonly title: string; readonly facts: AnswerFacts | null }) {
  const id = useId();
  const answer = facts?.answer;
  const writing = facts?.status === "waiting" || facts?.status === "writing";
  return (
    <section aria-labelledby={id} className={classes.answer} data-status={facts?.status ?? "none"}>
      <Text size="sm" fw={600} id={id}>
        {title}
      </Text>
      <div aria-live="polite" aria-busy={writing} className={classes.text} data-testid="answer">
        {facts?.text}
      </div>
      {facts && (
        <Text size="xs" c="dimmed">
          {answer
            ? `${plural(answer.tokens, "token")} · ${duration(answer.seconds)} · ${endings[answer.finish]}${answer.text.trim() === "" ? " · the answer is empty" : ""}`
            : facts.status === "failed"
              ? "Stopped"
              : facts.status === "waiting"
                ? "Waiting"
                : "Writing…"}
        </Text>
      )}
      <FailureAlert title="No answer" failure={facts?.failure ?? null} />
    </section>
  );
}

function Samples({ samples }: { readonly samples: readonly Sample[] }) {
  return (
    <div>
      <Text size="sm" fw={600} mb="xs">
        The run's own held-out questions
      </Text>
      <Stack gap="md">
        {samples.map(({ prompt, reference, before, after }) => (
          <article key={prompt} className={classes.sample}>
            <p className={classes.prompt}>{prompt}</p>
            <dl className={classes.variants}>
              <div>
                <dt>Before</dt>
                <dd>{before || "(empty)"}</dd>
              </div>
              <div>
                <dt>After</dt>
                <dd>{after ?? "not trained to the end yet"}</dd>
              </div>
              <div>
                <dt>Reference</dt>
                <dd>{reference}</dd>
              </div>
            </dl>
          </article>
        ))}
      </Stack>
    </div>
  );
}

export function ComparePanel() {
  const hone = useHone();
  const { question, runId, entries, asking, base, tuned, failure } = useFacts((state) => state.compare);
  const runs = useFacts((state) => state.runs.list);
  const models = useFacts((state) => state.model.list);
  const selected = useFacts((state) => state.model.selected);
  const ready = useFacts((state) => state.engine.status === "ready");
  const examining = useFacts((state) => state.exam.phase !== "idle");
  const [more, setMore] = useState(false);

  const answering = runs.filter(({ step }) => step > 0);
  const run = runId === null ? answering[0] : answering.find(({ id }) => id === runId);
  const model = models.find(({ hash }) => hash === (run?.model.hash ?? selected));
  const { settings: sampling, refusals } = readEntries(defaultSampling, samplingOptions, entries);
  const typed = useSpec().recipe;
  const recipe = run?.recipe ?? typed;

  const missing = examining
    ? "The exam comes first."
    : !ready
      ? "Needs the engine to run."
      : !model
        ? run
          ? `Open ${run.model.name} under Model first: this run was trained from it.`
          : "Needs a model."
        : question.trim() === ""
          ? "Write a question."
          : Object.keys(refusals).length > 0
            ? "A setting of the answer needs another value."
            : null;

  const ask = (event: FormEvent) => {
    event.preventDefault();
    if (!model || missing) return;
    const { template, systemPrompt } = recipe;
    void hone.compare.ask({ modelHash: model.hash, runId: run?.id ?? null, template, systemPrompt, sampling });
  };

  return (
    <Panel title="Compare">
      <form onSubmit={ask}>
        <Stack gap="md">
          <Textarea
            label="Question"
            autosize={false}
            rows={3}
            value={question}
            onChange={(event) => hone.compare.type(event.currentTarget.value)}
          />
          <NativeSelect
            label="Tuned by run"
            value={run?.id ?? ""}
            disabled={asking}
            data={[
              { value: "", label: answering.length > 0 ? "None: ask the base model only" : "No run has a step yet" },
              ...answering.map(({ id, name, step }) => ({ value: id, label: `${name} (step ${step})` })),
            ]}
            onChange={(event) => hone.compare.chooseRun(event.currentTarget.value)}
          />
          <div>
            <Button
              variant="subtle"
              size="compact-sm"
              ml={-8}
              aria-expanded={more}
              aria-controls="answer-settings"
              onClick={() => setMore(!more)}
            >
              Answer settings
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
            {asking ? (
              <Button type="button" key="stop" variant="default" onClick={hone.compare.stop}>
                Stop answering
              </Button>
            ) : (
              <Button type="submit" key="ask" disabled={missing !== null}>
                {run ? "Ask both" : "Ask"}
              </Button>
            )}
            <Text size="sm" c="dimmed" flex="1 1 12rem">
              {missing ??
                `${sampling.temperature === 0 ? "Greedy" : `Temperature ${sampling.temperature}`}, ${templateName(recipe.template)} template, the same for both.`}
            </Text>
          </Group>
        </Stack>
      </form>
      <FailureAlert title="The question could not be asked" failure={failure} />
      {(base || tuned) && (
        <div className={classes.answers}>
          <AnswerCard title="Base model" facts={base} />
          {tuned && <AnswerCard title="Tuned model" facts={tuned} />}
        </div>
      )}
      {run && run.samples.length > 0 && <Samples samples={run.samples} />}
      <Exam run={run ?? null} model={model ?? null} recipe={recipe} />
    </Panel>
  );
}
