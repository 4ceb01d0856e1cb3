/** The provider with the reason for it, storage use, and the cost of missing features. */

import { Group, List, NativeSelect, Stack, Text } from "@mantine/core";
import type { EngineReport, ProviderChoice } from "../../protocol/engine.ts";
import { useFacts, useHone } from "../hone.ts";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { engineWords as words } from "../words/machine.ts";
import { engineName, engineTones } from "./state.ts";

const choices: readonly { readonly value: ProviderChoice; readonly label: string }[] = [
  { value: "auto", label: words.choices.auto },
  { value: "webgpu", label: words.choices.webgpu },
  { value: "wasm", label: words.choices.wasm },
];

/** One sentence for each missing feature. The engine reports missing threads as its reason. */
function costs({ provider, storage, problems }: EngineReport): string[] {
  const notes: string[] = [];
  if (provider === "wasm") notes.push(words.noGpu);
  if (storage.reason) notes.push(storage.reason);
  return [...notes, ...problems];
}

function machine({ provider, adapter, threads }: EngineReport): string {
  const gpu = adapter && (adapter.description || [adapter.vendor, adapter.architecture].filter(Boolean).join(" "));
  return provider === "webgpu" && gpu ? gpu : words.threads(threads);
}

export function EngineStatus() {
  const hone = useHone();
  const { status, choice, report } = useFacts((state) => state.engine);
  const busy = useFacts((state) => state.training.phase !== "idle");
  const usage = report?.storage.usage;

  return (
    <Panel title={words.title} aside={<Mark tone={engineTones[status]}>{engineName(status, report)}</Mark>}>
      <Group gap="md" align="center" justify="space-between">
        <Stack gap={2} role="status" flex="1 1 20rem">
          {report ? (
            <>
              <Text size="sm">{report.reason}</Text>
              <Text size="sm" c="dimmed">
                {machine(report)}
                {report.storage.available && usage != null && words.stored(usage)}
              </Text>
            </>
          ) : (
            <Text size="sm">{status === "failed" ? words.notRunning : words.isStarting}</Text>
          )}
        </Stack>
        <NativeSelect
          label={words.choose}
          value={choice}
          data={[...choices]}
          disabled={busy || status === "starting"}
          onChange={({ currentTarget: { value } }) => {
            const chosen = choices.find((other) => other.value === value);
            if (chosen) void hone.engine.start(chosen.value);
          }}
        />
      </Group>
      {report && costs(report).length > 0 && (
        <List data-testid="engine-costs">
          {costs(report).map((note) => (
            <List.Item key={note}>{note}</List.Item>
          ))}
        </List>
      )}
    </Panel>
  );
}
