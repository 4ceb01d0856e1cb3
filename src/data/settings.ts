/** What a person chooses about data, template and mask. Plain data: it is part of the recipe, and of a run's record. */

import type { Mapping } from "./formats/mapping.ts";

export type BuiltInTemplate =
  | "hone"
  | "chatml"
  | "llama3"
  | "zephyr"
  | "alpaca"
  | "gemma"
  | "phi3"
  | "mistral"
  | "plain";

export type TemplateChoice =
  | { readonly kind: "built-in"; readonly name: BuiltInTemplate }
  /** The `chat_template` that the model brings. */
  | { readonly kind: "model" }
  /** Jinja that the user wrote. */
  | { readonly kind: "custom"; readonly source: string };

/**
 * What is learnt: every assistant turn, the last one only, or everything (as in continued pre-training). A message's own
 * weight counts in each; plain text is always learnt whole.
 */
export type MaskMode = "responses" | "last" | "everything";

/** A chat that is longer than the limit is left out, loses the beginning of its context, or loses its end. */
export type Truncation = "drop" | "left" | "right";

/** The settings that decide which tokens with which weights a row becomes. */
export interface DataSettings {
  readonly template: TemplateChoice;
  /** Put before rows that bring no system message; null for none. */
  readonly systemPrompt: string | null;
  readonly mask: MaskMode;
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly truncation: Truncation;
}

/** One dataset among those that a run learns from. */
export interface SourceChoice {
  /** Names the rows as they were read, before any mapping. */
  readonly hash: string;
  /** How rows become examples; null: as it was detected. */
  readonly mapping: Mapping | null;
  /** λ of the mixture, > 0. */
  readonly lambda: number;
  /** Rows taken out by the user, ascending. */
  readonly excluded: readonly number[];
}

/** A source as it is chosen when nothing about it is changed: all rows, as they were detected. */
export function wholeSource(hash: string): SourceChoice {
  return { hash, mapping: null, lambda: 1, excluded: [] };
}

/**
 * How λ is meant (DOMAIN.md, Mixture): "sampling" draws from source k with probability ∝ λ_k; "weight" gives every row once
 * per epoch and scales its loss weights by λ_k.
 */
export type MixtureMode = "sampling" | "weight";

/**
 * Whether plain text and chats are mixed in one stage, or a first stage continues pre-training on the text and a second one
 * learns from the chats (DOMAIN.md, Domain adaptation).
 */
export type StageOrder = "together" | "text-first";
