/** Every run that this browser keeps: figures, the way to go on, and what can be taken away. */

import { Button, Group, Table, Text } from "@mantine/core";
import { useState } from "react";
import { type Failure, type RunEntry, toFailure } from "../../store/state.ts";
import type { Exported, ExportedFile } from "../../worker/protocol.ts";
import { bytes, fromTo, moment } from "../format.ts";
import { useFacts, useHone, useSeries } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { canResume, runState, stateTones, stateWords } from "../train/runState.ts";
import { download } from "./download.ts";
import classes from "./RunsPanel.module.css";

/** A file name that every system takes. */
function fileName(run: RunEntry): string {
  return run.name.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || run.id;
}

interface TakenAway extends Exported {
  readonly name: string;
}

/** What was downloaded, and what a user should know of it. */
function TakenAwayNote({ taken: { name, archive, files, notes } }: { readonly taken: TakenAway }) {
  return (
    <div role="status" className={classes.taken}>
      <Text size="sm">
        {name} ({bytes(archive.size)}) has {files.map((file) => file.name).join(", ")}. It was read back and compared.
      </Text>
      {notes.map((note) => (
        <Text key={note} size="sm" className={classes.note ?? ""}>
          {note}
        </Text>
      ))}
    </div>
  );
}

function RunRow({ run }: { readonly run: RunEntry }) {
  const hone = useHone();
  const training = useFacts((state) => state.training);
  const ready = useFacts((state) => state.engine.status === "ready");
  const [files, setFiles] = useState<readonly ExportedFile[]>([]);
  const [taken, setTaken] = useState<TakenAway | null>(null);
  const [exporting, setExporting] = useState<AbortController | null>(null);
  const [working, setWorking] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const state = runState(run, training);
  const series = useSeries(run.id);
  const step = state === "training" ? (series.steps.at(-1)?.step ?? run.step) : run.step;
  const busy = training.phase !== "idle";
  const lora = run.recipe.method === "lora";

  const attempt = async (work: () => Promise<void>) => {
    setWorking(true);
    setFailure(null);
    try {
      await work();
    } catch (thrown) {
      const thrownFailure = toFailure(thrown);
      if (thrownFailure.name !== "AbortError") setFailure(thrownFailure);
    } finally {
      setWorking(false);
    }
  };
  const saveRecord = async () => {
    const record = await hone.runs.record(run.id);
    download(`${fileName(run)}.run.json`, JSON.stringify(record, null, 2), "application/json");
  };
  const takeAway = (kind: "adapter" | "model") =>
    attempt(async () => {
      const controller = new AbortController();
      setTaken(null);
      setExporting(controller);
      try {
        const exported = await hone.runs[kind](run.id, controller.signal);
        const name = `${fileName(run)}.${kind}.zip`;
        download(name, exported.archive, "application/zip");
        setTaken({ ...exported, name });
      } finally {
        setExporting(null);
      }
    });

  return (
    <>
      <Table.Tr data-run={run.id} data-status={state}>
        <Table.Td data-label="Run">
          <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
            {run.name}
          </Text>
          <Text size="xs" c="dimmed">
            {moment(run.createdAt)} · {run.model.name} · {lora ? "LoRA" : "full"}
          </Text>
        </Table.Td>
        <Table.Td data-label="Status">
          <Mark tone={stateTones[state]}>{stateWords[state]}</Mark>
        </Table.Td>
        <Table.Td data-label="Step" className={classes.figure ?? ""}>
          {step} / {run.totalSteps}
        </Table.Td>
        <Table.Td data-label="Train loss" className={classes.figure ?? ""}>
          {fromTo(series.steps)}
        </Table.Td>
        <Table.Td data-label="Validation loss" className={classes.figure ?? ""}>
          {fromTo(series.evaluations)}
        </Table.Td>
      </Table.Tr>
      <Table.Tr className={classes.actions ?? ""}>
        <Table.Td colSpan={5}>
          <Group gap="xs">
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Show ${run.name}`}
              disabled={busy}
              onClick={() => hone.training.show(run.id)}
            >
              Show
            </Button>
            {canResume(state) && (
              <Button
                size="compact-sm"
                variant="default"
                aria-label={`Resume ${run.name}`}
                disabled={busy || !ready}
                onClick={() => void hone.training.resume(run.id)}
              >
                Resume
              </Button>
            )}
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Download run record of ${run.name}`}
              disabled={working || !ready}
              onClick={() => void attempt(saveRecord)}
            >
              Run record
            </Button>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Make artifacts of ${run.name}`}
              disabled={working || !ready || busy}
              onClick={() => void attempt(async () => setFiles(await hone.runs.artifacts(run.id)))}
            >
              Artifacts (.onnx)
            </Button>
            {lora && (
              <Button
                size="compact-sm"
                variant="default"
                aria-label={`Export the adapter of ${run.name}`}
                disabled={working || !ready || busy}
                onClick={() => void takeAway("adapter")}
              >
                Adapter
              </Button>
            )}
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Export the ${lora ? "merged " : ""}model of ${run.name}`}
              disabled={working || !ready || busy}
              onClick={() => void takeAway("model")}
            >
              {lora ? "Merged model" : "Model"}
            </Button>
            <ConfirmButton
              label="Delete"
              name={run.name}
              question="Delete the run and its checkpoints for good?"
              confirm="Delete"
              disabled={!ready || (busy && training.runId === run.id)}
              onConfirm={() => void hone.runs.remove(run.id)}
            />
          </Group>
          {files.length > 0 && (
            <Group gap="xs" mt="xs" role="group" aria-label={`Artifacts of ${run.name}`}>
              {files.map((file) => (
                <Button
                  key={file.name}
                  size="compact-sm"
                  variant="light"
                  onClick={() => download(file.name, file.bytes, "application/octet-stream")}
                >
                  {file.name} · {bytes(file.bytes.length)}
                </Button>
              ))}
            </Group>
          )}
          {exporting && <CallProgress of="engine" label="Exporting" onCancel={() => exporting.abort()} />}
          {taken && <TakenAwayNote taken={taken} />}
          <FailureAlert title="That did not work" failure={failure} />
        </Table.Td>
      </Table.Tr>
    </>
  );
}

export function RunsPanel() {
  const { list, failure } = useFacts((state) => state.runs);
  return (
    <Panel title="Runs">
      <FailureAlert title="The runs could not be read or changed" failure={failure} />
      {list.length === 0 ? (
        <Text size="sm" c="dimmed">
          Runs are kept in this browser, with their checkpoints, until they are deleted.
        </Text>
      ) : (
        <Table className={classes.table ?? ""} verticalSpacing="xs" withRowBorders={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Run</Table.Th>
              <Table.Th>Status</Table.Th>
              <Table.Th>Step</Table.Th>
              <Table.Th>Train loss</Table.Th>
              <Table.Th>Validation loss</Table.Th>
            </Table.Tr>
          </Table.Thead>
          {list.map((run) => (
            <Table.Tbody key={run.id} className={classes.run ?? ""}>
              <RunRow run={run} />
            </Table.Tbody>
          ))}
        </Table>
      )}
    </Panel>
  );
}
