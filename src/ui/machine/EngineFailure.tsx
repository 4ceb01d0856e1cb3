/** Alert on every screen: the engine stopped or lost its GPU, with a restart button. */

import { Button } from "@mantine/core";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { engineFailureWords as words } from "../words/machine.ts";

export function EngineFailure() {
  const hone = useHone();
  const { status, choice, failure } = useFacts((state) => state.engine);
  const busy = useFacts((state) => state.training.phase !== "idle");
  const stopped = status === "failed";
  return (
    <FailureAlert title={stopped ? words.stopped : words.lost} failure={failure}>
      <Button size="xs" variant="default" disabled={busy} onClick={() => void hone.engine.start(choice)}>
        {stopped ? words.startAgain : words.openAgain}
      </Button>
    </FailureAlert>
  );
}
