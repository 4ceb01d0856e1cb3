/** All stored runs, newest first: compare, rename, start again, delete, import. */

import { Anchor, Button, Text } from "@mantine/core";
import { useState } from "react";
import type { RunRecord } from "../../run/record.ts";
import { useFacts, useHone } from "../hone.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { FilePicker } from "../shell/FilePicker.tsx";
import { Panel } from "../shell/Panel.tsx";
import { runsWords as words } from "../words/runs.ts";
import { OpenTuned } from "./OpenTuned.tsx";
import { RunCard } from "./RunCard.tsx";
import classes from "./Runs.module.css";
import { SideBySide, sideBySideId } from "./SideBySide.tsx";
import { StorageBar } from "./StorageBar.tsx";
import { TunedCard } from "./TunedCard.tsx";

/** Replaces a deleted run while the deletion can be undone. */
function Removed({ run, onUndo }: { readonly run: RunRecord; onUndo(): void }) {
  return (
    <div className={classes.removed} role="status">
      {words.removed(run.name)}
      <Button size="compact-sm" variant="default" autoFocus aria-label={words.undoOf(run.name)} onClick={onUndo}>
        {words.undo}
      </Button>
    </div>
  );
}

function Import() {
  const hone = useHone();
  const ready = useFacts((state) => state.engine.status === "ready");
  const importing = useFacts((state) => state.runs.importing);
  const imported = useFacts((state) => state.runs.imported);
  return (
    <>
      <div className={classes.toolbar}>
        <FilePicker
          label={words.import}
          inputLabel={words.importLabel}
          accept=".zip"
          disabled={importing || !ready}
          onFiles={([file]) => file && void hone.runs.importFile(file)}
        />
        {imported && (
          <Text size="sm" role="status" className={classes.long ?? ""}>
            {imported.added ? words.taken(imported.name) : words.known(imported.name)} {imported.notes.join(" ")}
          </Text>
        )}
      </div>
      {importing && <CallProgress of="engine" label={words.importing} onCancel={hone.runs.cancelImport} />}
    </>
  );
}

export function RunsPanel() {
  const hone = useHone();
  const { list, failure, leaving } = useFacts((state) => state.runs);
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [returned, setReturned] = useState<string | null>(null);
  const chosen = list.filter(({ id }) => ticked.has(id));
  const shown = leaving ? [...list, leaving].sort((a, b) => b.createdAt.localeCompare(a.createdAt)) : list;

  const tick = (id: string, on: boolean) => {
    const next = new Set(ticked);
    if (on) next.add(id);
    else next.delete(id);
    setTicked(next);
  };

  return (
    <>
      <Panel title={words.title}>
        <StorageBar />
        <Import />
        <OpenTuned />
        <FailureAlert title={words.failed} failure={failure} />
        {shown.length === 0 && (
          <Text size="sm" c="dimmed">
            {words.none}
          </Text>
        )}
        {shown.length > 0 && (
          <ul className={classes.list} aria-label={words.list}>
            {shown.map((run) => (
              <li key={run.id}>
                {run.id === leaving?.id ? (
                  <Removed
                    run={run}
                    onUndo={() => {
                      hone.runs.undo();
                      setReturned(run.id);
                    }}
                  />
                ) : run.origin ? (
                  <TunedCard
                    run={run}
                    origin={run.origin}
                    ticked={ticked.has(run.id)}
                    returned={returned === run.id}
                    onTick={(on) => tick(run.id, on)}
                  />
                ) : (
                  <RunCard
                    run={run}
                    ticked={ticked.has(run.id)}
                    returned={returned === run.id}
                    onTick={(on) => tick(run.id, on)}
                  />
                )}
              </li>
            ))}
          </ul>
        )}
        {list.length > 1 && (
          <div className={classes.chosen}>
            <span role="status">{words.chosen(chosen.length)}</span>
            {chosen.length > 1 && (
              <Anchor
                size="sm"
                href={`#${sideBySideId}`}
                underline="always"
                onClick={(event) => {
                  // The address names screens only, so the page scrolls here itself.
                  event.preventDefault();
                  document.getElementById(sideBySideId)?.focus();
                }}
              >
                {words.seeChosen}
              </Anchor>
            )}
            {chosen.length > 0 && (
              <Button size="compact-xs" variant="subtle" onClick={() => setTicked(new Set())}>
                {words.clear}
              </Button>
            )}
          </div>
        )}
      </Panel>
      {chosen.length > 1 && <SideBySide runs={chosen} />}
    </>
  );
}
