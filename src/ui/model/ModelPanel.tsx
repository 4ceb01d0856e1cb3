/** Choosing the model: a folder, files, an address, or one that this browser keeps. */

import { Button, Group, List, NativeSelect, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { isSeedling } from "../../store/seedling.ts";
import type { ModelSummary } from "../../worker/protocol.ts";
import { bytes, count } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { Facts } from "../shell/Facts.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { topLevel } from "./source.ts";

function Summary({ model }: { readonly model: ModelSummary }) {
  const lasting = useFacts(({ engine }) => engine.report?.storage.available ?? true);
  return (
    <>
      <Facts
        facts={[
          ["Architecture", model.architecture],
          ["Parameters", count(model.parameters)],
          ["Layers × width", `${model.layers} × ${count(model.hiddenSize)}`],
          ["Vocabulary", count(model.vocabulary)],
          ["Context", `${count(model.contextLength)} tokens`],
          ["Size", bytes(model.byteLength)],
          ["Kept here", model.stored && lasting ? "yes" : "no: gone when the tab closes"],
          ["SHA-256", <code key="hash">{model.hash.slice(0, 12)}</code>],
        ]}
      />
      {model.notes.length > 0 && (
        <List>
          {model.notes.map((note) => (
            <List.Item key={note}>{note}</List.Item>
          ))}
        </List>
      )}
    </>
  );
}

export function ModelPanel() {
  const hone = useHone();
  const { list, selected, opening, failure } = useFacts((state) => state.model);
  const ready = useFacts((state) => state.engine.status === "ready");
  const training = useFacts((state) => state.training.phase !== "idle");
  const [address, setAddress] = useState("");
  const model = list.find(({ hash }) => hash === selected);
  const off = !ready || opening;

  const openAddress = (event: FormEvent) => {
    event.preventDefault();
    void hone.model.open({ kind: "url", base: address.trim() });
  };

  return (
    <Panel title="Model">
      <Text size="sm" c="dimmed">
        A base model in Hugging Face layout: config.json, tokenizer.json, tokenizer_config.json and safetensors.
      </Text>
      <Group gap="sm">
        <FilePicker
          folder
          multiple
          label="Choose a folder"
          inputLabel="Model folder"
          disabled={off}
          onFiles={(files) => void hone.model.open(topLevel(files))}
        />
        <FilePicker
          multiple
          label="Choose files"
          inputLabel="Model files"
          disabled={off}
          onFiles={(files) => void hone.model.open({ kind: "files", files })}
        />
        {!(model && isSeedling(model)) && (
          <Button variant="subtle" disabled={off || training} onClick={() => void hone.model.openSeedling()}>
            Seedling, comes with the page
          </Button>
        )}
      </Group>
      <form onSubmit={openAddress}>
        <Group gap="sm" align="flex-start" wrap="nowrap">
          <TextInput
            flex={1}
            aria-label="Address or Hugging Face id"
            placeholder="Address of a folder, or a Hugging Face id"
            value={address}
            onChange={(event) => setAddress(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" disabled={off || address.trim() === ""}>
            Open
          </Button>
        </Group>
      </form>
      {opening && <CallProgress of="engine" label="Opening the model" onCancel={hone.model.cancel} />}
      <FailureAlert title="The model could not be opened" failure={failure} />
      {list.length > 0 && (
        <Group gap="sm" align="flex-end">
          <NativeSelect
            flex={1}
            label="Train this model"
            value={selected ?? ""}
            disabled={opening || training}
            data={[
              ...(model ? [] : [{ value: "", label: "Choose…" }]),
              ...list.map(({ hash, name }) => ({ value: hash, label: name })),
            ]}
            onChange={(event) => hone.model.select(event.currentTarget.value)}
          />
          {model?.stored && (
            <ConfirmButton
              label="Remove"
              name={model.name}
              question="Remove it from this browser?"
              confirm="Remove"
              disabled={opening || training}
              onConfirm={() => void hone.model.remove(model.hash)}
            />
          )}
        </Group>
      )}
      {model && <Summary model={model} />}
    </Panel>
  );
}
