/** Opens an adapter or a whole model that another tool trained from the chosen base model. */

import { Group, Text } from "@mantine/core";
import { type DragEvent, useState } from "react";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { PanelPart } from "../shell/PanelPart.tsx";
import { useSpec } from "../spec.tsx";
import { tunedWords as words } from "../words/tuned.ts";
import classes from "./Runs.module.css";
import { droppedTuned, type TunedSource, tunedSource } from "./tunedSource.ts";

/** Opens files with the template and the system prompt of the form. */
export function useOpenTuned(): (source: TunedSource) => Promise<void> {
  const hone = useHone();
  const { recipe } = useSpec();
  return (source) => hone.runs.openTuned({ ...source, template: recipe.template, systemPrompt: recipe.systemPrompt });
}

/** Opens an adapter that was chosen as a model, and shows the Runs screen, which has the result. */
export function useOpenAdapter(): (source: TunedSource) => Promise<void> {
  const hone = useHone();
  const open = useOpenTuned();
  return (source) => {
    hone.place.go("runs");
    return open(source);
  };
}

export function OpenTuned() {
  const hone = useHone();
  const open = useOpenTuned();
  const { model } = useSpec();
  const ready = useFacts((state) => state.engine.status === "ready");
  const { opening, opened, failure } = useFacts((state) => state.runs.tuned);
  const importing = useFacts((state) => state.runs.importing);
  const [over, setOver] = useState(false);
  const off = !ready || opening || importing || !model;
  const drag = (event: DragEvent, inside: boolean) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(inside);
  };

  return (
    <PanelPart
      title={words.title}
      about={words.lead}
      data-testid="drop-tuned"
      style={over ? { outline: "2px dashed var(--mantine-primary-color-filled)" } : undefined}
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) => drag(event, false)}
      onDrop={(event) => {
        drag(event, false);
        const source = droppedTuned(event.dataTransfer);
        if (!off) void source.then(open);
      }}
    >
      <Text size="sm" c="dimmed">
        {model ? words.on(model.name) : words.noModel}
      </Text>
      <Group gap="sm">
        <FilePicker
          folder
          multiple
          label={words.folder}
          inputLabel={words.folderInput}
          disabled={off}
          onFiles={(files) => void open(tunedSource(files))}
        />
        <FilePicker
          multiple
          label={words.files}
          inputLabel={words.filesInput}
          disabled={off}
          onFiles={(files) => void open(tunedSource(files))}
        />
      </Group>
      {opening && <CallProgress of="engine" label={words.opening} onCancel={hone.runs.cancelTuned} />}
      {opened && (
        <Text size="sm" role="status" data-testid="tuned-result" className={classes.long ?? ""}>
          {opened.added ? words.opened(opened.name) : words.known(opened.name)} {opened.notes.join(" ")}
        </Text>
      )}
      <FailureAlert title={words.failed} failure={failure} />
    </PanelPart>
  );
}
