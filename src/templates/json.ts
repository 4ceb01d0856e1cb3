/** JSON of a row's values as Python writes it, and so as exported templates write it. */

import type { Value as RowValue } from "../records/value.ts";
import { unlimited } from "./jinja/budget.ts";
import { jsonOf } from "./jinja/print.ts";
import { plain } from "./jinja/text.ts";
import { asPython } from "./variables.ts";

const options = { indent: null, between: ",", colon: ":", sorted: false, ascii: false } as const;

/** On one line, without spaces: `tojson(separators=(',', ':'))` in Jinja. */
export const compactJson = (value: RowValue): string =>
  plain(jsonOf(asPython(value, { message: null, field: "" }), options, unlimited));
