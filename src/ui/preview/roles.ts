/** Name, colour and line style of each role, so that colour is never the only sign. */

import type { PreviewExample, PreviewRow } from "../../protocol/datasets.ts";
import { roleWords } from "../words/preview.ts";

export type Span = PreviewExample["spans"][number];
export type Token = PreviewExample["tokens"][number];
export type { PreviewExample, PreviewRow };

/** Paint of a span: a role, plain text, or marks of the template. */
export type Paint = "system" | "user" | "assistant" | "tool" | "text" | "template";

export const paintNames: Readonly<Record<Paint, string>> = roleWords.paints;

/** A supervised mark, for example a stop token, has the paint of the answer. */
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
