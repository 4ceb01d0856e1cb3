/** The problem that a schema found, in plain words and within one sentence. */

import * as v from "valibot";
import { cut } from "../tensor/quote.ts";

/** Longest quote of a value, in characters. */
const mostOfValue = 40;

/** A value in a message: numbers and short texts as they are, else its kind. */
function nameOf(value: unknown): string {
  if (typeof value === "string") return `"${cut(value, mostOfValue)}"`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return cut(String(value));
}

/** The expected value where a schema has no words of its own, by the type of its check. */
const expectations: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
  tuple: "a list of another length",
  min_length: "a longer list",
};

function expectedOf({ type, message, expected }: v.BaseIssue<unknown>): string {
  if (!message.startsWith("Invalid ")) return message;
  const known = expectations[type];
  if (known) return known;
  const choices = (expected ?? "").replace(/[()]/g, "").replaceAll(" | ", ", ");
  return choices === "" ? "something else" : `one of ${cut(choices)}`;
}

/** `recipe.seed is -3, not a whole number from 0 to 9`: the end of a sentence. */
export function problemOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  if (issue.input === undefined) return `${cut(path ?? "it")} is missing`;
  const place = cut(path ?? "the whole");
  return `${place} is ${nameOf(issue.input)}, not ${expectedOf(issue)}`;
}

/** Reads a value, or returns its first problem. Only the first, because a long list could have a million. */
export function readAs<T>(
  schema: v.GenericSchema<unknown, T>,
  value: unknown,
): { readonly output: T; readonly problem: null } | { readonly output: null; readonly problem: string } {
  const read = v.safeParse(schema, value, { abortEarly: true });
  return read.success ? { output: read.output, problem: null } : { output: null, problem: problemOf(read.issues[0]) };
}
