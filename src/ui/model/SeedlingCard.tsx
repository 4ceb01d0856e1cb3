/** Seedling, the model of the page. */

import { Button, Text } from "@mantine/core";
import { isSeedling } from "../../store/seedling.ts";
import { useFacts, useHone } from "../hone.ts";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import { Opening } from "./Opening.tsx";

const words = modelWords.seedling;

export function SeedlingCard() {
  const hone = useHone();
  const chosen = useFacts(({ model }) => {
    const selected = model.list.find(({ hash }) => hash === model.selected);
    return selected !== undefined && isSeedling(selected);
  });
  const off = useFacts(
    ({ engine, model, training }) => engine.status !== "ready" || model.opening || training.phase !== "idle",
  );
  return (
    <Panel title={words.title} aside={chosen && <Mark tone="good">{words.chosen}</Mark>}>
      <Text size="sm" c="dimmed">
        {words.lead}
      </Text>
      {!chosen && (
        <div>
          <Button variant="default" disabled={off} onClick={() => void hone.model.openSeedling()}>
            {words.use}
          </Button>
        </div>
      )}
      <Opening from="page" label={modelWords.disk.opening} failed={modelWords.disk.failed} />
    </Panel>
  );
}
