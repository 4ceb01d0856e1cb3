/** Checks configs against the keys and annotations of a project's own classes, as `schemas.py` extracted them. */

import { readFileSync } from "node:fs";
import type { Config, ConfigValue } from "../../src/export/handOver/values.ts";

type Schema = Readonly<Record<string, string>>;

const file = new URL("../golden/handOver/schemas.json", import.meta.url);

const {
  enums,
  ...rest
}: { readonly enums: Readonly<Record<string, readonly string[]>> } & Readonly<Record<string, Schema>> = JSON.parse(
  readFileSync(file, "utf8"),
);

export function schemaOf(name: string): Schema {
  const schema = rest[name];
  if (!schema) throw new Error(`schemas.json has no ${name}.`);
  return schema;
}

/** The alternatives of `A | B`, `Optional[A]` and `Union[A, B]`. */
function alternatives(annotation: string): string[] {
  const text = annotation.trim();
  const wrapped = /^(Optional|Union|Annotated)\[(.*)\]$/s.exec(text);
  if (wrapped?.[1] === "Optional") return [...alternatives(wrapped[2] ?? ""), "None"];
  if (wrapped?.[1] === "Union") return split(wrapped[2] ?? "", ",").flatMap(alternatives);
  if (wrapped?.[1] === "Annotated") return alternatives(split(wrapped[2] ?? "", ",")[0] ?? "");
  const parts = split(text, "|");
  return parts.length === 1 ? [text] : parts.flatMap(alternatives);
}

/** Cuts a text at a separator outside brackets. */
function split(text: string, separator: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const character of text) {
    if (character === "[" || character === "(") depth++;
    if (character === "]" || character === ")") depth--;
    if (character === separator && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}

function fits(value: ConfigValue, type: string): boolean {
  const inner = /^(list|dict|Literal)\[(.*)\]$/s.exec(type);
  if (type === "Any") return true;
  if (type === "None") return value === null;
  if (type === "bool") return typeof value === "boolean";
  if (type === "int") return Number.isInteger(value);
  if (type === "float") return typeof value === "number";
  if (type === "str") return typeof value === "string";
  if (inner?.[1] === "Literal") return split(inner[2] ?? "", ",").some((one) => one.trim() === `'${String(value)}'`);
  if (inner?.[1] === "list" || type === "list") {
    return Array.isArray(value) && value.every((one) => !inner || fitsAny(one, inner[2] ?? ""));
  }
  const values = enums[type];
  if (values) return typeof value === "string" && values.includes(value);
  // Another class of the project is a mapping.
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const fitsAny = (value: ConfigValue, annotation: string) =>
  alternatives(annotation).some((type) => fits(value, type.trim()));

/** What is wrong with a config: unknown keys and values of other types; empty where nothing is. */
export function problemsOf(config: Config, schema: Schema): string[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const annotation = schema[key];
    if (annotation === undefined) return [`${key} is no key`];
    return fitsAny(value, annotation) ? [] : [`${key} is ${JSON.stringify(value)}, not ${annotation}`];
  });
}
