/** Edits a row in place: its columns and messages as fields, or the whole row as JSON text. */

import { Button, Group, Text } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Mapping } from "../../../records/formats/mapping.ts";
import { isChanged, type RowDraft } from "../../../store/state.ts";
import { useFacts, useHone } from "../../hone.ts";
import { FailureAlert } from "../../shell/FailureAlert.tsx";
import { editWords as words } from "../../words/edit.ts";
import classes from "./Edit.module.css";
import { type Editing, JsonField } from "./fields.tsx";
import { RowFields } from "./RowFields.tsx";
import { compactText } from "./rowText.ts";

interface RowEditorProps {
  readonly hash: string;
  readonly row: number;
  readonly draft: RowDraft;
  readonly mapping: Mapping;
  /** Why the row is not used as it is; null when it is. */
  readonly problem: string | null;
  /** Whether the first field takes the focus. */
  readonly focus: boolean;
  onClose(): void;
}

/** Closes an editor: at once without changes, else after a question. */
function CancelButton({ changed, onDiscard }: { readonly changed: boolean; onDiscard(): void }) {
  const [open, setOpen] = useState(false);
  if (!open || !changed)
    return (
      <Button size="xs" variant="default" onClick={() => (changed ? setOpen(true) : onDiscard())}>
        {words.cancel}
      </Button>
    );
  return (
    <Group gap="xs" role="group" aria-label={words.discardQuestion}>
      <Text size="sm">{words.discardQuestion}</Text>
      <Button size="xs" color="red" variant="light" onClick={onDiscard}>
        {words.discard}
      </Button>
      <Button size="xs" variant="default" autoFocus onClick={() => setOpen(false)}>
        {words.back}
      </Button>
    </Group>
  );
}

export function RowEditor({ hash, row, draft, mapping, problem, focus, onClose }: RowEditorProps) {
  const hone = useHone();
  const failure = useFacts((state) => state.edits.failure);
  const section = useRef<HTMLElement>(null);
  const [whole, setWhole] = useState("" in draft.pending);
  const [saving, setSaving] = useState(false);
  const changed = isChanged(draft);
  const [broken] = Object.keys(draft.pending);

  // Only when the editor opens.
  useEffect(() => {
    if (focus) section.current?.querySelector("textarea")?.focus();
  }, [focus]);

  const change = (part: Partial<RowDraft>) => {
    const { drafts } = hone.store.getState().edits;
    hone.edits.draft(hash, row, { ...(drafts[`${hash} ${row}`] ?? draft), ...part });
  };
  const editing: Editing = {
    pending: draft.pending,
    onPending(path, typed) {
      const { [path]: before, ...others } = draft.pending;
      if (typed !== null) change({ pending: { ...others, [path]: typed } });
      else if (before !== undefined) change({ pending: others });
    },
  };
  const save = async () => {
    if (!changed || broken !== undefined || saving) return;
    setSaving(true);
    const saved = await hone.edits.save(hash, row, compactText(draft.text));
    if (saved) onClose();
    else setSaving(false);
  };
  const saveByKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void save();
  };
  const viewButton = (label: string, isWhole: boolean) => (
    <Button
      size="compact-sm"
      variant={whole === isWhole ? "light" : "subtle"}
      aria-pressed={whole === isWhole}
      // A text that is not JSON yet has a place in its own view only.
      disabled={whole !== isWhole && broken !== undefined}
      onClick={() => setWhole(isWhole)}
    >
      {label}
    </Button>
  );

  return (
    <section ref={section} aria-label={words.title(row + 1)} className={classes.editor} onKeyDown={saveByKey}>
      <Group gap={4} role="group" aria-label={words.view}>
        {viewButton(words.fields, false)}
        {viewButton(words.whole, true)}
      </Group>
      {problem !== null && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {problem}
        </Text>
      )}
      <div className={classes.fields}>
        {whole ? (
          <JsonField
            label={words.row}
            path=""
            text={draft.text}
            rows={12}
            tall
            editing={editing}
            onChange={(text) => change({ text })}
          />
        ) : (
          <RowFields text={draft.text} mapping={mapping} editing={editing} onChange={(text) => change({ text })} />
        )}
      </div>
      <FailureAlert title={words.failed} failure={failure} />
      <div className={classes.foot}>
        <Group gap="xs">
          <Button size="xs" loading={saving} disabled={!changed || broken !== undefined} onClick={() => void save()}>
            {words.save}
          </Button>
          <CancelButton
            changed={changed}
            onDiscard={() => {
              hone.edits.draft(hash, row, null);
              onClose();
            }}
          />
        </Group>
        <Text size="xs" c="dimmed">
          {broken === undefined ? `${words.saveKeys} ${words.draftStays}` : words.mendFirst(broken || words.wholeName)}
        </Text>
      </div>
    </section>
  );
}
