/** Column mapping: the format, then a column for each role, with a sample value. */

import { Button, Group, NativeSelect, Text } from "@mantine/core";
import { formats } from "../../client/client.ts";
import type { ColumnRole, Mapping } from "../../records/formats/mapping.ts";
import type { SourceSummary } from "../../records/source.ts";
import { useHone } from "../hone.ts";
import { mappingWords as words } from "../words/data.ts";
import classes from "./DataPanel.module.css";

interface MappingEditorProps {
  readonly source: SourceSummary;
  /** null is the detected mapping. */
  readonly mapping: Mapping | null;
}

/** The mapping of a format: as detected, or by usual column names. */
function mappingFor(format: (typeof formats)[number], { detection }: SourceSummary): Mapping {
  const found = [detection.mapping, ...detection.alternatives].find(({ format: name }) => name === format.name);
  if (found) return found;
  const names = new Set(detection.columns.map(({ name }) => name));
  const columns = format.roles.flatMap(({ role, names: usual }) => {
    const column = usual.find((name) => names.has(name)) ?? (names.has(role) ? role : undefined);
    return column === undefined ? [] : [[role, column]];
  });
  return { format: format.name, columns: Object.fromEntries(columns) };
}

export function MappingEditor({ source, mapping }: MappingEditorProps) {
  const hone = useHone();
  const { hash, name, detection } = source;
  const shown = mapping ?? detection.mapping;
  const format = formats.find((other) => other.name === shown.format);
  const missing = format?.roles.filter(({ role, required }) => required && shown.columns[role] === undefined) ?? [];

  const give = (role: ColumnRole, column: string) => {
    const { [role]: _before, ...others } = shown.columns;
    hone.data.map(hash, { ...shown, columns: column === "" ? others : { ...others, [role]: column } });
  };

  return (
    <fieldset className={classes.mapping}>
      <legend hidden>{words.title(name)}</legend>
      <NativeSelect
        className={classes.wide ?? ""}
        label={words.format}
        value={shown.format}
        description={format?.help}
        inputWrapperOrder={["label", "input", "description"]}
        data={formats.map((other) => ({
          value: other.name,
          label: other.name === detection.mapping.format ? words.detectedFormat(other.title) : other.title,
        }))}
        onChange={({ currentTarget: { value } }) => {
          const chosen = formats.find((other) => other.name === value);
          if (chosen) hone.data.map(hash, mappingFor(chosen, source));
        }}
      />
      {format?.roles.map(({ role, title, required }) => {
        const column = shown.columns[role];
        const sample = detection.columns.find((other) => other.name === column)?.sample;
        return (
          <NativeSelect
            key={role}
            label={title}
            value={column ?? ""}
            error={required && column === undefined ? words.needed : undefined}
            description={
              sample === undefined ? undefined : (
                <span className={classes.name} style={{ fontWeight: 400 }}>
                  {sample}
                </span>
              )
            }
            inputWrapperOrder={["label", "input", "error", "description"]}
            data={[
              { value: "", label: required ? words.choose : words.none },
              ...detection.columns.map((other) => ({ value: other.name, label: other.name })),
              // A chosen column stays in the list although no inspected row has it.
              ...(column !== undefined && sample === undefined ? [{ value: column, label: column }] : []),
            ]}
            onChange={(event) => give(role, event.currentTarget.value)}
          />
        );
      })}
      <Group gap="sm" className={classes.wide ?? ""}>
        <Button
          size="compact-sm"
          variant="default"
          disabled={mapping === null}
          onClick={() => hone.data.map(hash, null)}
        >
          {words.asDetected}
        </Button>
        <Text size="sm" c="dimmed" flex="1 1 12rem">
          {missing.length > 0 ? words.missing : words.unused}
        </Text>
      </Group>
    </fieldset>
  );
}
