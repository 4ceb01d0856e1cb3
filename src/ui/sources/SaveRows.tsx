/** Saves the rows of a source as JSON Lines: as they are, or as messages. */

import { Button, Group, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { RowForm } from "../../protocol/datasets.ts";
import { type Failure, toFailure } from "../../store/state.ts";
import { useHone } from "../hone.ts";
import { download } from "../runs/download.ts";
import { CallProgress } from "../shell/CallProgress.tsx";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { sourceEditWords as words } from "../words/edit.ts";
import classes from "./DataPanel.module.css";
import { rowsFileName } from "./rowsFileName.ts";

interface SaveRowsProps {
  readonly hash: string;
  readonly name: string;
  readonly edited: number;
  readonly excluded: number;
}

export function SaveRows({ hash, name, edited, excluded }: SaveRowsProps) {
  const hone = useHone();
  const [writing, setWriting] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [result, setResult] = useState<string | null>(null);
  const controller = useRef<AbortController | null>(null);
  useEffect(() => () => controller.current?.abort(), []);

  const save = async (form: RowForm) => {
    const mine = new AbortController();
    controller.current = mine;
    setWriting(true);
    setFailure(null);
    setResult(null);
    try {
      const { content, rows, leftOut } = await hone.edits.write(hash, form, mine.signal);
      const file = rowsFileName(name, form);
      download(file, content);
      setResult(words.written(rows, file) + (leftOut > 0 ? words.leftOut(leftOut) : ""));
    } catch (thrown) {
      const found = toFailure(thrown);
      if (found.name !== "AbortError") setFailure(found);
    } finally {
      setWriting(false);
    }
  };

  return (
    <div className={classes.options}>
      <Text size="sm">
        {words.forms} {words.contains(edited, excluded)}
      </Text>
      {writing ? (
        <CallProgress of="data" label={words.writing} onCancel={() => controller.current?.abort()} />
      ) : (
        <Group gap="xs">
          <Button
            size="compact-sm"
            variant="default"
            aria-label={words.asTheyAreOf(name)}
            onClick={() => void save("rows")}
          >
            {words.asTheyAre}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={words.asMessagesOf(name)}
            onClick={() => void save("messages")}
          >
            {words.asMessages}
          </Button>
        </Group>
      )}
      {result !== null && (
        <Text size="sm" role="status">
          {result}
        </Text>
      )}
      <FailureAlert title={words.failed} failure={failure} />
    </div>
  );
}
