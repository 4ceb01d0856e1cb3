/** One source: detected format with its reason, used share, and controls. */

import { Button, Checkbox, Group, Text } from "@mantine/core";
import { useState } from "react";
import { formatLabel } from "../../client/client.ts";
import type { SourceSummary } from "../../records/source.ts";
import { share } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { ProblemList } from "../shell/ProblemList.tsx";
import { useSpec } from "../spec.tsx";
import { sourceWords as words } from "../words/data.ts";
import { sourceEditWords as editWords } from "../words/edit.ts";
import { forgettingWords } from "../words/forgetting.ts";
import { stagesWords } from "../words/stages.ts";
import classes from "./DataPanel.module.css";
import { EditedRows } from "./EditedRows.tsx";
import { LambdaField } from "./LambdaField.tsx";
import { MappingEditor } from "./MappingEditor.tsx";
import { realised, repeatsOf } from "./repeats.ts";
import { SaveRows } from "./SaveRows.tsx";
import { SourceOptionFields } from "./SourceOptionFields.tsx";

interface SourceCardProps {
  readonly source: SourceSummary;
  /** Place among the chosen sources; -1 where it is not chosen. */
  readonly index: number;
  readonly disabled: boolean;
}

/** The open part of a card. */
type Part = "columns" | "options" | "save";

/** The last report, if it is on the present choice. */
function useReport() {
  const { report, key } = useFacts((state) => state.report);
  const { now } = useSpec();
  return now && key === now.key ? report : null;
}

/** Share and passes of the last report. */
function Realised({ index }: { readonly index: number }) {
  const found = useReport()?.sources[index];
  const { recipe } = useSpec();
  if (!found) return null;
  return (
    <Text size="sm" c="dimmed">
      {realised(found, recipe)
        .map((part) => stagesWords.realised(share(part.share), part.passes.toFixed(2), part.stage.objective))
        .join("; ")}
    </Text>
  );
}

/** Warns about too many passes over the source. */
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
  const edits = useFacts(({ edits }) => edits.saved[source.hash]?.length ?? 0);
  const several = useFacts(({ data }) => data.chosen.filter(({ general }) => !general).length > 1);
  const [open, setOpen] = useState<Part | null>(null);
  const toggle = (part: Part) => setOpen(open === part ? null : part);
  const editing = open === "columns";
  const { hash, name, unreadable, problems, detection } = source;
  const mapping = choice?.mapping ?? detection.mapping;

  return (
    <li className={classes.source} data-source={hash}>
      <div className={classes.head}>
        <Checkbox
          checked={choice !== undefined}
          disabled={disabled}
          label={<span className={classes.name}>{name}</span>}
          description={words.about(source)}
          aria-label={words.choose(name)}
          onChange={(event) => hone.data.choose(hash, event.currentTarget.checked)}
        />
        <ConfirmButton
          label={words.remove}
          name={name}
          question={words.removeQuestion(edits)}
          confirm={words.removeConfirm}
          disabled={disabled}
          onConfirm={() => void hone.data.remove(hash)}
        />
      </div>
      {source.encoding && <Text size="sm">{words.encoding(source.encoding)}</Text>}
      {choice && (
        <div className={classes.body}>
          <div>
            <div className={classes.line}>
              <Text size="sm">
                {choice.mapping ? words.readAs(formatLabel(mapping)) : words.found(formatLabel(mapping))}
              </Text>
              <Button
                size="compact-xs"
                variant="subtle"
                aria-expanded={editing}
                aria-label={editing ? words.closeOf(name) : words.changeOf(name)}
                disabled={disabled}
                onClick={() => toggle("columns")}
              >
                {editing ? words.close : words.change}
              </Button>
              <Button
                size="compact-xs"
                variant={open === "options" ? "light" : "subtle"}
                aria-expanded={open === "options"}
                aria-label={editWords.optionsOf(name)}
                onClick={() => toggle("options")}
              >
                {editWords.options}
              </Button>
              <Button
                size="compact-xs"
                variant={open === "save" ? "light" : "subtle"}
                aria-expanded={open === "save"}
                aria-label={editWords.saveOf(name)}
                onClick={() => toggle("save")}
              >
                {editWords.save}
              </Button>
            </div>
            {!choice.mapping && (
              <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                {detection.reason}
              </Text>
            )}
          </div>
          {editing && <MappingEditor source={source} mapping={choice.mapping} />}
          {/* Hidden, not removed: typed text that is no list yet stays. */}
          <div hidden={open !== "options"}>
            <SourceOptionFields hash={hash} options={choice.options ?? {}} disabled={disabled} />
          </div>
          {open === "save" && (
            <SaveRows hash={hash} name={name} edited={choice.edits?.length ?? 0} excluded={choice.excluded.length} />
          )}
          <EditedRows hash={hash} name={name} index={index} edits={choice.edits ?? []} disabled={disabled} />
          {choice.general && <Text size="sm">{forgettingWords.isGeneral}</Text>}
          {several && !choice.general && (
            <div className={classes.line}>
              <LambdaField
                name={words.weightOf(name)}
                value={choice.lambda}
                onChange={(lambda) => hone.data.weigh(hash, lambda)}
              />
              <Realised index={index} />
            </div>
          )}
          <Repeats index={index} />
          {choice.excluded.length > 0 && (
            <Group gap="xs">
              <Text size="sm">{words.excluded(choice.excluded.length)}</Text>
              <Button
                size="compact-xs"
                variant="subtle"
                disabled={disabled}
                onClick={() => hone.data.include(hash, "all")}
              >
                {words.putBack}
              </Button>
            </Group>
          )}
          {unreadable > 0 && (
            <>
              <Text size="sm">{words.unreadable(unreadable, problems.length)}</Text>
              <ProblemList label={words.unreadableRows(name)} problems={problems} />
            </>
          )}
        </div>
      )}
    </li>
  );
}
