/** Texts of the list of training rows by loss. */

import type { RowMeasure } from "../../run/rowLosses.ts";
import { plural } from "../format.ts";

const measures: Readonly<Record<RowMeasure, string>> = {
  tuned: "Loss after training",
  base: "Loss of the base model",
  drop: "Loss removed by training",
};

export const rowLossWords = {
  title: "Rows by loss",
  about:
    "Measures every training row of the run under the base model and under the tuned model. A row that stays hard after training is often wrong: read it, then exclude or edit it.",
  failed: "The losses could not be measured",
  none: "No run is selected. Train one first.",
  foreign: "This run was not trained in Hone, so it has no rows.",
  preparing: "Preparing the rows",
  measure: "Measure the rows",
  resume: "Continue",
  partly: (measured: number, all: number) =>
    `${measured.toLocaleString("en")} of ${plural(all, "example")} measured. Continue measures the rest.`,
  summary: (rows: number, base: string, tuned: string) =>
    `${plural(rows, "row")}: median loss per supervised token ${base} → ${tuned}.`,
  search: "Text contains",
  source: "Source",
  everySource: "All sources",
  sort: "Sort by",
  measures,
  order: "Order",
  highest: "Highest first",
  lowest: "Lowest first",
  above: "Loss at least",
  shown: (rows: number, all: number) =>
    rows === all ? `All ${plural(all, "row")}` : `${rows.toLocaleString("en")} of ${plural(all, "row")}`,
  excludeShown: (rows: number) => `Exclude these ${plural(rows, "row")}`,
  excluded: "Rows by loss",
  list: "Training rows by loss",
  columns: {
    row: "Row",
    text: "Text",
    base: "Base",
    tuned: "Tuned",
    actions: "Actions",
  },
  unread: "The text of this row is not stored any more.",
  exclude: "Exclude",
  excludeOf: (row: number) => `Exclude row ${row + 1}`,
  include: "Include",
  includeOf: (row: number) => `Include row ${row + 1} again`,
  edit: "Edit",
  editOf: (row: number) => `Edit row ${row + 1}`,
  gone: "The rows of this run are not in this browser any more, so they cannot be excluded or edited.",
  next: "Excluded and edited rows count from the next run on. This run does not change.",
  histogram: {
    title: "Loss per supervised token",
    base: "Base model",
    tuned: "Tuned model",
    bar: (from: string, to: string, base: number, tuned: number) =>
      `${from} to ${to}: base ${base.toLocaleString("en")}, tuned ${tuned.toLocaleString("en")}`,
    table: "As a table",
    loss: "Loss",
    range: (from: string, to: string) => `${from} to ${to}`,
  },
} as const;
