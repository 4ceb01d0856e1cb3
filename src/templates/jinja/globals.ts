/** The global functions of every template: Jinja's, and those that transformers adds. */

import { TemplateError } from "../template.ts";
import { itemsOf } from "./access.ts";
import { Args } from "./args.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { limits as bounds, exceeded } from "./limits.ts";
import { strOf } from "./print.ts";
import { isText, plain } from "./text.ts";
import {
  Callable,
  Dict,
  type Given,
  Host,
  isList,
  Namespace,
  numberOf,
  Span,
  Tuple,
  typeOf,
  type Value,
} from "./values.ts";

/** Characters shown of a message that a template raises. */
const longestRaised = 240;

/** `now`: the date that `strftime_now` formats. */
export function createGlobals(now: Date, limits: Limits): ReadonlyMap<string, Value> {
  const functions: Readonly<Record<string, (given: Given) => Value>> = {
    range: (given) => range(given),
    namespace: (given) => new Namespace(entriesOf("namespace", given, limits)),
    dict: (given) => new Dict(entriesOf("dict", given, limits)),
    cycler: ({ positional }) => cycler(positional),
    joiner: (given) => joiner(new Args("joiner", given, ["sep"]).or("sep", ", ")),
    lipsum: () => {
      throw fault('"lipsum" is not supported');
    },
    raise_exception(given) {
      const message = plain(strOf(new Args("raise_exception", given, ["message"]).value("message"), limits));
      throw new TemplateError(
        message.length > longestRaised
          ? `${message.slice(0, longestRaised)}…`
          : message || "The template raised an exception.",
      );
    },
    strftime_now: (given) => strftime(now, plain(new Args("strftime_now", given, ["format"]).text("format"))),
  };
  return new Map(Object.entries(functions).map(([name, call]) => [name, new Callable(name, call)]));
}

/** The entries of `dict(…)` and `namespace(…)`: of a dict or of pairs, then of the names. */
function entriesOf(what: string, { positional, named }: Given, limits: Limits): [string, Value][] {
  if (positional.length > 1) throw fault(`"${what}" takes one argument without a name`);
  const [first] = positional;
  const pairs =
    first === undefined
      ? []
      : first instanceof Dict
        ? first.entries()
        : itemsOf(first, limits).map((pair): readonly Value[] =>
            isList(pair) ? pair : pair instanceof Tuple ? pair.items : [pair],
          );
  limits.allowItems(pairs.length);
  const entries = pairs.map(([key, value]): [string, Value] => {
    if (!isText(key ?? null) || value === undefined) throw fault(`"${what}" needs pairs of a text and a value`);
    return [plain(strOf(key ?? null, limits)), value];
  });
  return [...entries, ...named];
}

/** Python's range, with a bounded length. */
function range({ positional, named }: Given): Span {
  if (named.size > 0 || positional.length === 0 || positional.length > 3)
    throw fault('"range" takes one to three integers');
  const numbers = positional.map((bound) => {
    const number = numberOf(bound);
    if (typeof number !== "bigint") throw fault(`"range" takes integers, not ${typeOf(bound)}`);
    return number;
  });
  const [first = 0n, second, step = 1n] = numbers;
  if (step === 0n) throw fault('"range" takes no step of 0');
  const span = second === undefined ? new Span(0n, first, 1n) : new Span(first, second, step);
  if (span.length > bounds.items)
    throw exceeded(`requests a range of ${span.length} numbers, more than ${bounds.items}`);
  return span;
}

function cycler(items: readonly Value[]): Host {
  if (items.length === 0) throw fault('"cycler" needs at least one value');
  let at = 0;
  const current = () => items[at % items.length] ?? null;
  return new Host("cycler", (name) => {
    if (name === "current") return current();
    if (name === "next") {
      return new Callable(name, () => {
        const value = current();
        at++;
        return value;
      });
    }
    if (name !== "reset") return undefined;
    return new Callable(name, () => {
      at = 0;
      return null;
    });
  });
}

function joiner(separator: Value): Host {
  let used = false;
  return new Host(
    "joiner",
    () => undefined,
    () => {
      const value = used ? separator : "";
      used = true;
      return value;
    },
  );
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];

/** Python's strftime in English, the usual language of servers; unknown directives stay unchanged. */
function strftime(date: Date, format: string): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const [day, month] = [days[date.getDay()] ?? "", months[date.getMonth()] ?? ""];
  const dayOfYear =
    Math.round(
      (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000,
    ) + 1;
  const known: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    e: String(date.getDate()).padStart(2, " "),
    j: String(dayOfYear).padStart(3, "0"),
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
  return format.replace(/%(-?)(.)/g, (whole, dash, letter) => {
    const text = known[letter];
    if (text === undefined) return whole;
    return dash ? text.replace(/^[0 ]+(?=\d)/, "") : text;
  });
}
