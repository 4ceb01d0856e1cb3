/** Choice of the base model, with its facts. */

import { List, NativeSelect, Text } from "@mantine/core";
import { useEffect } from "react";
import type { ModelSummary } from "../../protocol/engine.ts";
import { bytes, count } from "../format.ts";
import { Explain, Explanations } from "../help/Explain.tsx";
import { useFacts, useHone } from "../hone.ts";
import { Facts } from "../shell/Facts.tsx";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import { Details, Template } from "./Details.tsx";

const words = modelWords.chosen;

function Summary({ model }: { readonly model: ModelSummary }) {
  const hone = useHone();
  const lasting = useFacts(({ engine }) => engine.report?.storage.available ?? true);
  const ready = useFacts((state) => state.engine.status === "ready");
  const known = useFacts((state) => state.model.details);
  const { hash } = model;
  useEffect(() => {
    if (ready) void hone.model.describe(hash);
  }, [hone, ready, hash]);
  const details = known?.hash === hash ? known : null;
  return (
    <>
      <Facts
        facts={[
          [words.facts.architecture, model.architecture],
          [words.facts.parameters, count(model.parameters)],
          [words.facts.layers, words.layersTimes(model.layers, count(model.hiddenSize))],
          [words.facts.vocabulary, count(model.vocabulary)],
          [words.facts.context, words.tokens(count(model.contextLength))],
          [words.facts.size, bytes(model.byteLength)],
          [words.facts.stored, model.stored && lasting ? words.stored : words.notStored],
          [words.facts.hash, <code key="hash">{hash.slice(0, 12)}</code>],
        ]}
      />
      {model.notes.length > 0 && (
        <List>
          {model.notes.map((note) => (
            <List.Item key={note}>{note}</List.Item>
          ))}
        </List>
      )}
      <Template model={model} details={details} />
      <Details model={model} details={details} />
    </>
  );
}

export function ChosenModel() {
  const hone = useHone();
  const { list, selected, opening } = useFacts((state) => state.model);
  const training = useFacts((state) => state.training.phase !== "idle");
  const model = list.find(({ hash }) => hash === selected);
  return (
    <Panel title={words.title}>
      {list.length > 0 && (
        <NativeSelect
          label={words.label}
          value={selected ?? ""}
          disabled={opening || training}
          data={[
            ...(model ? [] : [{ value: "", label: words.choose }]),
            ...list.map(({ hash, name }) => ({ value: hash, label: name })),
          ]}
          onChange={(event) => hone.model.select(event.currentTarget.value)}
        />
      )}
      {model ? (
        <Summary model={model} />
      ) : (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      <Explanations>
        <Explain term="baseModel" />
        <Explain term="parameters" />
        <Explain term="context" />
      </Explanations>
    </Panel>
  );
}
