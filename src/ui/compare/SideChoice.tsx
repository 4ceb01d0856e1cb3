/** Choice of the run and of another checkpoint that answer beside the base model. */

import { NativeSelect } from "@mantine/core";
import type { RunRecord } from "../../run/record.ts";
import { bestLossName } from "../checkpoints/CheckpointChoice.tsx";
import { useCheckpoints } from "../checkpoints/useCheckpoints.ts";
import { useFacts, useHone } from "../hone.ts";
import { compareWords } from "../words/compare.ts";
import classes from "./ComparePanel.module.css";

interface SideChoiceProps {
  readonly answering: readonly RunRecord[];
  readonly run: RunRecord | null;
  readonly otherRun: RunRecord | null;
}

const { run: runWords, other: otherWords } = compareWords;

/** Stored steps of the other run. The chosen step stays in the list after its deletion. */
function StepChoice({ run, checkpoint }: { readonly run: RunRecord; readonly checkpoint: number | null }) {
  const hone = useHone();
  const busy = useFacts((state) => state.compare.answering);
  const stored = useCheckpoints(run);
  const best = bestLossName(run);
  const gone = checkpoint !== null && stored && !stored.some(({ step }) => step === checkpoint);
  return (
    <NativeSelect
      label={otherWords.step}
      value={checkpoint ?? ""}
      disabled={busy}
      data={[
        { value: "", label: otherWords.newest },
        ...(stored ?? (checkpoint === null ? [] : [{ step: checkpoint, best: false }])).map((known) => ({
          value: String(known.step),
          label: otherWords.at(known.step, known.best ? best : null),
        })),
        ...(gone ? [{ value: String(checkpoint), label: otherWords.gone(checkpoint) }] : []),
      ]}
      onChange={({ currentTarget: { value } }) =>
        hone.compare.chooseOther({ runId: run.id, checkpoint: value === "" ? null : Number(value) })
      }
    />
  );
}

export function SideChoice({ answering, run, otherRun }: SideChoiceProps) {
  const hone = useHone();
  const busy = useFacts((state) => state.compare.answering);
  const checkpoint = useFacts((state) => state.compare.other?.checkpoint ?? null);
  const runs = answering.map(({ id, name, step }) => ({ value: id, label: runWords.name(name, step) }));
  return (
    <div className={classes.sideChoice}>
      <NativeSelect
        label={runWords.label}
        value={run?.id ?? ""}
        disabled={busy}
        data={[{ value: "", label: answering.length > 0 ? runWords.none : runWords.nothing }, ...runs]}
        onChange={(event) => hone.compare.chooseRun(event.currentTarget.value)}
      />
      {answering.length > 0 && (
        <NativeSelect
          label={otherWords.label}
          value={otherRun?.id ?? ""}
          disabled={busy}
          data={[{ value: "", label: otherWords.none }, ...runs]}
          onChange={({ currentTarget: { value } }) =>
            hone.compare.chooseOther(value === "" ? null : { runId: value, checkpoint: null })
          }
        />
      )}
      {otherRun && <StepChoice run={otherRun} checkpoint={checkpoint} />}
    </div>
  );
}
