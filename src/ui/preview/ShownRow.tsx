/** The chosen row: its title and actions, then its editor or its examples. */

import { Button, Group, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { SourceSummary } from "../../records/source.ts";
import { draftKey, isChanged } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { editWords } from "../words/edit.ts";
import { previewWords as words } from "../words/preview.ts";
import { RowEditor } from "./edit/RowEditor.tsx";
import classes from "./Preview.module.css";
import { RowView } from "./RowView.tsx";
import type { PreviewRow } from "./roles.ts";

interface ShownRowProps {
  readonly source: SourceSummary;
  /** Place among the chosen sources. */
  readonly index: number;
  readonly row: number;
  /** The loaded row; null until it is loaded. */
  readonly shown: PreviewRow | null;
}

/** The text that a row begins with which could not be read. */
const starterOf = ({ kind }: SourceSummary) => (kind === "text" || kind === "markdown" ? '""' : "{}");

export function ShownRow({ source, index, row, shown }: ShownRowProps) {
  const hone = useHone();
  const { hash, rows, detection } = source;
  const { loading, failure } = useFacts((state) => state.preview);
  const mapping = useFacts(({ data }) => data.chosen[index]?.mapping) ?? detection.mapping;
  const excluded = useFacts(({ data }) => data.chosen[index]?.excluded.includes(row) ?? false);
  const edited = useFacts(({ edits }) => edits.saved[hash]?.some((edit) => edit.row === row) ?? false);
  const draft = useFacts(({ edits }) => edits.drafts[draftKey(hash, row)]);
  const failed = useFacts((state) => state.edits.failure);
  const [opened, setOpened] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const loaded = shown?.row === row ? shown : null;

  // A draft without changes ends with its view.
  useEffect(
    () => () => {
      const left = hone.store.getState().edits.drafts[draftKey(hash, row)];
      if (left && !isChanged(left)) hone.edits.draft(hash, row, null);
      setOpened(false);
    },
    [hone, hash, row],
  );

  const edit = (value: string | null) => {
    setOpened(true);
    const text = value ?? starterOf(source);
    hone.edits.draft(hash, row, { base: text, text, pending: {} });
  };
  const close = () => {
    setOpened(false);
    // The button exists again after the editor has closed.
    requestAnimationFrame(() => editButton.current?.focus());
  };

  return (
    <div className={classes.view} aria-busy={loading}>
      <div className={classes.bar}>
        <h3 className={classes.rowTitle} data-testid="row-title" aria-live="polite">
          {words.row(row + 1, rows)}
          {loaded && <span className={classes.quiet}>{words.line(loaded.line)}</span>}
          {edited && <span className={classes.edited}>{editWords.edited}</span>}
        </h3>
        <Group gap="xs">
          {draft === undefined && (
            <Button
              ref={editButton}
              size="xs"
              variant="default"
              disabled={loaded === null}
              onClick={() => loaded && edit(loaded.value)}
            >
              {loaded?.value === null ? editWords.mend : editWords.edit}
            </Button>
          )}
          {edited && draft === undefined && (
            <Button
              size="xs"
              variant="default"
              aria-label={editWords.undoEditOf(row + 1)}
              onClick={() => void hone.edits.revert(hash, [row])}
            >
              {editWords.undoEdit}
            </Button>
          )}
          <Button
            size="xs"
            variant="default"
            onClick={() =>
              excluded
                ? hone.data.include(hash, row)
                : hone.data.exclude(words.rowOf(row + 1, source.name), { sources: [index], rows: [row] })
            }
          >
            {excluded ? words.include : words.exclude}
          </Button>
        </Group>
      </div>
      {excluded && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {words.excluded}
        </Text>
      )}
      <FailureAlert title={words.rowFailed} failure={failure} />
      {draft ? (
        <RowEditor
          key={`${hash} ${row}`}
          hash={hash}
          row={row}
          draft={draft}
          mapping={mapping}
          problem={loaded?.problem ?? loaded?.examples.find(({ problem }) => problem !== null)?.problem ?? null}
          focus={opened}
          onClose={close}
        />
      ) : (
        <>
          <FailureAlert title={editWords.failed} failure={failed} />
          {shown && <RowView key={`${hash} ${shown.row}`} shown={shown} />}
        </>
      )}
    </div>
  );
}
