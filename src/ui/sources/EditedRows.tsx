/** The edited rows of a source: links to them, and one button that undoes all. */

import { Button, Group, Text } from "@mantine/core";
import type { RowEdit } from "../../run/source.ts";
import { useFacts, useHone } from "../hone.ts";
import { RowLinks } from "../report/RowLinks.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { editWords, sourceEditWords as words } from "../words/edit.ts";

interface EditedRowsProps {
  readonly hash: string;
  readonly name: string;
  /** Place among the chosen sources. */
  readonly index: number;
  readonly edits: readonly RowEdit[];
  readonly disabled: boolean;
}

export function EditedRows({ hash, name, index, edits, disabled }: EditedRowsProps) {
  const hone = useHone();
  const failure = useFacts((state) => state.edits.failure);
  if (edits.length === 0) return null;
  const rows = edits.map(({ row }) => row);
  return (
    <div>
      <Group gap="xs">
        <Text size="sm">{words.edited(edits.length)}</Text>
        <Button
          size="compact-xs"
          variant="subtle"
          disabled={disabled}
          aria-label={words.undoAllOf(name)}
          onClick={() => void hone.edits.revert(hash, rows)}
        >
          {words.undoAll}
        </Button>
      </Group>
      <FailureAlert title={editWords.failed} failure={failure} />
      <RowLinks rows={{ sources: rows.map(() => index), rows }} />
    </div>
  );
}
