/** Both losses of all rows as bars over the same bins, and as a table. */

import { Table } from "@mantine/core";
import { useMemo } from "react";
import { type LossBins, lossBins, type RowLoss } from "../../run/rowLosses.ts";
import { rowLossWords } from "../words/rowLosses.ts";
import classes from "./RowLosses.module.css";

const words = rowLossWords.histogram;
const sides = ["base", "tuned"] as const;

function Bars({ edges, base, tuned }: LossBins) {
  const most = Math.max(1, ...base, ...tuned);
  return (
    <div className={classes.bars} aria-hidden="true">
      {base.map((count, bin) => {
        const counts = { base: count, tuned: tuned[bin] ?? 0 };
        return (
          <div key={edges[bin]} title={words.bar(String(edges[bin]), String(edges[bin + 1]), count, counts.tuned)}>
            {sides.map((side) => (
              <div
                key={side}
                className={classes.bar}
                data-side={side}
                data-empty={counts[side] === 0 || undefined}
                style={{ height: `${(100 * counts[side]) / most}%` }}
              />
            ))}
          </div>
        );
      })}
    </div>
  );
}

export function LossHistogram({ rows }: { readonly rows: readonly RowLoss[] }) {
  const bins = useMemo(() => lossBins(rows), [rows]);
  const { edges, base, tuned } = bins;
  return (
    <figure className={classes.histogram}>
      <figcaption className={classes.caption}>
        <span className={classes.title}>{words.title}</span>
        {sides.map((side) => (
          <span key={side} className={classes.key} data-side={side}>
            {words[side]}
          </span>
        ))}
      </figcaption>
      <Bars {...bins} />
      <div className={classes.axis} aria-hidden="true">
        <span>{edges[0]}</span>
        <span>{edges.at(-1)}</span>
      </div>
      <details className={classes.asTable}>
        <summary>{words.table}</summary>
        <Table withRowBorders={false} verticalSpacing={2}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{words.loss}</Table.Th>
              <Table.Th scope="col">{words.base}</Table.Th>
              <Table.Th scope="col">{words.tuned}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {base.map((count, bin) => (
              <Table.Tr key={edges[bin]}>
                <Table.Td>{words.range(String(edges[bin]), String(edges[bin + 1]))}</Table.Td>
                <Table.Td>{count.toLocaleString("en")}</Table.Td>
                <Table.Td>{(tuned[bin] ?? 0).toLocaleString("en")}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </details>
    </figure>
  );
}
