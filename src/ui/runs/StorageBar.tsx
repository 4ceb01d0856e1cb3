/** The storage of this page: used and free bytes, and whether the browser may delete it. */

import { Button, Group, Progress, Text } from "@mantine/core";
import { bytes } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { storageWords as words } from "../words/runs.ts";
import classes from "./Runs.module.css";

export function StorageBar() {
  const hone = useHone();
  const storage = useFacts((state) => state.engine.report?.storage ?? null);
  const persistent = useFacts((state) => state.runs.persistent);
  const requested = useFacts((state) => state.runs.persistenceRequested);
  if (storage === null) return null;
  const { available, reason, usage, quota } = storage;
  const left = usage === null || quota === null ? null : Math.max(0, quota - usage);
  return (
    <section aria-label={words.title}>
      <Text size="sm" mb={4}>
        {usage === null
          ? words.unknown
          : left === null
            ? words.usedOnly(bytes(usage))
            : words.used(bytes(usage), bytes(left))}
      </Text>
      {usage !== null && quota !== null && quota > 0 && (
        <Progress
          className={classes.bar ?? ""}
          aria-label={words.bar}
          // Half a percent at least, so that a small use is visible.
          value={usage === 0 ? 0 : Math.max(0.5, (100 * usage) / quota)}
        />
      )}
      <Group gap="xs" mt={4}>
        {!available && (
          <Text size="sm" className={classes.doubt ?? ""}>
            {reason}
          </Text>
        )}
        {available && persistent !== null && (
          <Text size="sm" c="dimmed">
            {persistent ? words.persistent : requested ? words.refused : words.notPersistent}
          </Text>
        )}
        {available && persistent === false && (
          <Button size="compact-xs" variant="default" onClick={() => void hone.runs.requestPersistence()}>
            {words.request}
          </Button>
        )}
      </Group>
    </section>
  );
}
