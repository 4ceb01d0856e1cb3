/** Finds the column that rates the answers of a file: true or false, 0 or 1, thumbs up or down. */

import { memberOf } from "../value.ts";
import { ambiguousLabels, formats, labelNames } from "./describe.ts";
import { isRow } from "./fields.ts";
import { ratingOf } from "./label.ts";
import type { Mapping } from "./mapping.ts";

/** Of the rows, at least this share has a label; of the labels, at least the other share is one. The rest is named row by row. */
const labelled = { rows: 0.5, readable: 0.9 };

/**
 * The mapping with a column that rates the answers, where nearly all of its values do. Numbers under the names that also mean
 * classes or stars count only beside TRL's prompt and completion.
 */
export function withLabel(mapping: Mapping, values: readonly unknown[]): Mapping {
  const { label: found, ...others } = mapping.columns;
  const roles = formats.find(({ name }) => name === mapping.format)?.roles ?? [];
  const usual = roles.some(({ role }) => role === "label") ? labelNames : [];
  const numbered = mapping.format === "trl" ? usual : usual.filter((name) => !ambiguousLabels.includes(name));
  const rates = (column: string) => {
    const given = values
      .flatMap((value) => (isRow(value) ? [memberOf(value, column) ?? ""] : []))
      .filter((v) => v !== "");
    const readable = given.filter((value) => ratingOf(value) !== null);
    return (
      readable.length > 0 &&
      given.length >= labelled.rows * values.length &&
      readable.length >= labelled.readable * given.length
    );
  };
  const names = found === undefined ? numbered : [found, ...numbered];
  const label = names.find((name) => !Object.values(others).includes(name) && rates(name));
  return { ...mapping, columns: { ...others, ...(label !== undefined && { label }) } };
}
