/** A model from the files of this machine. */

import { Group, Text } from "@mantine/core";
import { useFacts, useHone } from "../hone.ts";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import { Opening } from "./Opening.tsx";
import { topLevel } from "./source.ts";

const words = modelWords.disk;

export function FromDisk() {
  const hone = useHone();
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
          onFiles={(files) => void hone.model.open(topLevel(files))}
        />
        <FilePicker
          multiple
          label={words.files}
          inputLabel={words.filesInput}
          disabled={off}
          onFiles={(files) => void hone.model.open({ kind: "files", files })}
        />
      </Group>
      <Text size="sm" c="dimmed">
        {words.drop}
      </Text>
      <Opening from="disk" label={words.opening} failed={words.failed} />
    </Panel>
  );
}
