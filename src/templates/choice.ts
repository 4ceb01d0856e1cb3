/** The template of a run, and which turns are supervised. Plain data: part of every recipe. */

import * as v from "valibot";

const builtInTemplates = ["hone", "chatml", "llama3", "zephyr", "alpaca", "gemma", "phi3", "mistral", "plain"] as const;

export type BuiltInTemplate = (typeof builtInTemplates)[number];

export type TemplateChoice =
  | { readonly kind: "built-in"; readonly name: BuiltInTemplate }
  /** The model's own `chat_template`. */
  | { readonly kind: "model" }
  /** Jinja that the user wrote. */
  | { readonly kind: "custom"; readonly source: string };

/** A choice as a run stores it. */
export const TemplateSchema: v.GenericSchema<unknown, TemplateChoice> = v.variant("kind", [
  v.object({ kind: v.literal("built-in"), name: v.picklist(builtInTemplates) }),
  v.object({ kind: v.literal("model") }),
  v.object({ kind: v.literal("custom"), source: v.string() }),
]);

/**
 * The supervised turns: all of the assistant's, only the last one, or everything (as in continued pre-training). A
 * message's own weight counts in each mode; plain text is always supervised whole.
 */
export const maskModes = ["responses", "last", "everything"] as const;

export type MaskMode = (typeof maskModes)[number];
