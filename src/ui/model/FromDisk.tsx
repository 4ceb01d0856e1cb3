/** A model from the files of this machine. */

import { Group, Text } from "@mantine/core";
import type { ModelSource } from "../../protocol/engine.ts";
import { useFacts, useHone } from "../hone.ts";
import { useOpenAdapter } from "../runs/OpenTuned.tsx";
import { isAdapter, tunedSource } from "../runs/tunedSource.ts";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import { Opening } from "./Opening.tsx";
import { topLevel } from "./source.ts";

const words = modelWords.disk;

export function FromDisk() {
  const hone = useHone();
  const openAdapter = useOpenAdapter();
  const open = (files: readonly File[], source: ModelSource) =>
    isAdapter(files.map(({ name }) => name)) ? openAdapter(tunedSource(files)) : hone.model.open(source);
  const off = useFacts(({ engine, model }) => engine.status !== "ready" || model.opening);
  return (
    <Panel title={words.title}>
      <Text size="sm" c="dimmed">
        {words.lead}
      </Text>
      <Group gap="sm">
        <FilePicker
          folder
          multiple
          label={words.folder}
          inputLabel={words.folderInput}
          disabled={off}
          onFiles={(files) => void open(files, topLevel(files))}
        />
        <FilePicker
          multiple
          label={words.files}
          inputLabel={words.filesInput}
          disabled={off}
          onFiles={(files) => void open(files, { kind: "files", files })}
        />
      </Group>
      <Text size="sm" c="dimmed">
        {words.drop}
      </Text>
      <Opening from="disk" label={words.opening} failed={words.failed} />
    </Panel>
  );
}
