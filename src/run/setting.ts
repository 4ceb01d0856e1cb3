/** The declaration of a recipe field: schema, default, words, bounds, warning, and its effects. */

import * as v from "valibot";
import type { Recipe } from "./recipe.ts";

export type Method = "lora" | "full";

export interface NumberControl {
  readonly kind: "number";
  readonly minimum: number;
  readonly maximum: number;
  /** The value must be above the minimum, not equal to it. */
  readonly above?: boolean;
  /** The value must be below the maximum, not equal to it. */
  readonly below?: boolean;
  readonly integer?: boolean;
  /** May be empty: the value is then null, and the feature is off. */
  readonly optional?: boolean;
}

export type Control =
  | NumberControl
  /** An empty text becomes null. */
  | { readonly kind: "text" }
  | { readonly kind: "switch" }
  | { readonly kind: "choice"; readonly choices: readonly { readonly value: string; readonly label: string }[] }
  /** At least one of the names. */
  | { readonly kind: "several"; readonly choices: readonly string[] }
  /** At least one of the names, in an order, and any of them more than once. */
  | { readonly kind: "list"; readonly choices: readonly string[]; readonly most: number };

/** The group of the form that shows a setting. */
export type Place = "template" | "data" | "stages" | "basic" | "adapter" | "forgetting" | "more";

export interface Words {
  /** Plain words. */
  readonly label: string;
  /** The machine-learning term, where the label differs from it. */
  readonly term?: string;
  readonly help: string;
}

/** The part of a setting that forms use, whatever its value. */
export interface Shown extends Words {
  readonly control: Control;
  readonly place: Place;
  /** What a change makes invalid: the prepared rows, or the measured budget. */
  readonly affects: readonly ("rows" | "budget")[];
  /** Whether the setting exists with these other settings; always by default. */
  readonly applies?: (recipe: Recipe) => boolean;
  /** Whether another setting overrides it, although it is shown; never by default. */
  readonly replaced?: (recipe: Recipe) => boolean;
  /** Index of its stage in a run with several; missing for a setting of the whole run. */
  readonly stage?: number;
}

/** A field of the stored recipe. */
export interface StoredField<Value> {
  readonly schema: v.GenericSchema<unknown, Value>;
  /** The default of each method. */
  readonly initial: Readonly<Record<Method, Value>>;
}

/** A stored field of a part of the recipe, with a control in the form. */
export interface Field<Value, Part> extends StoredField<Value>, Omit<Shown, "applies" | "replaced" | "stage"> {
  readonly applies?: (recipe: Recipe, part: Part) => boolean;
  readonly replaced?: (recipe: Recipe, part: Part) => boolean;
  /** A warning for an allowed value that may be a mistake. */
  readonly doubt?: (value: Value, recipe: Recipe, part: Part) => string | null | false;
}

/** The declarations of all fields of a part of the recipe. */
export type Fields<Part> = { readonly [K in keyof Part]: StoredField<Part[K]> | Field<Part[K], Part> };

/** One default for both methods. */
export const both = <Value>(value: Value): StoredField<Value>["initial"] => ({ lora: value, full: value });

const keysOf = <Part extends object>(fields: Fields<Part>) => Object.keys(fields) as (keyof Part & string)[];

/** The schema of a part, from the declarations of its fields. */
export function schemaOf<Part extends object>(fields: Fields<Part>): v.GenericSchema<unknown, Part> {
  const whole: v.GenericSchema<unknown, object> = v.object(
    Object.fromEntries(keysOf(fields).map((key) => [key, fields[key].schema])),
  );
  // `Fields` has an entry for every member of the part.
  return whole as v.GenericSchema<unknown, Part>;
}

export function initialOf<Part extends object>(fields: Fields<Part>, method: Method): Part {
  return Object.fromEntries(keysOf(fields).map((key) => [key, fields[key].initial[method]])) as Part;
}

/** The declared fields of a larger object. */
export function pick<Part extends object>(fields: Fields<Part>, whole: Part): Part {
  return Object.fromEntries(keysOf(fields).map((key) => [key, whole[key]])) as Part;
}

/** A declared field with access to its value, for forms, addresses and comparisons. */
export interface Setting extends Shown {
  /** The field's name in forms, in storage and for scripts. */
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
  readonly doubt?: (value: Value, recipe: Recipe) => string | null | false | undefined;
}

/** A setting from a getter and a setter on the recipe; a control need not match one stored field. */
export function settingOf<Value>({ schema, get, set, doubt, ...shown }: View<Value>): Setting {
  return {
    ...shown,
    value: get,
    with: (recipe, value) => set(recipe, v.parse(schema, value)),
    doubt: (recipe) => doubt?.(get(recipe), recipe) || null,
  };
}

/** Access to a part of the recipe. */
export interface Lens<Part> {
  get(recipe: Recipe): Part;
  set<K extends keyof Part>(recipe: Recipe, key: K, value: Part[K]): Recipe;
  /** Whether the recipe has the part; always by default. */
  there?(recipe: Recipe): boolean;
  /** Index of the part's stage in a run with several. */
  readonly stage?: number;
  /** The setting's name; the field's by default. */
  name?(field: string): string;
}

/** The settings of a part, in the order of their declaration. */
export function settingsOf<Part extends object>(fields: Fields<Part>, lens: Lens<Part>): Setting[] {
  const { stage, there = () => true, name = (field) => field } = lens;
  const one = <K extends keyof Part & string>(key: K): Setting[] => {
    const declared: StoredField<Part[K]> | Field<Part[K], Part> = fields[key];
    if (!("control" in declared)) return [];
    const { applies, replaced, doubt, ...shown } = declared;
    return [
      settingOf({
        ...shown,
        ...(stage !== undefined && { stage }),
        field: name(key),
        get: (recipe) => lens.get(recipe)[key],
        set: (recipe, value) => lens.set(recipe, key, value),
        applies: (recipe) => there(recipe) && (applies?.(recipe, lens.get(recipe)) ?? true),
        replaced: (recipe) => there(recipe) && (replaced?.(recipe, lens.get(recipe)) ?? false),
        doubt: (value, recipe) => doubt?.(value, recipe, lens.get(recipe)),
      }),
    ];
  };
  return keysOf(fields).flatMap((key) => one(key));
}
