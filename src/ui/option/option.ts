/** A setting as a form option: its value as text, and the parser of typed text. */

import type { Recipe } from "../../run/recipe.ts";
import type { Control, NumberControl, Setting, Words } from "../../run/setting.ts";

/** The settings with the new value, or the reason of the refusal. */
export type Reading<T> = { readonly settings: T } | { readonly refusal: string };

export interface Option<T> {
  /** Name of the field in forms, storage and scripts. */
  readonly field: string;
  /** Label of the field. */
  readonly label: string;
  /** Unit or term in brackets after the label. */
  readonly term: string | null;
  readonly help: string;
  readonly control: Control;
  /** Index of its stage in a recipe with several; missing for an option of the whole recipe. */
  readonly stage?: number;
  /** The present value as text. */
  show(settings: T): string;
  read(settings: T, text: string): Reading<T>;
  /** Why an allowed value may be a mistake; null for a usual value. */
  doubt(settings: T): string | null;
  /** Whether it applies with the other settings. */
  applies(settings: T): boolean;
  /** Whether another setting replaces it. */
  replaced(settings: T): boolean;
}

/** 2e-4 instead of 0.0002: exponents are easier to compare. */
export function showNumber(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential().replace("e-0", "e-") : String(value);
}

function readNumber(text: string, { minimum, maximum, above, below, integer }: NumberControl): number | string {
  const typed = text.trim();
  const value = Number(typed);
  if (typed === "") return "Enter a number.";
  if (!Number.isFinite(value)) return `"${typed}" is not a number. Write it like 0.5 or 2e-4.`;
  if (integer && !Number.isInteger(value)) return `${typed} is not a whole number.`;
  const lowEnough = below ? value < maximum : value <= maximum;
  const highEnough = above ? value > minimum : value >= minimum;
  if (lowEnough && highEnough) return value;
  const low = `${above ? "more than" : "at least"} ${showNumber(minimum)}`;
  const high = `${below ? "less than" : "at most"} ${showNumber(maximum)}`;
  return `${typed} is out of range: it must be ${low} and ${high}.`;
}

type Read<Value> = { readonly value: Value } | { readonly refusal: string };

/** Parses a required number. */
function readRequired(control: NumberControl, text: string): Read<number> {
  const value = readNumber(text, control);
  return typeof value === "number" ? { value } : { refusal: value };
}

/** Parses an optional number; empty is null. */
function readOptional(control: NumberControl, text: string): Read<number | null> {
  if (text.trim() === "") return { value: null };
  const value = readNumber(text, control);
  return typeof value === "number" ? { value } : { refusal: `${value} Empty is off.` };
}

function showValue(control: Control, value: unknown): string {
  switch (control.kind) {
    case "number":
      return typeof value === "number" ? showNumber(value) : "";
    case "switch":
      return value === true ? "on" : "off";
    case "several":
      return Array.isArray(value) ? value.join(",") : "";
    case "text":
    case "choice":
    case "list":
      return typeof value === "string" ? value : "";
  }
}

function readValue(control: Control, text: string): Read<unknown> {
  switch (control.kind) {
    case "number":
      return control.optional ? readOptional(control, text) : readRequired(control, text);
    case "text":
      return { value: text === "" ? null : text };
    case "switch":
      return text === "on" || text === "off" ? { value: text === "on" } : { refusal: `"${text}" is not on or off.` };
    case "choice":
      return control.choices.some(({ value }) => value === text)
        ? { value: text }
        : { refusal: `"${text}" is not one of the choices.` };
    case "list": {
      const names = text.split(",");
      const unknown = names.find((name) => !control.choices.includes(name));
      if (unknown !== undefined)
        return { refusal: `"${unknown.slice(0, 40)}" is none of ${control.choices.join(", ")}.` };
      return names.length > control.most
        ? { refusal: `The list has ${names.length} entries: it may have at most ${control.most}.` }
        : { value: text };
    }
    case "several": {
      // The text is a comma-separated list.
      const named = text.split(",");
      const chosen = control.choices.filter((choice) => named.includes(choice));
      return chosen.length > 0 ? { value: chosen } : { refusal: "Choose at least one." };
    }
  }
}

/** A setting of the recipe as an option. */
export function optionOf(setting: Setting): Option<Recipe> {
  const { field, label, term, help, control, applies, replaced, stage } = setting;
  return {
    ...(stage !== undefined && { stage }),
    field,
    label,
    term: term ?? null,
    help,
    control,
    show: (recipe) => showValue(control, setting.value(recipe)),
    read(recipe, text) {
      const read = readValue(control, text);
      return "value" in read ? { settings: setting.with(recipe, read.value) } : read;
    },
    doubt: setting.doubt,
    applies: applies ?? (() => true),
    replaced: replaced ?? (() => false),
  };
}

interface Declared<T, Value> extends Words, Omit<NumberControl, "kind" | "optional"> {
  readonly field: string;
  readonly get: (settings: T) => Value;
  readonly set: (settings: T, value: Value) => T;
  readonly doubt?: (value: Value, settings: T) => string | null | false;
}

function numeric<T, Value extends number | null>(
  { field, label, term, help, get, set, doubt, ...bounds }: Declared<T, Value>,
  optional: boolean,
  readText: (control: NumberControl, text: string) => Read<Value>,
): Option<T> {
  const control = { kind: "number", optional, ...bounds } as const;
  return {
    field,
    label,
    term: term ?? null,
    help,
    control,
    show: (settings) => showValue(control, get(settings)),
    read(settings, text) {
      const read = readText(control, text);
      return "value" in read ? { settings: set(settings, read.value) } : read;
    },
    doubt: (settings) => doubt?.(get(settings), settings) || null,
    applies: () => true,
    replaced: () => false,
  };
}

/** A required number outside of a recipe. */
export const numberOption = <T>(declared: Declared<T, number>): Option<T> => numeric(declared, false, readRequired);

/** An optional number outside of a recipe; empty is null. */
export const optionalNumberOption = <T>(declared: Declared<T, number | null>): Option<T> =>
  numeric(declared, true, readOptional);

/**
 * Applies every entry to the defaults, in the order of the options. A refused entry has its default, and its reason in
 * `refusals`. An option that does not apply is not read.
 */
export function readEntries<T>(
  defaults: T,
  options: readonly Option<T>[],
  entries: Readonly<Record<string, string>>,
): { readonly settings: T; readonly refusals: Readonly<Record<string, string>> } {
  let settings = defaults;
  const refusals: Record<string, string> = {};
  for (const option of options) {
    const text = entries[option.field];
    if (text === undefined || !option.applies(settings)) continue;
    const reading = option.read(settings, text);
    if ("settings" in reading) settings = reading.settings;
    else refusals[option.field] = reading.refusal;
  }
  return { settings, refusals };
}
