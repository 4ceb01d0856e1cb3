/** Refusals of a tokenizer's files: file, field, value and the way out. */

import * as v from "valibot";
import { explain } from "../models/config.ts";

/** `problem` continues the sentence after file and field; `field` is empty for the whole file. */
export const refusal = (file: string, field: string, problem: string): Error =>
  new Error(`${file}: ${field || "its content"} ${problem}. Choose the model's own file in Hugging Face layout.`);

/** For a valid part of a file that Hone does not support. */
export const unsupported = (what: string): Error =>
  new Error(`tokenizer.json: ${what} is not supported. Choose another model.`);

/** The value, checked by the schema. `path` is the value's field, empty for the whole file. Throws a `refusal`. */
export function parse<S extends v.GenericSchema>(schema: S, value: unknown, file: string, path = ""): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const { field, problem } = explain(result.issues[0]);
  throw refusal(file, [path, field].filter((part) => part !== "").join("."), problem);
}
