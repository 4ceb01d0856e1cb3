/** "Push to Hugging Face" for one export: name, token, visibility, what is sent, progress, and the link at the end. */

import { Anchor, Button, Group, NativeSelect, PasswordInput, Text, Textarea, TextInput } from "@mantine/core";
import { useEffect, useId, useRef, useState } from "react";
import type { Exported, Pushed } from "../../protocol/engine.ts";
import { repositoryNameOf, repositoryProblem } from "../../run/repositoryName.ts";
import { type Failure, toFailure } from "../../store/state.ts";
import { bytes } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { pushWords as words } from "../words/push.ts";
import type { Named } from "./fileName.ts";
import classes from "./TakeAway.module.css";

interface PushFormProps {
  readonly run: Named;
  readonly exported: Exported;
  /** The card as Hone wrote it. */
  readonly card: string;
}

/** Bytes of the running task. */
function Amount() {
  const progress = useFacts((state) => state.progress.engine);
  if (progress?.total == null) return null;
  return (
    <Text size="xs" c="dimmed">
      {words.amount(bytes(progress.done), bytes(progress.total))}
    </Text>
  );
}

/** What the hub has after a push. */
function Result({ pushed }: { readonly pushed: Pushed }) {
  return (
    <div role="status">
      <p>{words.done(pushed.id, bytes(pushed.sent), pushed.present.length)}</p>
      <p className={classes.good}>{words.compared(pushed.compared)}</p>
      <Anchor href={pushed.url} target="_blank" rel="noreferrer" size="sm">
        {words.link}
      </Anchor>
    </div>
  );
}

export function PushForm(props: PushFormProps) {
  const [open, setOpen] = useState(false);
  if (open) return <Fields {...props} onClose={() => setOpen(false)} />;
  return (
    <Group gap="xs">
      <Button size="compact-sm" variant="default" onClick={() => setOpen(true)}>
        {words.open}
      </Button>
    </Group>
  );
}

/** Mounted while the form is open: the token is in its state and nowhere else in the page. */
function Fields({ run, exported, card, onClose }: PushFormProps & { onClose(): void }) {
  const { runs } = useHone();
  const busy = useFacts((state) => state.progress.engine !== null);
  const [repository, setRepository] = useState(() => repositoryNameOf(run.name));
  const [token, setToken] = useState("");
  const [visibility, setVisibility] = useState<"private" | "public">("private");
  const [text, setText] = useState(card);
  const [working, setWorking] = useState<AbortController | null>(null);
  const [pushed, setPushed] = useState<Pushed | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const running = useRef<AbortController | null>(null);
  const id = useId();
  // A push does not go on without the form that shows and cancels it.
  useEffect(() => () => running.current?.abort(), []);

  const problem = repositoryProblem(repository);
  const cardSize = new Blob([text]).size;
  const files = exported.files.map(({ name, byteLength }) => ({
    name,
    size: name === "README.md" ? cardSize : byteLength,
  }));
  const total = bytes(files.reduce((sum, { size }) => sum + size, 0));

  const start = async () => {
    const controller = new AbortController();
    running.current = controller;
    setWorking(controller);
    setPushed(null);
    setFailure(null);
    try {
      const request = { archive: exported.archive, token, repository, visibility, card: text };
      setPushed(await runs.push({ ...request, title: words.commitTitle(run.name) }, controller.signal));
      setToken("");
    } catch (thrown) {
      const thrownFailure = toFailure(thrown);
      if (thrownFailure.name !== "AbortError") setFailure(thrownFailure);
    } finally {
      running.current = null;
      setWorking(null);
    }
  };

  return (
    <section className={classes.push} aria-labelledby={id}>
      <h4 id={id}>{words.title}</h4>
      <p>{words.leaves(files.length, total)}</p>
      <TextInput
        label={words.repository}
        description={words.repositoryHint}
        value={repository}
        error={problem}
        autoComplete="off"
        spellCheck={false}
        onChange={({ currentTarget }) => setRepository(currentTarget.value.trim())}
      />
      <PasswordInput
        label={words.token}
        description={words.tokenHint}
        value={token}
        autoComplete="off"
        data-1p-ignore
        data-lpignore="true"
        onChange={({ currentTarget }) => setToken(currentTarget.value)}
      />
      <Anchor href="https://huggingface.co/settings/tokens" target="_blank" rel="noreferrer" size="sm">
        {words.tokenPage}
      </Anchor>
      <NativeSelect
        label={words.visibility}
        value={visibility}
        data={(["private", "public"] as const).map((value) => ({ value, label: words.visibilities[value] }))}
        onChange={({ currentTarget: { value } }) => setVisibility(value === "public" ? "public" : "private")}
      />
      <details>
        <summary>{words.sent}</summary>
        <ul className={classes.sent}>
          {files.map(({ name, size }) => (
            <li key={name}>{words.file(name, bytes(size))}</li>
          ))}
        </ul>
      </details>
      <details>
        <summary>{words.card}</summary>
        <Textarea
          aria-label={words.cardLabel}
          classNames={{ input: classes.cardText ?? "" }}
          value={text}
          autosize
          minRows={6}
          maxRows={20}
          spellCheck={false}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
        />
      </details>
      <p className={classes.doubt}>{words.cardHint}</p>
      <Group gap="xs">
        <Button
          size="sm"
          disabled={problem !== null || token.trim() === "" || working !== null || busy}
          onClick={() => void start()}
        >
          {words.button(files.length, total)}
        </Button>
        <Button size="sm" variant="default" disabled={working !== null} onClick={onClose}>
          {words.close}
        </Button>
      </Group>
      {working && (
        <div>
          <CallProgress of="engine" label={words.working} onCancel={() => working.abort()} />
          <Amount />
        </div>
      )}
      {pushed && <Result pushed={pushed} />}
      <FailureAlert title={words.failed} failure={failure} />
    </section>
  );
}
