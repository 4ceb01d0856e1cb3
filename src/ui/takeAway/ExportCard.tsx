/** One export: contents and use, a button that makes it, and the download after it was read back and compared. */

import { Button, Group, Text } from "@mantine/core";
import { type ReactNode, useId, useState } from "react";
import type { ArtifactFile, Exported } from "../../protocol/engine.ts";
import type { Failure } from "../../store/state.ts";
import { toFailure } from "../../store/state.ts";
import { bytes } from "../format.ts";
import { useFacts } from "../hone.ts";
import { download } from "../runs/download.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { takeAwayWords as words } from "../words/takeAway.ts";
import { archiveName, type Named } from "./fileName.ts";
import { PushForm } from "./PushForm.tsx";
import classes from "./TakeAway.module.css";

type Taken = Exported & { readonly artifacts?: readonly ArtifactFile[] };

interface ExportCardProps {
  readonly run: Named;
  /** End of the file's name. */
  readonly kind: "adapter" | "model" | "gguf" | "gguf-adapter" | "hand-over" | "artifacts" | "run";
  readonly title: string;
  readonly contains: string;
  readonly worksWith: string;
  /** Null where the size is unknown. */
  readonly size: string | null;
  /** Commands that use the files, each on a line of its own. */
  readonly commands?: readonly string[];
  /** What the user chooses before. */
  readonly choice?: ReactNode;
  readonly button: string;
  /** Why the export is not available; null when it is. */
  readonly refusal: string | null;
  readonly children?: ReactNode;
  make(signal: AbortSignal): Promise<Taken>;
}

/** The downloaded file, the comparison, and notes for the user. */
function Result({ name, taken }: { readonly name: string; readonly taken: Taken }) {
  const { archive, files, notes, tensors, artifacts } = taken;
  return (
    <div className={classes.result}>
      <div role="status">
        <p>
          {words.has(
            name,
            bytes(archive.size),
            files.length > 8 ? [words.files(files.length)] : files.map((file) => file.name),
          )}
        </p>
        <p className={classes.good}>
          {artifacts ? words.artifacts.read : tensors > 0 ? words.compared(tensors) : words.comparedFiles}
        </p>
        {notes.map((note) => (
          <p key={note} className={classes.doubt}>
            {note}
          </p>
        ))}
      </div>
      <Group gap="xs">
        <Button size="compact-sm" variant="light" onClick={() => download(name, archive)}>
          {words.again}
        </Button>
      </Group>
      {artifacts && (
        <ul className={classes.files} aria-label={words.artifacts.single}>
          {artifacts.map((file) => (
            <li key={file.name}>
              <Button size="compact-sm" variant="default" onClick={() => download(file.name, file.content)}>
                {words.fileOf(file.name, bytes(file.content.size))}
              </Button>
              <span>{words.artifacts.of(file.inputs.length, file.outputs.length, file.operators)}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function ExportCard(props: ExportCardProps) {
  const { run, kind, title, contains, worksWith, size, commands = [], choice, button, refusal, children, make } = props;
  const ready = useFacts((state) => state.engine.status === "ready");
  const training = useFacts((state) => state.training.phase !== "idle");
  // The engine reports the progress of one long call at a time.
  const busy = useFacts((state) => state.progress.engine !== null);
  const [working, setWorking] = useState<AbortController | null>(null);
  const [taken, setTaken] = useState<Taken | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const id = useId();
  const reason = refusal ?? (training ? words.busy : null);

  const start = async () => {
    const controller = new AbortController();
    setWorking(controller);
    setTaken(null);
    setFailure(null);
    try {
      const made = await make(controller.signal);
      download(archiveName(run, kind, made.step), made.archive);
      setTaken(made);
    } catch (thrown) {
      const thrownFailure = toFailure(thrown);
      if (thrownFailure.name !== "AbortError") setFailure(thrownFailure);
    } finally {
      setWorking(null);
    }
  };

  return (
    <section className={classes.card} aria-labelledby={id}>
      <h3 id={id} className={classes.title}>
        {title}
      </h3>
      <dl className={classes.about}>
        <div>
          <dt>{words.contains}</dt>
          <dd>{contains}</dd>
        </div>
        <div>
          <dt>{words.worksWith}</dt>
          <dd>{worksWith}</dd>
        </div>
        {size !== null && (
          <div>
            <dt>{words.size}</dt>
            <dd>{size}</dd>
          </div>
        )}
        {commands.length > 0 && (
          <div>
            <dt>{words.use}</dt>
            <dd>
              {commands.map((command) => (
                <code key={command} className={classes.command}>
                  {command}
                </code>
              ))}
            </dd>
          </div>
        )}
      </dl>
      {reason && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {reason}
        </Text>
      )}
      {choice}
      <Group gap="xs">
        <Button size="sm" disabled={!ready || reason !== null || working !== null || busy} onClick={() => void start()}>
          {button}
        </Button>
      </Group>
      {working && <CallProgress of="engine" label={words.working} onCancel={() => working.abort()} />}
      {taken && <Result name={archiveName(run, kind, taken.step)} taken={taken} />}
      {taken?.card !== undefined && <PushForm run={run} exported={taken} card={taken.card} />}
      <FailureAlert title={words.failed} failure={failure} />
      {children}
    </section>
  );
}
