/** Chooses one of a run's checkpoints: the newest, the best, or any other, each with date and loss. */

import { NativeSelect } from "@mantine/core";
import type { StoredCheckpoint } from "../../protocol/engine.ts";
import { bestOf } from "../../run/heldOut.ts";
import type { RunRecord } from "../../run/record.ts";
import { dateAndTime, figure } from "../format.ts";
import { checkpointWords as words } from "../words/checkpoints.ts";
import { stagesWords } from "../words/stages.ts";
import type { CheckpointPick } from "./useCheckpoints.ts";

interface CheckpointChoiceProps {
  readonly run: RunRecord;
  readonly pick: CheckpointPick;
  readonly description?: string;
  readonly disabled?: boolean;
}

/** Name of the loss that selects the run's best checkpoint. */
export const bestLossName = (run: RunRecord) => stagesWords.lossOn(bestOf(run)?.set ?? null, run.stages.length);

export function CheckpointChoice({ run, pick, description, disabled = false }: CheckpointChoiceProps) {
  const { checkpoints, checkpoint, choose } = pick;
  const lossName = bestLossName(run);
  const label = ({ step, savedAt, loss, best }: StoredCheckpoint, index: number) =>
    [
      words.step(step, index === 0, best),
      ...(loss === null ? [] : [words.loss(lossName, figure(loss))]),
      ...(savedAt === null ? [] : [dateAndTime(savedAt)]),
    ].join(" · ");
  return (
    <NativeSelect
      label={words.label}
      description={description}
      inputWrapperOrder={["label", "input", "description", "error"]}
      value={checkpoint ?? ""}
      disabled={disabled}
      data={
        checkpoints.length === 0
          ? [{ value: "", label: words.newest }]
          : checkpoints.map((known, index) => ({
              value: index === 0 ? "" : String(known.step),
              label: label(known, index),
            }))
      }
      onChange={({ currentTarget: { value } }) => choose(value === "" ? null : Number(value))}
    />
  );
}
