/** Progress or failure of opening a model, shown at its origin. */

import { Anchor, Text } from "@mantine/core";
import type { Failure, ModelFacts } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { modelWords } from "../words/model.ts";
import { FetchProgress } from "./FetchProgress.tsx";

interface OpeningProps {
  readonly from: NonNullable<ModelFacts["from"]>;
  /** Label until the engine reports a task. */
  readonly label: string;
  /** Title of a failure. */
  readonly failed: string;
  /** Text beside the progress. */
  readonly note?: string;
}

export function Opening({ from, label, failed, note }: OpeningProps) {
  const hone = useHone();
  const { opening, from: origin, failure } = useFacts((state) => state.model);
  if (origin !== from) return null;
  if (!opening) return <ModelFailure title={failed} failure={failure} />;
  return (
    <div>
      <FetchProgress label={label} onStop={hone.model.cancel} />
      {note && (
        <Text size="sm" c="dimmed">
          {note}
        </Text>
      )}
    </div>
  );
}

/** A failure, with a link to the model's page if it names one. */
export function ModelFailure({ title, failure }: { readonly title: string; readonly failure: Failure | null }) {
  const page = /https:\/\/huggingface\.co\/[\w-][\w.-]*\/[\w.-]*\w/.exec(failure?.message ?? "")?.[0];
  return (
    <FailureAlert title={title} failure={failure}>
      {page && (
        <Anchor href={page} target="_blank" rel="noreferrer" size="sm">
          {modelWords.hub.page}
        </Anchor>
      )}
    </FailureAlert>
  );
}
