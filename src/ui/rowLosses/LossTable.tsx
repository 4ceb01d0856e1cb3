/** The listed rows as a virtual table, with the actions of each row. */

import { Button } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { measureOf, type RowLoss } from "../../run/rowLosses.ts";
import { figure } from "../format.ts";
import { rowLossWords as words } from "../words/rowLosses.ts";
import classes from "./RowLosses.module.css";

/** Height of a row in pixels. */
const height = 60;

interface LossTableProps {
  readonly rows: readonly RowLoss[];
  readonly texts: readonly (readonly string[])[];
  /** Whether the row's source can be changed. */
  isThere(row: RowLoss): boolean;
  isExcluded(row: RowLoss): boolean;
  onExclude(row: RowLoss): void;
  onInclude(row: RowLoss): void;
  onEdit(row: RowLoss): void;
}

function RowActions({ row, ...of }: Omit<LossTableProps, "rows" | "texts"> & { readonly row: RowLoss }) {
  const disabled = !of.isThere(row);
  const excluded = of.isExcluded(row);
  return (
    <td className={classes.actions}>
      <Button
        size="compact-xs"
        variant="default"
        disabled={disabled}
        aria-label={excluded ? words.includeOf(row.row) : words.excludeOf(row.row)}
        onClick={() => (excluded ? of.onInclude(row) : of.onExclude(row))}
      >
        {excluded ? words.include : words.exclude}
      </Button>
      <Button
        size="compact-xs"
        variant="default"
        disabled={disabled}
        aria-label={words.editOf(row.row)}
        onClick={() => of.onEdit(row)}
      >
        {words.edit}
      </Button>
    </td>
  );
}

export function LossTable({ rows, texts, ...actions }: LossTableProps) {
  const list = useRef<HTMLElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => list.current,
    estimateSize: () => height,
    overscan: 4,
  });
  const { columns } = words;
  const items = virtualizer.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <section ref={list} aria-label={words.list} className={classes.list}>
      <table className={classes.table} aria-rowcount={rows.length + 1}>
        <thead>
          <tr className={classes.heads}>
            <th scope="col">{columns.row}</th>
            <th scope="col">{columns.text}</th>
            <th scope="col">{columns.base}</th>
            <th scope="col">{columns.tuned}</th>
            <th scope="col">{columns.actions}</th>
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr style={{ height: before }} />}
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const text = texts[row.source]?.[row.row];
            return (
              <tr
                key={`${row.source} ${row.row}`}
                aria-rowindex={item.index + 2}
                className={classes.row}
                data-row={row.row}
                data-excluded={actions.isExcluded(row) || undefined}
                style={{ height }}
              >
                <td className={classes.number}>{(row.row + 1).toLocaleString("en")}</td>
                <td title={text}>
                  <span className={classes.text}>{text ?? words.unread}</span>
                </td>
                <td className={classes.loss} data-side="base">
                  {figure(measureOf(row, "base"))}
                </td>
                <td className={classes.loss} data-side="tuned">
                  {figure(measureOf(row, "tuned"))}
                </td>
                <RowActions row={row} {...actions} />
              </tr>
            );
          })}
          {after > 0 && <tr style={{ height: after }} />}
        </tbody>
      </table>
    </section>
  );
}
