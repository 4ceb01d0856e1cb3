/** The filters of Jinja 3, without those that draw at random or write HTML attributes. */

import { Args } from "./args.ts";
import { fault } from "./fault.ts";
import { type Filter, noGiven, type Tools } from "./filter.ts";
import { listFilters } from "./listFilters.ts";
import { numberFilters } from "./numberFilters.ts";
import { isText, plain } from "./text.ts";
import { textFilters } from "./textFilters.ts";
import type { Given, Value } from "./values.ts";

const filters: Readonly<Record<string, Filter>> = { ...listFilters, ...numberFilters, ...textFilters };

/** Filters of Jinja that Hone does not have. */
const others: ReadonlySet<string> = new Set([
  "filesizeformat",
  "pprint",
  "random",
  "striptags",
  "urlize",
  "wordwrap",
  "xmlattr",
]);

export const isFilter = (name: string): boolean => Object.hasOwn(filters, name);

/** Applies a filter. Faults for an unknown one. */
export function applyFilter(name: string, value: Value, given: Given, tools: Tools): Value {
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (!filter) {
    const shown = name.slice(0, 40);
    throw fault(others.has(name) ? `the filter "${shown}" is not supported` : `the filter "${shown}" is not known`);
  }
  tools.limits.count(1);
  const args = filter.parameters === "any" ? new Args(name, noGiven, []) : new Args(name, given, filter.parameters);
  const result = filter.call(value, args, tools, given);
  if (isText(result)) tools.limits.allowText(plain(result).length);
  return result;
}
