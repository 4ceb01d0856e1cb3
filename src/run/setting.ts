/** How one field of a recipe is declared: schema, default, words, bounds, doubt, and what depends on it. */

import * as v from "valibot";
import type { Recipe } from "./recipe.ts";

export type Method = "lora" | "full";

export interface NumberControl {
  readonly kind: "number";
  readonly minimum: number;
  readonly maximum: number;
  /** The minimum itself is refused. */
  readonly above?: boolean;
  /** The maximum itself is refused. */
  readonly below?: boolean;
  readonly integer?: boolean;
  /** It may be left empty; the value is then null, which is off. */
  readonly optional?: boolean;
}

export type Control =
  | NumberControl
  /** Empty is null. */
  | { readonly kind: "text" }
  | { readonly kind: "switch" }
  | { readonly kind: "choice"; readonly choices: readonly { readonly value: string; readonly label: string }[] }
  /** At least one of several names. */
  | { readonly kind: "several"; readonly choices: readonly string[] };

/** The group of a form that a setting is shown in. */
export type Place = "template" | "data" | "stages" | "basic" | "text stage" | "adapter" | "more";

export interface Words {
  /** Plain words. */
  readonly label: string;
  /** The field's own term, where it differs. */
  readonly term?: string;
  readonly help: string;
}

/** What a form needs to know of a setting, whatever its value. */
export interface Shown extends Words {
  readonly control: Control;
  readonly place: Place;
  /** What must be done again when it changes: rows are prepared anew, or the budget is measured anew. */
  readonly affects: readonly ("rows" | "budget")[];
  /** Whether it exists beside the other settings; left out: always. */
  readonly applies?: (recipe: Recipe) => boolean;
  /** Whether another setting replaces it while it is shown; left out: never. */
  readonly replaced?: (recipe: Recipe) => boolean;
}

/** A field that a recipe keeps. */
export interface Kept<Value> {
  readonly schema: v.GenericSchema<unknown, Value>;
  /** The default of each method. */
  readonly initial: Readonly<Record<Method, Value>>;
}

/** A field that a form shows with one control. */
export interface Field<Value> extends Kept<Value>, Shown {
  /** Why an allowed value may still be a mistake. */
  readonly doubt?: (value: Value, recipe: Recipe) => string | null | false;
}

/** Every field of a part of the recipe, declared once. */
export type Fields<Part> = { readonly [K in keyof Part]: Kept<Part[K]> | Field<Part[K]> };

/** A default that does not depend on the method. */
export const both = <Value>(value: Value): Kept<Value>["initial"] => ({ lora: value, full: value });

const keysOf = <Part extends object>(fields: Fields<Part>) => Object.keys(fields) as (keyof Part & string)[];

/** The schema of a part whose fields are declared. */
export function schemaOf<Part extends object>(fields: Fields<Part>): v.GenericSchema<unknown, Part> {
  const whole: v.GenericSchema<unknown, object> = v.object(
    Object.fromEntries(keysOf(fields).map((key) => [key, fields[key].schema])),
  );
  // The declaration has an entry for every member of the part.
  return whole as v.GenericSchema<unknown, Part>;
}

export function initialOf<Part extends object>(fields: Fields<Part>, method: Method): Part {
  return Object.fromEntries(keysOf(fields).map((key) => [key, fields[key].initial[method]])) as Part;
}

/** The part of a larger object that has the declared fields. */
export function pick<Part extends object>(fields: Fields<Part>, whole: Part): Part {
  return Object.fromEntries(keysOf(fields).map((key) => [key, whole[key]])) as Part;
}

/** A declared field as forms, addresses and comparisons go through it. */
export interface Setting extends Shown {
  /** Names the field in forms, in storage and for scripts. */
  readonly field: string;
  value(recipe: Recipe): unknown;
  /** Throws when the value is not of the field's type. */
  with(recipe: Recipe, value: unknown): Recipe;
  doubt(recipe: Recipe): string | null;
}

interface View<Value> extends Shown {
  readonly field: string;
  readonly schema: v.GenericSchema<unknown, Value>;
  readonly get: (recipe: Recipe) => Value;
  readonly set: (recipe: Recipe, value: Value) => Recipe;
  readonly doubt?: (value: Value, recipe: Recipe) => string | null | false;
}

/** A setting by the way into the recipe: a control may show what no field keeps under its own name. */
export function settingOf<Value>({ schema, get, set, doubt, ...shown }: View<Value>): Setting {
  return {
    ...shown,
    value: get,
    with: (recipe, value) => set(recipe, v.parse(schema, value)),
    doubt: (recipe) => doubt?.(get(recipe), recipe) || null,
  };
}

/** Where the fields of a part stand in a recipe. */
export interface Lens<Part> {
  get(recipe: Recipe): Part;
  set<K extends keyof Part>(recipe: Recipe, key: K, value: Part[K]): Recipe;
}

/** The settings of a part, in the order of their declaration. */
export function settingsOf<Part extends object>(fields: Fields<Part>, lens: Lens<Part>): Setting[] {
  const one = <K extends keyof Part & string>(key: K): Setting[] => {
    const declared: Kept<Part[K]> | Field<Part[K]> = fields[key];
    if (!("control" in declared)) return [];
    const get = (recipe: Recipe) => lens.get(recipe)[key];
    return [settingOf({ ...declared, field: key, get, set: (recipe, value) => lens.set(recipe, key, value) })];
  };
  return keysOf(fields).flatMap((key) => one(key));
}
