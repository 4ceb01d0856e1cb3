/** Question and row of the snapshots; empty is the first held-out one. */

import { Button, Group, NativeSelect, TextInput } from "@mantine/core";
import { watchChoice } from "../../store/watching.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { watchFieldWords as words } from "../words/train.ts";

/** The same order as in the other fields. */
const order = ["label", "input", "error", "description"] as ("label" | "input" | "error" | "description")[];

/** Whether the typed row is invalid. */
export function useWatchRefused(): boolean {
  const watching = useFacts((state) => state.watching);
  return watchChoice(watching, []) === null;
}

/** A button that copies the row of the preview. */
function TakeFromPreview() {
  const hone = useHone();
  const { sources } = useSpec();
  const { source, row, shown } = useFacts((state) => state.preview);
  const hash = source ?? sources[0]?.hash;
  if (!shown || hash === undefined || !sources.some((other) => other.hash === hash)) return null;
  const take = () => {
    hone.watching.source(hash);
    hone.watching.row(String(row + 1));
  };
  return (
    <Button size="compact-sm" variant="subtle" ml={-8} onClick={take}>
      {words.take(row + 1)}
    </Button>
  );
}

export function WatchFields({ disabled }: { readonly disabled: boolean }) {
  const hone = useHone();
  const { prompt, row, source } = useFacts((state) => state.watching);
  const refused = useWatchRefused();
  const { sources } = useSpec();
  return (
    <>
      <TextInput
        name="watchPrompt"
        inputWrapperOrder={order}
        label={words.prompt}
        description={words.promptHelp}
        placeholder={words.firstQuestion}
        autoComplete="off"
        disabled={disabled}
        value={prompt}
        onChange={(event) => hone.watching.prompt(event.currentTarget.value)}
      />
      <Group gap="md" align="flex-start" mt="sm">
        <TextInput
          name="watchRow"
          flex="1 1 14rem"
          inputWrapperOrder={order}
          label={words.row}
          description={words.rowHelp}
          placeholder={words.firstRow}
          inputMode="numeric"
          autoComplete="off"
          disabled={disabled}
          error={refused && !disabled ? words.rowRefused(row) : undefined}
          value={row}
          onChange={(event) => hone.watching.row(event.currentTarget.value)}
        />
        {sources.length > 1 && (
          <NativeSelect
            name="watchSource"
            label={words.source}
            disabled={disabled}
            value={sources.some(({ hash }) => hash === source) ? (source ?? "") : (sources[0]?.hash ?? "")}
            data={sources.map(({ hash, name }) => ({ value: hash, label: name }))}
            onChange={(event) => hone.watching.source(event.currentTarget.value)}
          />
        )}
      </Group>
      {!disabled && <TakeFromPreview />}
    </>
  );
}
