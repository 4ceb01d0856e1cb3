/** How roles look and are called: a colour and a line of its own kind each, so that colour is never the only sign. */

import type { PreviewExample, PreviewRow } from "../../worker/dataProtocol.ts";

export type Span = PreviewExample["spans"][number];
export type Token = PreviewExample["tokens"][number];
export type { PreviewExample, PreviewRow };

/** What a stretch is painted as: whose words, plain text, or the template's own marks. */
export type Paint = "system" | "user" | "assistant" | "tool" | "text" | "template";

export const paintNames: Readonly<Record<Paint, string>> = {
  system: "System",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
  text: "Plain text",
  template: "Template",
};

/** A mark that is learnt, such as the end of an answer, is part of the answer; others are the template's. */
export function paintOf({ role, kind, supervised }: Pick<Span, "role" | "kind" | "supervised">): Paint {
  if (kind === "control" && !(supervised && role !== null)) return "template";
  return role ?? "text";
}

export function paintOfRole(role: PreviewExample["messages"][number]["role"]): Paint {
  return role ?? "text";
}

export const proofWords: Readonly<Record<PreviewExample["proof"], string>> = {
  structure: "known from the template's structure",
  "generation tags": "marked by the template's own generation tags",
  prefixes: "found from growing prefixes, each verified",
  marks: "found with marks around the contents, each verified",
};

/** 1, 0.5, 0.333. */
export function weightText(weight: number): string {
  return String(Number(weight.toPrecision(3)));
}
