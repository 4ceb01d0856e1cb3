/** Values of configs as YAML and as Python. */

export type ConfigValue =
  | string
  | number
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [key: string]: ConfigValue };

export type Config = { readonly [key: string]: ConfigValue };

/** YAML 1.1, as PyYAML reads it, takes 1e-8 for a text: a number needs a point and a signed exponent. */
function numberText(value: number): string {
  const text = String(value);
  return /^-?\d+e/.test(text) ? text.replace("e", ".0e") : text;
}

const isObject = (value: ConfigValue): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function scalar(value: ConfigValue): string {
  if (typeof value === "number") return numberText(value);
  if (Array.isArray(value)) return `[${value.map(scalar).join(", ")}]`;
  // JSON's texts are double-quoted scalars of YAML.
  return JSON.stringify(value);
}

/** A block mapping; texts are quoted, lists of scalars stand in one line, lists of objects in blocks. */
export function toYaml(config: Config, indent = ""): string {
  return Object.entries(config)
    .map(([key, value]) => {
      if (isObject(value)) return `${indent}${key}:\n${toYaml(value, `${indent}  `)}`;
      if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
        const items = value.map((item) => `${indent}  - ${toYaml(item, `${indent}    `).trimStart()}`);
        return `${indent}${key}:\n${items.join("")}`;
      }
      return `${indent}${key}: ${scalar(value)}\n`;
    })
    .join("");
}

/** A Python literal on several lines, with `indent` before each entry. */
export function toPython(value: ConfigValue, indent = ""): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  const inner = `${indent}    `;
  if (Array.isArray(value)) return `[${value.map((item) => toPython(item, inner)).join(", ")}]`;
  const entries = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${toPython(item, inner)},`,
  );
  return entries.length === 0 ? "{}" : `{\n${entries.join("\n")}\n${indent}}`;
}
