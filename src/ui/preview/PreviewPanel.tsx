/** Preview: the list of rows, and one row from message to loss weight. */

import { Button, Checkbox, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useMemo, useState } from "react";
import { useFacts, useHone } from "../hone.ts";
import { FailureAlert } from "../shell/FailureAlert.tsx";
import { Panel } from "../shell/Panel.tsx";
import { useSpec } from "../spec.tsx";
import { previewWords as words } from "../words/preview.ts";
import { allRows, problemRows, someRows } from "./order.ts";
import classes from "./Preview.module.css";
import { RowList } from "./RowList.tsx";
import { ShownRow } from "./ShownRow.tsx";
import { UndoButtons, UndoKeys } from "./UndoBar.tsx";

/** Missing requirements of the preview. */
function Missing() {
  const { model, sources } = useSpec();
  const { modelFailure } = useFacts((state) => state.data);
  if (modelFailure) return <FailureAlert title={words.modelFailed} failure={modelFailure} />;
  const wants = [!model && words.model, sources.length === 0 && words.data].filter((want) => typeof want === "string");
  return (
    <Text size="sm" c="dimmed">
      {wants.length > 0 ? words.choose(wants) : words.reading}
    </Text>
  );
}

function GoTo({ rows, onGo }: { readonly rows: number; onGo(row: number): void }) {
  const [typed, setTyped] = useState("");
  const [refused, setRefused] = useState<string | null>(null);
  const go = (event: FormEvent) => {
    event.preventDefault();
    const number = Number(typed);
    if (!Number.isInteger(number) || number < 1 || number > rows) return setRefused(words.goRefused(rows));
    setRefused(null);
    onGo(number - 1);
  };
  return (
    <form onSubmit={go} noValidate className={classes.goTo}>
      <TextInput
        size="xs"
        aria-label={words.goTo}
        placeholder={words.goToPlaceholder}
        inputMode="numeric"
        autoComplete="off"
        error={refused}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Button type="submit" size="xs" variant="default">
        {words.go}
      </Button>
    </form>
  );
}

export function PreviewPanel() {
  const hone = useHone();
  const { source: wanted, row: chosenRow, problemsOnly, view, shown } = useFacts((state) => state.preview);
  const { report, key: reportKey } = useFacts((state) => state.report);
  const { sources, now, settled } = useSpec();
  const index = Math.max(
    0,
    sources.findIndex(({ hash }) => hash === wanted),
  );
  const source = sources[index];
  const hash = source?.hash;
  const count = source?.rows ?? 0;
  const row = Math.max(0, Math.min(chosenRow, count - 1));
  const filtering = problemsOnly && report !== null;
  const order = useMemo(
    () => (filtering ? someRows(problemRows(report, index)) : allRows(count)),
    [filtering, report, index, count],
  );

  // A settled spec may still have the previous sources.
  const ready = settled !== null && hash !== undefined && settled.spec.sources[index]?.hash === hash;
  const spec = ready ? settled.spec : null;
  useEffect(() => {
    if (spec) hone.heads.list(spec, index);
  }, [hone, spec, index]);
  useEffect(() => {
    if (spec && count > 0) void hone.preview.load(spec, index, row, view);
  }, [hone, spec, index, row, count, view]);

  if (!spec || !source || hash === undefined)
    return (
      <Panel title={words.title} id="preview">
        <Missing />
      </Panel>
    );

  const show = (next: number | null) => {
    if (next !== null) hone.preview.show(hash, next);
  };
  const place = order.placeOf(row);
  // A row that is not listed has the place of its predecessor.
  const listed = order.rowAt(place) === row;
  const previous = order.rowAt(listed ? place - 1 : place);
  const next = order.rowAt(place + 1);
  const mine = shown && shown.source === index ? shown : null;

  return (
    <Panel
      title={words.title}
      id="preview"
      aside={
        sources.length > 1 && (
          <NativeSelect
            size="xs"
            aria-label={words.source}
            value={hash}
            data={sources.map(({ hash, name }) => ({ value: hash, label: name }))}
            onChange={(event) => hone.preview.show(event.currentTarget.value, 0)}
          />
        )
      }
    >
      <UndoKeys>
        <div className={classes.bar}>
          <Group gap="xs">
            <Button size="xs" variant="default" disabled={previous === null} onClick={() => show(previous)}>
              {words.previous}
            </Button>
            <Button size="xs" variant="default" disabled={next === null} onClick={() => show(next)}>
              {words.next}
            </Button>
            <GoTo rows={count} onGo={show} />
            <UndoButtons />
          </Group>
          <Group gap="lg" align="flex-start">
            <Checkbox
              size="sm"
              label={words.prompt}
              description={words.promptAbout}
              checked={view === "prompt"}
              onChange={(event) => hone.preview.view(event.currentTarget.checked ? "prompt" : "training")}
            />
            <Checkbox
              size="sm"
              label={words.problemsOnly}
              description={
                report === null
                  ? words.unchecked
                  : problemsOnly && (reportKey === now?.key ? undefined : words.checkedBefore)
              }
              disabled={report === null}
              checked={filtering}
              onChange={(event) => hone.preview.problemsOnly(event.currentTarget.checked)}
            />
          </Group>
        </div>
        <div className={classes.columns}>
          {order.length > 0 ? (
            <RowList key={`${hash} ${filtering}`} hash={hash} order={order} row={row} onRow={show} />
          ) : (
            <Text size="sm" c="dimmed">
              {words.noProblem}
            </Text>
          )}
          <ShownRow source={source} index={index} row={row} shown={mine} />
        </div>
      </UndoKeys>
    </Panel>
  );
}
