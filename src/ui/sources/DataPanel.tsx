/** Choice of sources: files, pasted text, samples, and stored data. */

import { Box, Button, Group, List, Text } from "@mantine/core";
import { type DragEvent, useState } from "react";
import { Explain, Explanations } from "../help/Explain.tsx";
import { useFacts, useHone } from "../hone.ts";
import { OptionField } from "../option/OptionField.tsx";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { optionsAt } from "../train/options.ts";
import { dataWords as words } from "../words/data.ts";
import classes from "./DataPanel.module.css";
import { PasteForm } from "./PasteForm.tsx";
import { Samples } from "./Samples.tsx";
import { SourceCard } from "./SourceCard.tsx";

/** File name endings of the readers; other files are recognized by content. */
const accepted =
  ".json,.jsonl,.ndjson,.csv,.tsv,.parquet,.txt,.md,.markdown,.gz,application/json,text/csv,text/plain,text/markdown";

const mixtureOptions = optionsAt("data");

type Way = "paste" | "samples" | null;

export function DataPanel() {
  const hone = useHone();
  const { list, chosen, opening, failures, failure } = useFacts((state) => state.data);
  const entries = useFacts((state) => state.recipe.entries);
  const ready = useFacts((state) => state.engine.status === "ready");
  const training = useFacts((state) => state.training.phase !== "idle");
  const { recipe, refusals, sources } = useSpec();
  const [over, setOver] = useState(false);
  const [way, setWay] = useState<Way>(null);
  const off = !ready || opening;
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  const open = (files: readonly File[]) => {
    if (files.length > 0 && !off) void hone.data.open(files);
  };
  const drag = (event: DragEvent, inside: boolean) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(inside);
  };
  const toggle = (which: Way) => setWay(way === which ? null : which);

  return (
    // Dropping repeats the button, so the keyboard reaches everything.
    <Box
      className={classes.drop ?? ""}
      data-over={over || undefined}
      data-testid="drop-data"
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget instanceof Node ? event.relatedTarget : null))
          drag(event, false);
      }}
      onDrop={(event) => {
        drag(event, false);
        open([...event.dataTransfer.files]);
      }}
    >
      <Panel
        title={words.title}
        aside={
          rows > 0 && (
            <Text size="sm" c="dimmed">
              {words.amount(rows, sources.length)}
            </Text>
          )
        }
      >
        <div className={classes.ways}>
          <Group gap="sm">
            <FilePicker
              multiple
              label={words.choose}
              inputLabel={words.files}
              accept={accepted}
              disabled={off}
              onFiles={open}
            />
            <Button
              variant="subtle"
              disabled={!ready}
              aria-expanded={way === "paste"}
              aria-controls="data-way"
              onClick={() => toggle("paste")}
            >
              {words.paste}
            </Button>
            <Button
              variant="subtle"
              disabled={!ready}
              aria-expanded={way === "samples"}
              aria-controls="data-way"
              onClick={() => toggle("samples")}
            >
              {words.samples}
            </Button>
          </Group>
          <Text size="sm" c="dimmed">
            {words.drop}
          </Text>
        </div>
        <div id="data-way" hidden={way === null}>
          {way === "paste" && <PasteForm disabled={off} onRead={() => setWay(null)} />}
          {way === "samples" && <Samples disabled={off} />}
        </div>
        {opening && <CallProgress of="data" label={words.reading} onCancel={hone.data.cancel} />}
        <FailureAlert
          title={words.failed}
          failure={
            failure ?? (failures.length === 1 && failures[0] ? { name: "Error", message: failures[0].message } : null)
          }
        />
        {failures.length > 1 && (
          <FailureAlert
            title={words.failedFiles(failures.length)}
            failure={{ name: "Error", message: failures.map(({ message }) => message).join("\n") }}
          />
        )}
        {list.length > 0 && (
          <ul className={classes.sources} aria-label={words.list}>
            {list.map((source) => (
              <SourceCard
                key={source.hash}
                source={source}
                index={chosen.findIndex(({ hash }) => hash === source.hash)}
                disabled={opening || training}
              />
            ))}
          </ul>
        )}
        {sources.length > 1 &&
          mixtureOptions
            .filter(({ applies }) => applies(recipe))
            .map((option) => (
              <OptionField
                key={option.field}
                option={option}
                settings={recipe}
                entry={entries[option.field]}
                refusal={refusals[option.field]}
                disabled={training}
                onEnter={hone.recipe.enter}
              />
            ))}
        {sources.length > 0 && rows < 100 && (
          <List>
            <List.Item className={classes.doubt ?? ""}>{words.few(rows)}</List.Item>
          </List>
        )}
        <Explanations>
          <Explain term="sft" />
          <Explain term="source">{sources.length > 0 && words.weights(sources.length)}</Explain>
          <Explain term="validation">{rows > 0 && words.heldOut(recipe.validationShare, rows)}</Explain>
        </Explanations>
      </Panel>
    </Box>
  );
}
