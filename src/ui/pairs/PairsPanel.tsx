/** Choosing the pairs: a file, by button or dropped, and what was found in it. */

import { Box, Group, NativeSelect, Text } from "@mantine/core";
import { type DragEvent, useState } from "react";
import { plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { Facts } from "../shell/Facts.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import classes from "./PairsPanel.module.css";

export function PairsPanel() {
  const hone = useHone();
  const { list, selected, opening, failure } = useFacts((state) => state.dataset);
  const ready = useFacts((state) => state.engine.status === "ready");
  const training = useFacts((state) => state.training.phase !== "idle");
  const [over, setOver] = useState(false);
  const dataset = list.find(({ hash }) => hash === selected);
  const off = !ready || opening;
  const open = (files: readonly File[]) => {
    const [file] = files;
    if (file && !off) void hone.dataset.open(file);
  };

  const drag = (event: DragEvent, inside: boolean) => {
    event.preventDefault();
    setOver(inside);
  };

  return (
    <Panel title="Pairs">
      {/* Dropping is a second way beside the button, so nothing here is out of a keyboard's reach. */}
      <Box
        className={classes.drop ?? ""}
        data-over={over || undefined}
        data-testid="drop-pairs"
        onDragOver={(event) => drag(event, true)}
        onDragLeave={(event) => drag(event, false)}
        onDrop={(event) => {
          drag(event, false);
          open([...event.dataTransfer.files]);
        }}
      >
        <FilePicker
          label="Choose a file"
          inputLabel="Pairs file"
          accept=".json,.jsonl,.ndjson,application/json"
          disabled={off}
          onFiles={open}
        />
        <Text size="sm" c="dimmed">
          or drop it here. JSON or JSON Lines: Alpaca rows (instruction, input, output) or chat messages.
        </Text>
      </Box>
      {opening && <CallProgress label="Reading the pairs" onCancel={hone.dataset.cancel} />}
      <FailureAlert title="The file could not be read" failure={failure} />
      {list.length > 0 && (
        <Group gap="sm" align="flex-end">
          <NativeSelect
            flex={1}
            label="Train on these pairs"
            value={selected ?? ""}
            disabled={opening || training}
            data={[
              ...(dataset ? [] : [{ value: "", label: "Choose…" }]),
              ...list.map(({ hash, name, rows }) => ({ value: hash, label: `${name} · ${plural(rows, "row")}` })),
            ]}
            onChange={(event) => hone.dataset.select(event.currentTarget.value)}
          />
        </Group>
      )}
      {dataset && (
        <>
          <Facts
            facts={[
              ["Format", dataset.format],
              ["Rows", dataset.rows.toLocaleString("en")],
              ["Left out", dataset.problems.length.toLocaleString("en")],
              ["SHA-256", <code key="hash">{dataset.hash.slice(0, 12)}</code>],
            ]}
          />
          {dataset.rows < 100 && (
            <Text size="sm" className={classes.doubt ?? ""}>
              {plural(dataset.rows, "row")}: enough to see training work; careful sets have about 1,000 rows or more.
            </Text>
          )}
          <ProblemList label="Rows left out" problems={dataset.problems} />
        </>
      )}
    </Panel>
  );
}
