/** The run's record alone, as JSON. */

import { Button, Text } from "@mantine/core";
import { useState } from "react";
import type { RunRecord } from "../../run/record.ts";
import { type Failure, toFailure } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { download } from "../runs/download.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { takeAwayWords as words } from "../words/takeAway.ts";
import { fileName } from "./fileName.ts";

export function RecordButton({ run }: { readonly run: RunRecord }) {
  const hone = useHone();
  const ready = useFacts((state) => state.engine.status === "ready");
  const [failure, setFailure] = useState<Failure | null>(null);
  const save = async () => {
    setFailure(null);
    try {
      const { content } = await hone.runs.record(run.id);
      download(`${fileName(run)}.run.json`, content);
    } catch (thrown) {
      setFailure(toFailure(thrown));
    }
  };
  return (
    <div>
      <Text size="sm" mb={4}>
        {words.record.contains}
      </Text>
      <Button size="compact-sm" variant="default" disabled={!ready} onClick={() => void save()}>
        {words.record.button}
      </Button>
      <FailureAlert title={words.failed} failure={failure} />
    </div>
  );
}
