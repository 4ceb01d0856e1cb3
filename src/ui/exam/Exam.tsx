/** The exam for the base model and a run: choice of the exam, progress, and results. */

import { Button, Group, NativeSelect, Text } from "@mantine/core";
import { useEffect } from "react";
import type { ModelSummary } from "../../protocol/engine.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { RunRecord } from "../../run/record.ts";
import { baseResultFor, graderIn } from "../../store/exam.ts";
import { demoData } from "../../store/seedling.ts";
import type { ExamChoice, ExamFacts } from "../../store/state.ts";
import { CheckpointChoice } from "../checkpoints/CheckpointChoice.tsx";
import { useCheckpointPick } from "../checkpoints/useCheckpoints.ts";
import { dateAndTime } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import { examWords as words } from "../words/compare.ts";
import { graderWords } from "../words/exam.ts";
import { ExamCurve } from "./ExamCurve.tsx";
import { ExamList } from "./ExamList.tsx";
import { ExamResults } from "./ExamResults.tsx";
import { GraderFields } from "./GraderFields.tsx";

interface ExamProps {
  /** The compared run; null examines the base model only. */
  readonly run: RunRecord | null;
  readonly model: ModelSummary | null;
  readonly recipe: Recipe;
  /** All runs with weights. */
  readonly answering: readonly RunRecord[];
}

/** The state of the exam in one word, for programs. */
function statusOf({ phase, results, failure }: ExamFacts): string {
  if (phase !== "idle") return phase;
  if (failure) return "failed";
  if (!results) return "none";
  return results.run && !results.tuned ? "stopped" : "done";
}

/** Whether the page's own exam is about these data. */
function useDemoData(run: RunRecord | null): boolean {
  return useFacts(({ data }) =>
    run
      ? run.sources.some(({ name }) => name === demoData)
      : data.chosen.some(({ hash }) => data.list.some((source) => source.hash === hash && source.name === demoData)),
  );
}

export function Exam({ run, model, recipe, answering: runs }: ExamProps) {
  const hone = useHone();
  const facts = useFacts((state) => state.exam);
  const ready = useFacts((state) => state.engine.status === "ready");
  const answering = useFacts((state) => state.compare.answering);
  const demoFits = useDemoData(run);
  const { own, demo, phase, results, stored, failure } = facts;
  const choice: ExamChoice | null = facts.choice ?? (demoFits ? "demo" : null);
  const going = phase !== "idle";
  const pick = useCheckpointPick(run);
  const modelHash = model?.hash ?? null;
  const runId = run?.id ?? null;
  useEffect(() => {
    if (ready && !going && modelHash !== null) void hone.exam.list({ modelHash, runId });
  }, [hone, ready, going, modelHash, runId]);

  const missing = !ready
    ? words.missing.engine
    : !model
      ? words.missing.model
      : choice === null
        ? words.missing.exam
        : answering
          ? words.missing.question
          : null;

  const { template, systemPrompt } = recipe;
  const exam = choice === "own" ? own : demo;
  const judged = graderIn(facts.settings);
  const earlier =
    modelHash && exam ? baseResultFor(facts, { modelHash, template, systemPrompt, ...judged }, exam.hash) : null;
  const reused = run && earlier && !earlier.fromFile ? earlier : null;
  const about = reused ? words.reuses(dateAndTime(reused.takenAt)) : run ? words.once : words.baseOnly;

  const take = (anew: boolean) => {
    if (modelHash === null || choice === null || missing) return;
    void hone.exam.take(choice, { modelHash, runId, checkpoint: pick.checkpoint, template, systemPrompt }, anew);
  };

  return (
    <>
      <PanelPart title={words.title} about={words.about} data-exam-status={statusOf(facts)}>
        <Group gap="sm" align="flex-end">
          <NativeSelect
            flex="1 1 14rem"
            label={words.which}
            value={choice ?? ""}
            disabled={going}
            data={[
              ...(choice === null ? [{ value: "", label: words.choose }] : []),
              { value: "demo", label: words.demo },
              ...(own ? [{ value: "own", label: own.name }] : []),
            ]}
            onChange={({ currentTarget: { value } }) => {
              if (value === "demo" || value === "own") hone.exam.choose(value);
            }}
          />
          <FilePicker
            label={words.pick}
            inputLabel={words.files}
            multiple
            disabled={!ready || going}
            onFiles={(files) => void hone.exam.open(files)}
          />
        </Group>
        <Group gap="sm" align="flex-end">
          <GraderFields disabled={going} />
        </Group>
        <Text size="sm" c="dimmed">
          {graderWords.about}
        </Text>
        {choice === "own" && own && (
          <Text size="sm" c="dimmed">
            {words.read(own.questions.length, own.texts.length)}
          </Text>
        )}
        {choice === "own" && own && own.problems.length > 0 && (
          <div>
            <Text size="sm" mb={4}>
              {words.leftOut(own.problems.length)}
            </Text>
            <ProblemList label={words.leftOutRows} problems={own.problems} />
          </div>
        )}
        {run && <CheckpointChoice run={run} pick={pick} disabled={going} />}
        <Group gap="md">
          {going && phase !== "curve" ? (
            <Button key="stop" variant="default" onClick={hone.exam.stop}>
              {words.stop}
            </Button>
          ) : (
            <>
              <Button
                variant={results ? "default" : "filled"}
                disabled={missing !== null || going}
                onClick={() => take(!run)}
              >
                {words.run}
              </Button>
              {reused && (
                <Button variant="subtle" disabled={missing !== null} onClick={() => take(true)}>
                  {words.anew}
                </Button>
              )}
            </>
          )}
          <Text size="sm" c="dimmed" flex="1 1 12rem">
            {missing ?? (going ? (phase === "reading" ? words.reading : words.answering[phase]) : about)}
          </Text>
        </Group>
        {going && phase !== "curve" && (
          <CallProgress of={phase === "reading" ? "data" : "engine"} label={words.preparing} />
        )}
        <FailureAlert title={words.refused} failure={failure} />
        {stored && (
          <ExamList
            stored={stored}
            shown={[results?.base?.id, results?.tuned?.id].filter((id) => id !== undefined)}
            disabled={!ready || going}
          />
        )}
        {results && <ExamResults key={results.tuned?.id ?? results.base?.id} results={results} />}
      </PanelPart>
      <ExamCurve run={run} answering={runs} choice={choice} />
    </>
  );
}
