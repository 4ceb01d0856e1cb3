/** A teacher model writes rows from examples or documents. */

import { Button, Group, NativeSelect, NumberInput, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Grader } from "../../generation/make/filters.ts";
import type { Subject } from "../../protocol/engine.ts";
import { hasWeights } from "../../run/origin.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallBar, percentOf } from "../shell/CallBar.tsx";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { makeWords as words } from "../words/make.ts";
import { readExamples } from "./examples.ts";
import { MadeRows } from "./MadeRows.tsx";
import classes from "./Make.module.css";

const graderKinds = ["none", "contains", "exact", "regex"] as const;

/** The selected model and the runs that tuned it. */
function useTeachers() {
  const { model, recipe } = useSpec();
  const runs = useFacts((state) => state.runs.list);
  const tuned = runs.filter((run) => hasWeights(run) && run.model.hash === model?.hash);
  const subjectOf = (runId: string): Subject | null => {
    if (!model) return null;
    const run = tuned.find(({ id }) => id === runId);
    const { template, systemPrompt } = run?.recipe ?? recipe;
    return { modelHash: model.hash, runId: run?.id ?? null, checkpoint: null, template, systemPrompt };
  };
  const options = model
    ? [
        ...tuned.map(({ id, name }) => ({ value: id, label: words.tuned(name) })),
        { value: "", label: words.base(model.name) },
      ]
    : [];
  return { options, subjectOf };
}

function Documents() {
  const hone = useHone();
  const { passages, unread, phase } = useFacts((state) => state.make);
  const documents = new Set(passages.map(({ document }) => document)).size;
  return (
    <>
      <Group gap="sm">
        <FilePicker
          label={words.documents}
          inputLabel={words.documentsLabel}
          accept=".txt,.md,.markdown,.html,.htm,.pdf,.docx"
          multiple
          disabled={phase !== "idle"}
          onFiles={(files) => void hone.make.openDocuments(files)}
        />
        {passages.length > 0 && (
          <>
            <Text size="sm" role="status">
              {words.passages(passages.length, documents)}
            </Text>
            <Button size="compact-sm" variant="subtle" onClick={hone.make.clearDocuments}>
              {words.clear}
            </Button>
          </>
        )}
      </Group>
      <Text size="xs" c="dimmed">
        {words.documentsAbout}
      </Text>
      {unread.map(({ name, message }) => (
        <Text key={name} size="sm" className={classes.doubt ?? ""}>
          {words.unread(name, message)}
        </Text>
      ))}
      {phase === "reading" && <CallProgress of="data" label={words.reading} onCancel={hone.make.stop} />}
    </>
  );
}

function Dropped() {
  const { dropped, attempts, phase } = useFacts((state) => state.make);
  const entries = Object.entries(dropped).sort(([, a], [, b]) => b - a);
  const lost = entries.reduce((sum, [, count]) => sum + count, 0);
  if (attempts.done === 0) return null;
  return (
    <div>
      {phase !== "making" && (
        <Text size="sm" role="status">
          {words.result(attempts.done - lost, attempts.done)}
        </Text>
      )}
      {entries.length > 0 && (
        <details className={classes.passage}>
          <summary>{`${words.dropped}: ${lost.toLocaleString("en")}`}</summary>
          <ul className={classes.reasons}>
            {entries.map(([key, count]) => (
              <li key={key}>{`${words.reason(key)}: ${count.toLocaleString("en")}`}</li>
            ))}
          </ul>
          <p>{words.filters}</p>
        </details>
      )}
    </div>
  );
}

export function MakePanel() {
  const hone = useHone();
  const { options, subjectOf } = useTeachers();
  const { phase, attempts, failure, passages } = useFacts((state) => state.make);
  const busy = useFacts((state) => state.training.phase !== "idle" || state.exam.phase !== "idle");
  const [way, setWay] = useState<keyof typeof words.ways>("examples");
  const [runId, setRunId] = useState<string | null>(null);
  const [typed, setTyped] = useState("");
  const [number, setNumber] = useState({ attempts: 20, perPassage: 1, temperature: 0.8, samples: 2 });
  const [kind, setKind] = useState<Grader["kind"]>("none");
  const [text, setText] = useState("");
  const examples = readExamples(typed);
  const subject = subjectOf(runId ?? options[0]?.value ?? "");
  const set = (field: keyof typeof number) => (value: number | string) =>
    typeof value === "number" && setNumber((before) => ({ ...before, [field]: value }));
  const from = way === "examples" ? examples.length : passages.length;

  const make = () => {
    if (!subject) return;
    const grader: Grader = kind === "none" ? { kind } : { kind, text };
    const seed = Math.floor(Math.random() * 1e6);
    const settings = { seed, temperature: number.temperature, samples: number.samples, grader };
    if (way === "examples") void hone.make.fromExamples(subject, examples, number.attempts, settings);
    else void hone.make.fromDocuments(subject, number.perPassage, settings);
  };

  return (
    <Panel title={words.title} id="make-rows">
      <Text size="sm">{words.about}</Text>
      <Text size="sm" c="dimmed">
        {words.quality}
      </Text>
      <NativeSelect
        label={words.way}
        className={classes.way ?? ""}
        value={way}
        data={(["examples", "documents"] as const).map((value) => ({ value, label: words.ways[value] }))}
        onChange={({ currentTarget: { value } }) => setWay(value === "documents" ? "documents" : "examples")}
      />
      {way === "examples" ? (
        <Textarea
          label={words.examples}
          description={words.examplesAbout}
          autosize
          minRows={4}
          maxRows={12}
          value={typed}
          onChange={({ currentTarget: { value } }) => setTyped(value)}
        />
      ) : (
        <Documents />
      )}
      <div className={classes.fields}>
        <NativeSelect
          label={words.teacher}
          data={options.length > 0 ? options : [{ value: "", label: words.noModel }]}
          value={runId ?? options[0]?.value ?? ""}
          onChange={({ currentTarget: { value } }) => setRunId(value)}
        />
        {way === "examples" ? (
          <NumberInput
            label={words.attempts}
            min={1}
            max={5000}
            allowDecimal={false}
            value={number.attempts}
            onChange={set("attempts")}
          />
        ) : (
          <NumberInput
            label={words.perPassage}
            min={1}
            max={20}
            allowDecimal={false}
            value={number.perPassage}
            onChange={set("perPassage")}
          />
        )}
        <NumberInput
          label={words.temperature}
          min={0}
          max={2}
          step={0.1}
          decimalScale={2}
          value={number.temperature}
          onChange={set("temperature")}
        />
        <NumberInput
          label={words.draws}
          min={1}
          max={16}
          allowDecimal={false}
          value={number.samples}
          onChange={set("samples")}
        />
        <NativeSelect
          label={words.grader}
          value={kind}
          data={graderKinds.map((value) => ({ value, label: words.graders[value] }))}
          onChange={({ currentTarget: { value } }) => setKind(graderKinds.find((one) => one === value) ?? "none")}
        />
        {kind !== "none" && (
          <TextInput
            label={words.graderText}
            value={text}
            onChange={({ currentTarget: { value } }) => setText(value)}
          />
        )}
      </div>
      {phase === "making" ? (
        <Group gap="sm" wrap="nowrap">
          <div className={classes.bar}>
            <Text size="sm" role="status">
              {words.making(attempts.done, attempts.total)}
            </Text>
            <CallBar task={words.make} percent={percentOf(attempts.done, attempts.total)} />
          </div>
          <Button size="compact-sm" variant="subtle" onClick={hone.make.stop}>
            {words.stop}
          </Button>
        </Group>
      ) : (
        <Group>
          <Button disabled={!subject || from === 0 || busy || phase !== "idle"} onClick={make}>
            {words.make}
          </Button>
        </Group>
      )}
      <FailureAlert title={words.failed} failure={failure} />
      <Dropped />
      <MadeRows />
    </Panel>
  );
}
