/** How long the examples are, as bars and as a table. */

import { Table } from "@mantine/core";
import type { DataReport } from "../../quality/report.ts";
import { lengthsWords as words } from "../words/report.ts";
import classes from "./Report.module.css";

export function Lengths({ lengths: { edges, counts, longest, median } }: Pick<DataReport, "lengths">) {
  const most = Math.max(1, ...counts);
  if (counts.length === 0 || longest === 0) return null;
  const from = (index: number) => (edges[index] ?? 0).toLocaleString("en");
  const to = (index: number) => Math.max(0, (edges[index + 1] ?? longest + 1) - 1).toLocaleString("en");
  return (
    <figure className={classes.lengths}>
      <figcaption className={classes.title}>{words.title}</figcaption>
      <div className={classes.bars} aria-hidden="true">
        {counts.map((count, index) => (
          <div key={from(index)} title={words.bar(from(index), to(index), count)}>
            <div
              className={classes.bar}
              style={{ height: `${(100 * count) / most}%` }}
              data-empty={count === 0 || undefined}
            />
          </div>
        ))}
      </div>
      <div className={classes.axis} aria-hidden="true">
        <span>{from(0)}</span>
        <span>{words.median(median)}</span>
        <span>{longest.toLocaleString("en")}</span>
      </div>
      <details className={classes.examples}>
        <summary>{words.table}</summary>
        <Table withRowBorders={false} className={classes.figures ?? ""}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.tokens}</Table.Th>
              <Table.Th>{words.examples}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {counts.map((count, index) => (
              <Table.Tr key={from(index)}>
                <Table.Td>{words.range(from(index), to(index))}</Table.Td>
                <Table.Td>{count.toLocaleString("en")}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </details>
    </figure>
  );
}
