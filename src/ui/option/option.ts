/** A setting declared once: its words, its bounds, its doubt, and how it is read from what a person types. */

/** What reading gives: the settings with the new value, or the reason for refusing. */
export type Reading<T> = { readonly settings: T } | { readonly refusal: string };

export interface Option<T> {
  /** Names the field in forms, in storage and for scripts. */
  readonly field: string;
  /** Plain words. */
  readonly label: string;
  /** The field's own term, where it differs. */
  readonly term: string | null;
  readonly help: string;
  readonly control:
    | { readonly kind: "number"; readonly integer: boolean }
    | { readonly kind: "text" }
    | { readonly kind: "switch" }
    | { readonly kind: "choice"; readonly choices: readonly { readonly value: string; readonly label: string }[] }
    | { readonly kind: "several"; readonly choices: readonly string[] };
  /** The present value as it would be typed. */
  show(settings: T): string;
  read(settings: T, text: string): Reading<T>;
  /** Why an allowed value may still be a mistake; null when it is usual. */
  doubt(settings: T): string | null;
}

interface Words {
  readonly field: string;
  readonly label: string;
  readonly term?: string;
  readonly help: string;
}

interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
  /** The minimum itself is refused. */
  readonly above?: boolean;
  /** The maximum itself is refused. */
  readonly below?: boolean;
  readonly integer?: boolean;
}

/** 2e-4 rather than 0.0002: rates are read by their exponent. */
export function showNumber(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential().replace("e-0", "e-") : String(value);
}

function readNumber(text: string, { minimum, maximum, above, below, integer }: Bounds): number | string {
  const typed = text.trim();
  const value = Number(typed);
  if (typed === "") return "Enter a number.";
  if (!Number.isFinite(value)) return `"${typed}" is not a number; write it like 0.5 or 2e-4.`;
  if (integer && !Number.isInteger(value)) return `${typed} is not a whole number.`;
  const lowEnough = below ? value < maximum : value <= maximum;
  const highEnough = above ? value > minimum : value >= minimum;
  if (lowEnough && highEnough) return value;
  const low = `${above ? "more than" : "at least"} ${showNumber(minimum)}`;
  const high = `${below ? "less than" : "at most"} ${showNumber(maximum)}`;
  return `${typed} is out of range: it must be ${low} and ${high}.`;
}

/** A number that must be there. */
export function numberOption<T>(
  declared: Words &
    Bounds & {
      readonly get: (settings: T) => number;
      readonly set: (settings: T, value: number) => T;
      readonly doubt?: (value: number, settings: T) => string | null | false;
    },
): Option<T> {
  const { field, label, term, help, integer = false, get, set, doubt } = declared;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control: { kind: "number", integer },
    show: (settings) => showNumber(get(settings)),
    read(settings, text) {
      const value = readNumber(text, declared);
      return typeof value === "number" ? { settings: set(settings, value) } : { refusal: value };
    },
    doubt: (settings) => doubt?.(get(settings), settings) || null,
  };
}

/** A number that may be left empty, which is off. */
export function optionalNumberOption<T>(
  declared: Words &
    Bounds & {
      readonly get: (settings: T) => number | null;
      readonly set: (settings: T, value: number | null) => T;
      readonly doubt?: (value: number | null, settings: T) => string | null | false;
    },
): Option<T> {
  const { field, label, term, help, integer = false, get, set, doubt } = declared;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control: { kind: "number", integer },
    show(settings) {
      const value = get(settings);
      return value === null ? "" : showNumber(value);
    },
    read(settings, text) {
      if (text.trim() === "") return { settings: set(settings, null) };
      const value = readNumber(text, declared);
      return typeof value === "number" ? { settings: set(settings, value) } : { refusal: `${value} Empty is off.` };
    },
    doubt: (settings) => doubt?.(get(settings), settings) || null,
  };
}

/** One of a few named values. */
export function choiceOption<T, Value extends string>(
  declared: Words & {
    readonly choices: readonly { readonly value: Value; readonly label: string }[];
    readonly get: (settings: T) => Value;
    readonly set: (settings: T, value: Value) => T;
    readonly doubt?: (value: Value, settings: T) => string | null | false;
  },
): Option<T> {
  const { field, label, term, help, choices, get, set, doubt } = declared;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control: { kind: "choice", choices },
    show: get,
    read(settings, text) {
      const found = choices.find(({ value }) => value === text);
      return found ? { settings: set(settings, found.value) } : { refusal: `"${text}" is not one of the choices.` };
    },
    doubt: (settings) => doubt?.(get(settings), settings) || null,
  };
}

/** On or off. */
export function switchOption<T>(
  declared: Words & {
    readonly get: (settings: T) => boolean;
    readonly set: (settings: T, on: boolean) => T;
  },
): Option<T> {
  const { field, label, term, help, get, set } = declared;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control: { kind: "switch" },
    show: (settings) => (get(settings) ? "on" : "off"),
    read: (settings, text) =>
      text === "on" || text === "off"
        ? { settings: set(settings, text === "on") }
        : { refusal: `"${text}" is neither on nor off.` },
    doubt: () => null,
  };
}

/** At least one of a few named values; typed as a comma-separated list. */
export function severalOption<T, Value extends string>(
  declared: Words & {
    readonly choices: readonly Value[];
    readonly get: (settings: T) => readonly Value[];
    readonly set: (settings: T, values: readonly Value[]) => T;
  },
): Option<T> {
  const { field, label, term, help, choices, get, set } = declared;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control: { kind: "several", choices },
    show: (settings) => get(settings).join(","),
    read(settings, text) {
      const named = text.split(",");
      const chosen = choices.filter((choice) => named.includes(choice));
      return chosen.length > 0 ? { settings: set(settings, chosen) } : { refusal: "Choose at least one." };
    },
    doubt: () => null,
  };
}

/** Free text; empty is null. */
export function textOption<T>(
  declared: Words & {
    readonly get: (settings: T) => string | null;
    readonly set: (settings: T, value: string | null) => T;
  },
): Option<T> {
  const { field, label, term, help, get, set } = declared;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control: { kind: "text" },
    show: (settings) => get(settings) ?? "",
    read: (settings, text) => ({ settings: set(settings, text === "" ? null : text) }),
    doubt: () => null,
  };
}

/** Applies every entry to the defaults; what is refused keeps its default and is named with the reason. */
export function readEntries<T>(
  defaults: T,
  options: readonly Option<T>[],
  entries: Readonly<Record<string, string>>,
): { readonly settings: T; readonly refusals: Readonly<Record<string, string>> } {
  let settings = defaults;
  const refusals: Record<string, string> = {};
  for (const option of options) {
    const text = entries[option.field];
    if (text === undefined) continue;
    const reading = option.read(settings, text);
    if ("settings" in reading) settings = reading.settings;
    else refusals[option.field] = reading.refusal;
  }
  return { settings, refusals };
}
