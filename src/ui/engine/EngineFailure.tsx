/** An engine that stopped or lost its GPU, told on every screen with the way to start it again. */

import { Button } from "@mantine/core";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";

export function EngineFailure() {
  const hone = useHone();
  const { status, choice, failure } = useFacts((state) => state.engine);
  const busy = useFacts((state) => state.training.phase !== "idle");
  const stopped = status === "failed";
  return (
    <FailureAlert title={stopped ? "The engine is not running" : "The GPU was lost"} failure={failure}>
      <Button size="xs" variant="default" disabled={busy} onClick={() => void hone.engine.start(choice)}>
        {stopped ? "Start the engine again" : "Open the GPU again"}
      </Button>
    </FailureAlert>
  );
}
