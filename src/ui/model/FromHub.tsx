/** A model by Hugging Face id or address: inspection, then download. */

import { Button, Loader, Text, TextInput } from "@mantine/core";
import type { FormEvent } from "react";
import { useFacts, useHone } from "../hone.ts";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import { Inspection } from "./Inspection.tsx";
import classes from "./Model.module.css";
import { ModelFailure, Opening } from "./Opening.tsx";

const words = modelWords.hub;

/** Target id of links. */
export const hubPanel = "hub";

interface FromHubProps {
  /** The field's text. */
  readonly text: string;
  onText(text: string): void;
}

export function FromHub({ text, onText }: FromHubProps) {
  const hone = useHone();
  const { looking, found, failure } = useFacts((state) => state.model.lookup);
  const ready = useFacts((state) => state.engine.status === "ready");
  const fetching = useFacts(({ model }) => model.opening && model.from === "network");

  const inspect = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") void hone.model.inspect(text.trim());
  };

  return (
    <Panel title={words.title} id={hubPanel}>
      <Text size="sm" c="dimmed">
        {words.lead}
      </Text>
      <form onSubmit={inspect} className={classes.form}>
        <TextInput
          label={words.label}
          placeholder={words.placeholder}
          value={text}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          onChange={(event) => onText(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" disabled={!ready || fetching || text.trim() === ""}>
          {words.inspect}
        </Button>
      </form>
      {looking && (
        <div className={classes.line} role="status">
          <Loader size="xs" aria-hidden />
          <Text size="sm" className={classes.grow ?? ""}>
            {words.inspecting}
          </Text>
          <Button size="compact-sm" variant="default" onClick={hone.model.dismiss}>
            {words.cancel}
          </Button>
        </div>
      )}
      <ModelFailure title={words.failed} failure={failure} />
      {found && !fetching && <Inspection found={found} />}
      <Opening from="network" label={words.opening} failed={words.failedFetch} note={words.stopNote} />
    </Panel>
  );
}
