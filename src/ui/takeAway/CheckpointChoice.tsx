/** Which checkpoint the adapter and the model are of: the newest, the best, or any other of the run. */

import { NativeSelect } from "@mantine/core";
import type { KeptCheckpoint } from "../../protocol/engine.ts";
import { bestOf } from "../../run/heldOut.ts";
import type { RunRecord } from "../../run/record.ts";
import { figure, moment } from "../format.ts";
import { stagesWords } from "../words/stages.ts";
import { checkpointWords as words } from "../words/takeAway.ts";

interface CheckpointChoiceProps {
  readonly run: RunRecord;
  /** Newest first. */
  readonly checkpoints: readonly KeptCheckpoint[];
  /** Step of the chosen one; null is the newest. */
  readonly checkpoint: number | null;
  onChoose(checkpoint: number | null): void;
}

export function CheckpointChoice({ run, checkpoints, checkpoint, onChoose }: CheckpointChoiceProps) {
  const lossName = stagesWords.lossOn(bestOf(run)?.set ?? null, run.stages.length);
  const label = ({ step, savedAt, loss, best }: KeptCheckpoint, index: number) =>
    [
      words.step(step),
      ...(index === 0 ? [words.newest] : []),
      ...(best ? [words.best] : []),
      ...(loss === null ? [] : [words.loss(lossName, figure(loss))]),
      ...(savedAt === null ? [] : [moment(savedAt)]),
    ].join(" · ");
  return (
    <NativeSelect
      label={words.label}
      description={words.about(lossName)}
      inputWrapperOrder={["label", "input", "description", "error"]}
      value={checkpoint ?? ""}
      data={
        checkpoints.length === 0
          ? [{ value: "", label: words.newest }]
          : checkpoints.map((known, index) => ({
              value: index === 0 ? "" : String(known.step),
              label: label(known, index),
            }))
      }
      onChange={({ currentTarget: { value } }) => onChoose(value === "" ? null : Number(value))}
    />
  );
}
