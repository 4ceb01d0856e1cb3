/** How roles look and are called: a colour and a line of its own kind each, so that colour is never the only sign. */

import type { PreviewExample, PreviewRow } from "../../protocol/datasets.ts";
import { roleWords } from "../words/preview.ts";

export type Span = PreviewExample["spans"][number];
export type Token = PreviewExample["tokens"][number];
export type { PreviewExample, PreviewRow };

/** What a stretch is painted as: whose words, plain text, or the template's own marks. */
export type Paint = "system" | "user" | "assistant" | "tool" | "text" | "template";

export const paintNames: Readonly<Record<Paint, string>> = roleWords.paints;

/** A mark that is learnt, such as the end of an answer, is part of the answer; others are the template's. */
export function paintOf({ role, kind, supervised }: Pick<Span, "role" | "kind" | "supervised">): Paint {
  if (kind === "control" && !(supervised && role !== null)) return "template";
  return role ?? "text";
}

export function paintOfRole(role: PreviewExample["messages"][number]["role"]): Paint {
  return role ?? "text";
}

export const proofWords: Readonly<Record<PreviewExample["proof"], string>> = roleWords.proofs;

/** 1, 0.5, 0.333. */
export function weightText(weight: number): string {
  return String(Number(weight.toPrecision(3)));
}
