/** Makes a dataset of votes, and says what became of them. */

import { Button, Stack, Text } from "@mantine/core";
import { useId } from "react";
import { type VotedPair, votedRows } from "../../store/votedPairs.ts";
import { useFacts, useHone } from "../hone.ts";
import { useVotesWords as words } from "../words/compare.ts";

interface UseVotesProps {
  /** Name of the dataset. */
  readonly name: string;
  readonly votes: readonly VotedPair[];
}

export function UseVotes({ name, votes }: UseVotesProps) {
  const hone = useHone();
  const id = useId();
  const used = useFacts((state) => state.sampled.used);
  const busy = useFacts((state) => state.data.opening || state.engine.status !== "ready");
  const { pairs } = votedRows(votes);
  return (
    <Stack gap={4} align="flex-start">
      <Button
        size="compact-sm"
        variant="default"
        disabled={busy || pairs === 0}
        aria-describedby={id}
        onClick={() => void hone.sampled.use(name, votes)}
      >
        {words.use(pairs)}
      </Button>
      <Text size="xs" c="dimmed" id={id} role="status" data-testid="used-votes">
        {used?.name === name ? words.used(used) : words.about}
      </Text>
    </Stack>
  );
}
