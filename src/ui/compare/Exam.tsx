/** The same exam for the base model and a run: which one, the way through it, and what came of it. */

import { Button, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { useId } from "react";
import type { Recipe } from "../../storage/run.ts";
import { demoData } from "../../store/seedling.ts";
import type { ExamChoice, ExamFacts, RunEntry } from "../../store/state.ts";
import type { ModelSummary } from "../../worker/protocol.ts";
import { plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import classes from "./Exam.module.css";
import { ExamResults } from "./ExamResults.tsx";

interface ExamProps {
  /** The run that is compared; null asks the base model only. */
  readonly run: RunEntry | null;
  readonly model: ModelSummary | null;
  readonly recipe: Recipe;
}

/** Where an exam stands, in one word for programs. */
function statusOf({ phase, results, failure }: ExamFacts): string {
  if (phase !== "idle") return phase;
  if (failure) return "failed";
  if (!results) return "none";
  return results.run && !results.tuned ? "stopped" : "done";
}

/** Whether the page's own exam is about these data. */
function useDemoData(run: RunEntry | null): boolean {
  return useFacts(({ data }) =>
    run
      ? run.sources.some(({ name }) => name === demoData)
      : data.chosen.some(({ hash }) => data.list.some((source) => source.hash === hash && source.name === demoData)),
  );
}

export function Exam({ run, model, recipe }: ExamProps) {
  const hone = useHone();
  const id = useId();
  const facts = useFacts((state) => state.exam);
  const ready = useFacts((state) => state.engine.status === "ready");
  const asking = useFacts((state) => state.compare.asking);
  const demoFits = useDemoData(run);
  const { own, phase, results, failure } = facts;
  const choice: ExamChoice | null = facts.choice ?? (demoFits ? "demo" : null);
  const going = phase !== "idle";

  const missing = !ready
    ? "Needs the engine to run."
    : !model
      ? "Needs a model."
      : choice === null
        ? "Needs an exam."
        : asking
          ? "The question above comes first."
          : null;

  const take = () => {
    if (!model || choice === null || missing) return;
    const { template, systemPrompt } = recipe;
    void hone.exam.take(choice, { modelHash: model.hash, runId: run?.id ?? null, template, systemPrompt });
  };

  return (
    <section aria-labelledby={id} className={classes.exam} data-exam-status={statusOf(facts)}>
      <Stack gap="md">
        <div>
          <h3 className={classes.title} id={id}>
            Exam
          </h3>
          <Text size="sm" c="dimmed">
            Questions with known answers, each asked by itself and greedily, of the base model and of the run. An answer
            is right when it is the expected one word for word.
          </Text>
        </div>
        <Group gap="sm" align="flex-end">
          <NativeSelect
            flex="1 1 14rem"
            label="Which exam"
            value={choice ?? ""}
            disabled={going}
            data={[
              ...(choice === null ? [{ value: "", label: "Choose…" }] : []),
              { value: "demo", label: "Small world, comes with the page" },
              ...(own ? [{ value: "own", label: own.name }] : []),
            ]}
            onChange={({ currentTarget: { value } }) => {
              if (value === "demo" || value === "own") hone.exam.choose(value);
            }}
          />
          <FilePicker
            label="Choose an exam file…"
            inputLabel="Exam files"
            multiple
            disabled={!ready || going}
            onFiles={(files) => void hone.exam.open(files)}
          />
        </Group>
        {choice === "own" && own && (
          <Text size="sm" c="dimmed">
            {plural(own.questions.length, "question")}
            {own.texts.length > 0 ? ` and ${plural(own.texts.length, "general text")}.` : "."}
          </Text>
        )}
        {choice === "own" && own && own.problems.length > 0 && (
          <div>
            <Text size="sm" mb={4}>
              {plural(own.problems.length, "row")} of it left out:
            </Text>
            <ProblemList label="Rows left out of the exam" problems={own.problems} />
          </div>
        )}
        <Group gap="md">
          {going ? (
            <Button key="stop" variant="default" onClick={hone.exam.stop}>
              Stop the exam
            </Button>
          ) : (
            <Button key="run" variant={results ? "default" : "filled"} disabled={missing !== null} onClick={take}>
              Run the exam
            </Button>
          )}
          <Text size="sm" c="dimmed" flex="1 1 12rem">
            {missing ??
              (going
                ? phase === "reading"
                  ? "Reading the exam."
                  : `Asking the ${phase === "base" ? "base model" : "tuned model"}.`
                : run
                  ? "The base model is asked once; its answers serve other runs with the same template too."
                  : "Asks the base model only, for no run has a step yet or none is chosen.")}
          </Text>
        </Group>
        {going && <CallProgress of={phase === "reading" ? "data" : "engine"} label="Preparing the exam" />}
        <FailureAlert title="The exam could not be taken" failure={failure} />
        {results && <ExamResults results={results} />}
      </Stack>
    </section>
  );
}
