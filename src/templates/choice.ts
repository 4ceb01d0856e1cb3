/** Which template a run renders with, and what of it is supervised. Plain data: part of every recipe. */

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
