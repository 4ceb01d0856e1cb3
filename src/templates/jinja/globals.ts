/** The globals of every template: constants, `range`, `raise_exception` and `strftime_now`. */

import { Environment } from "@huggingface/jinja";
import { TemplateError } from "../template.ts";
import { exceeded, limits } from "./limits.ts";

/** Characters shown of a message that a template raises. */
const longestRaised = 240;

/** Created once for a template: all rows share these. */
export function createGlobals(variables: Readonly<Record<string, unknown>>, now: Date): Environment {
  const environment = new Environment();
  const globals = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range: (...bounds: unknown[]) => range(bounds),
    raise_exception: (message: unknown) => {
      if (typeof message !== "string") throw new TemplateError("The template raised an exception.");
      throw new TemplateError(message.length > longestRaised ? `${message.slice(0, longestRaised)}…` : message);
    },
    strftime_now: (format: unknown) => strftime(now, String(format)),
    ...variables,
  };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  return environment;
}

/** Python's range, with a list of bounded length. */
function range(bounds: readonly unknown[]): number[] {
  const [first = 0, second, step = 1] = bounds.filter((bound) => typeof bound === "number");
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) throw new Error("range() takes no step of zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= limits.items)) {
    throw exceeded(`requests a range of ${length} numbers, more than ${limits.items}`);
  }
  return Array.from({ length }, (_, i) => start + i * step);
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Python's strftime in English, the usual language of servers; unknown directives stay unchanged. */
function strftime(date: Date, format: string): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const [day, month] = [days[date.getDay()] ?? "", months[date.getMonth()] ?? ""];
  const known: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    H: two(date.getHours()),
    I: two(date.getHours() % 12 || 12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: date.getHours() < 12 ? "AM" : "PM",
    A: day,
    a: day.slice(0, 3),
    B: month,
    b: month.slice(0, 3),
    "%": "%",
  };
  return format.replace(/%(.)/g, (whole, letter) => known[letter] ?? whole);
}
