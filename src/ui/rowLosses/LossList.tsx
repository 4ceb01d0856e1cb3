/** The measured rows: figures, histogram, filters and the table. */

import { Button, NativeSelect, NumberInput, Text, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import type { RunRecord } from "../../run/record.ts";
import { measureOf, type RowLoss, rowMeasures } from "../../run/rowLosses.ts";
import { figure } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { rowLossWords as words } from "../words/rowLosses.ts";
import { LossHistogram } from "./LossHistogram.tsx";
import { LossTable } from "./LossTable.tsx";
import classes from "./RowLosses.module.css";
import { listedRows, median, type RowFilter } from "./view.ts";

interface LossListProps {
  readonly run: RunRecord;
  readonly rows: readonly RowLoss[];
  readonly texts: readonly (readonly string[])[];
}

const everyRow: RowFilter = { source: null, text: "", measure: "tuned", least: null, highestFirst: true };

/** Excludes rows of the run from the next run; a source that is not chosen is chosen first. */
function useExclusion({ sources }: RunRecord) {
  const hone = useHone();
  const list = useFacts((state) => state.data.list);
  const chosen = useFacts((state) => state.data.chosen);
  const excluded = useMemo(
    () => new Map(chosen.map((source) => [source.hash, new Set(source.excluded)] as const)),
    [chosen],
  );
  const hashOf = (row: RowLoss) => sources[row.source]?.hash ?? "";
  const isThere = (row: RowLoss) => list.some(({ hash }) => hash === hashOf(row));
  const choose = (rows: readonly RowLoss[]) => {
    for (const hash of new Set(rows.map(hashOf))) {
      if (!hone.store.getState().data.chosen.some((source) => source.hash === hash)) hone.data.choose(hash, true);
    }
  };
  return {
    isThere,
    isExcluded: (row: RowLoss) => excluded.get(hashOf(row))?.has(row.row) ?? false,
    exclude(rows: readonly RowLoss[]) {
      const there = rows.filter(isThere);
      choose(there);
      const places = hone.store.getState().data.chosen.map(({ hash }) => hash);
      hone.data.exclude(words.excluded, {
        sources: there.map((row) => places.indexOf(hashOf(row))),
        rows: there.map(({ row }) => row),
      });
    },
    include: (row: RowLoss) => hone.data.include(hashOf(row), row.row),
    edit(row: RowLoss) {
      choose([row]);
      hone.preview.show(hashOf(row), row.row);
      hone.place.go("template", "preview");
    },
  };
}

export function LossList({ run, rows, texts }: LossListProps) {
  const [filter, setFilter] = useState(everyRow);
  const change = (edit: Partial<RowFilter>) => setFilter((before) => ({ ...before, ...edit }));
  const listed = useMemo(() => listedRows(rows, texts, filter), [rows, texts, filter]);
  const { isThere, isExcluded, exclude, include, edit } = useExclusion(run);
  const left = listed.filter((row) => !isExcluded(row));
  const middle = (measure: "base" | "tuned") => figure(median(rows.map((row) => measureOf(row, measure))));
  return (
    <>
      <Text size="sm" role="status">
        {words.summary(rows.length, middle("base"), middle("tuned"))}
      </Text>
      <LossHistogram rows={rows} />
      <div className={classes.filters}>
        <TextInput
          size="sm"
          label={words.search}
          value={filter.text}
          onChange={({ currentTarget: { value } }) => change({ text: value })}
        />
        {run.sources.length > 1 && (
          <NativeSelect
            size="sm"
            label={words.source}
            value={filter.source ?? ""}
            data={[
              { value: "", label: words.everySource },
              ...run.sources.map(({ name }, index) => ({ value: String(index), label: name })),
            ]}
            onChange={({ currentTarget: { value } }) => change({ source: value === "" ? null : Number(value) })}
          />
        )}
        <NativeSelect
          size="sm"
          label={words.sort}
          value={filter.measure}
          data={rowMeasures.map((value) => ({ value, label: words.measures[value] }))}
          onChange={({ currentTarget: { value } }) =>
            change({ measure: rowMeasures.find((measure) => measure === value) ?? "tuned" })
          }
        />
        <NativeSelect
          size="sm"
          label={words.order}
          value={filter.highestFirst ? "high" : "low"}
          data={[
            { value: "high", label: words.highest },
            { value: "low", label: words.lowest },
          ]}
          onChange={({ currentTarget: { value } }) => change({ highestFirst: value === "high" })}
        />
        <NumberInput
          size="sm"
          label={words.above}
          value={filter.least ?? ""}
          step={0.1}
          decimalScale={3}
          onChange={(value) => change({ least: typeof value === "number" ? value : null })}
        />
      </div>
      <div className={classes.toolbar}>
        <Text size="sm" role="status">
          {words.shown(listed.length, rows.length)}
        </Text>
        {left.length > 0 && listed.length < rows.length && left.some(isThere) && (
          <Button size="compact-sm" variant="default" onClick={() => exclude(left)}>
            {words.excludeShown(left.length)}
          </Button>
        )}
      </div>
      <LossTable
        rows={listed}
        texts={texts}
        isThere={isThere}
        isExcluded={isExcluded}
        onExclude={(row) => exclude([row])}
        onInclude={include}
        onEdit={edit}
      />
      <Text size="xs" c="dimmed">
        {rows.some(isThere) ? words.next : words.gone}
      </Text>
    </>
  );
}
