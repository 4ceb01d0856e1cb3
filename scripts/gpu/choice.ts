/** The arguments of `npm run gpu`. */

import { parseArgs } from "node:util";
import { type PartEntry, parts } from "./parts.ts";
import type { Effort } from "./scale.ts";

export interface Choice extends Effort {
  readonly parts: readonly PartEntry[];
  readonly json: string | undefined;
}

export const options = {
  quick: { type: "boolean", default: false },
  deep: { type: "boolean", default: false },
  only: { type: "string" },
  json: { type: "string" },
} as const;

/** Throws for an unknown part. */
export function choiceOf(values: {
  readonly quick: boolean;
  readonly deep: boolean;
  readonly only?: string | undefined;
  readonly json?: string | undefined;
}): Choice {
  const names = values.only?.split(",").map((name) => name.trim()) ?? null;
  for (const name of names ?? []) {
    if (!parts.some((part) => part.name === name)) {
      throw new Error(
        `--only has no part ${name.slice(0, 60)}; the parts are ${parts.map((part) => part.name).join(", ")}.`,
      );
    }
  }
  return {
    quick: values.quick,
    deep: values.deep,
    parts: names === null ? parts : parts.filter(({ name }) => names.includes(name)),
    json: values.json,
  };
}

/** For the program of the pack, which has nothing but these arguments. */
export const choiceFromArguments = (args: readonly string[]): Choice =>
  choiceOf(parseArgs({ args: [...args], options }).values);
