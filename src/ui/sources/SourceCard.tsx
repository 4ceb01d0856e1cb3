/** One source: what was found in it and why, how much of it is used, and the ways to change that. */

import { Button, Checkbox, Group, Text } from "@mantine/core";
import { useState } from "react";
import type { FileKind } from "../../data/read/record.ts";
import { formatLabel } from "../../worker/client.ts";
import type { SourceSummary } from "../../worker/dataProtocol.ts";
import { bytes, plural, share } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import { useSpec } from "../spec.tsx";
import { stagesWords } from "../words/stages.ts";
import classes from "./DataPanel.module.css";
import { LambdaField } from "./LambdaField.tsx";
import { MappingEditor } from "./MappingEditor.tsx";
import { realised, repeatsOf } from "./repeats.ts";

const kinds: Readonly<Record<FileKind, string>> = {
  json: "JSON",
  jsonl: "JSON Lines",
  csv: "CSV",
  tsv: "TSV",
  parquet: "Parquet",
  text: "text",
  markdown: "Markdown",
};

interface SourceCardProps {
  readonly source: SourceSummary;
  /** Place among the chosen ones, -1 where it is not chosen. */
  readonly index: number;
  readonly disabled: boolean;
}

/** The last report, while it is on what is chosen now. */
function useReport() {
  const { report, key } = useFacts((state) => state.report);
  const { now } = useSpec();
  return now && key === now.key ? report : null;
}

/** Share and passes as the last report found them. */
function Realised({ index }: { readonly index: number }) {
  const found = useReport()?.sources[index];
  const { recipe } = useSpec();
  if (!found) return null;
  return (
    <Text size="sm" c="dimmed">
      {realised(found, recipe)
        .map((part) => stagesWords.realised(share(part.share), part.passes.toFixed(2), part.kind))
        .join("; ")}
    </Text>
  );
}

/** Says so where the run would go over the source too often. */
function Repeats({ index }: { readonly index: number }) {
  const report = useReport();
  const { recipe } = useSpec();
  const warning = report && repeatsOf(report, index, recipe);
  if (!warning) return null;
  return (
    <Text size="sm" className={classes.doubt ?? ""}>
      {warning}
    </Text>
  );
}

export function SourceCard({ source, index, disabled }: SourceCardProps) {
  const hone = useHone();
  const choice = useFacts(({ data }) => data.chosen[index]);
  const several = useFacts(({ data }) => data.chosen.length > 1);
  const [editing, setEditing] = useState(false);
  const { hash, name, kind, gzip, rows, byteLength, unreadable, problems, detection, stored } = source;
  const mapping = choice?.mapping ?? detection.mapping;

  return (
    <li className={classes.source} data-source={hash}>
      <div className={classes.head}>
        <Checkbox
          checked={choice !== undefined}
          disabled={disabled}
          label={<span className={classes.name}>{name}</span>}
          description={`${kinds[kind]}${gzip ? ", gzipped" : ""} · ${plural(rows, "row")} · ${bytes(byteLength)}${stored ? "" : " · gone when the tab closes"}`}
          aria-label={`Train on ${name}`}
          onChange={(event) => hone.data.choose(hash, event.currentTarget.checked)}
        />
        <ConfirmButton
          label="Delete"
          name={name}
          question="Delete the copy in this browser?"
          confirm="Delete"
          disabled={disabled}
          onConfirm={() => void hone.data.remove(hash)}
        />
      </div>
      {choice && (
        <div className={classes.body}>
          <div>
            <div className={classes.line}>
              <Text size="sm">
                {choice.mapping ? "Read as" : "Found"} {formatLabel(mapping)}
              </Text>
              <Button
                size="compact-xs"
                variant="subtle"
                aria-expanded={editing}
                aria-label={`${editing ? "Close the columns" : "Change the columns"} of ${name}`}
                disabled={disabled}
                onClick={() => setEditing(!editing)}
              >
                {editing ? "Close" : "Change"}
              </Button>
            </div>
            {!choice.mapping && (
              <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                {detection.reason}
              </Text>
            )}
          </div>
          {editing && <MappingEditor source={source} mapping={choice.mapping} />}
          {several && (
            <div className={classes.line}>
              <LambdaField name={name} value={choice.lambda} onChange={(lambda) => hone.data.weigh(hash, lambda)} />
              <Realised index={index} />
            </div>
          )}
          <Repeats index={index} />
          {choice.excluded.length > 0 && (
            <Group gap="xs">
              <Text size="sm">{plural(choice.excluded.length, "row")} excluded by you.</Text>
              <Button
                size="compact-xs"
                variant="subtle"
                disabled={disabled}
                onClick={() => hone.data.include(hash, "all")}
              >
                Put all back
              </Button>
            </Group>
          )}
          {unreadable > 0 && (
            <>
              <Text size="sm">
                {plural(unreadable, "row")} could not be read
                {unreadable > problems.length && `; the first ${problems.length} are listed`}:
              </Text>
              <ProblemList label={`Rows of ${name} that could not be read`} problems={problems} />
            </>
          )}
        </div>
      )}
    </li>
  );
}
