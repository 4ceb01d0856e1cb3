/** Graders: how an answer is judged against the expected one. Plain data; `grade.ts` judges. */

import * as v from "valibot";
import { finite, text } from "../fields.ts";

export const graderKinds = ["exact", "normalised", "contains", "number", "pattern", "json", "choice"] as const;
export type GraderKind = (typeof graderKinds)[number];

export type Grader =
  /** Equal after trimming and collapsing white space. */
  | { readonly kind: "exact" }
  /** Equal without case, punctuation, accents' form and English articles. */
  | { readonly kind: "normalised" }
  /** The normalised answer has the normalised expected one as whole words. */
  | { readonly kind: "contains" }
  /** The last number of the answer is the expected one's last number, up to a distance. */
  | { readonly kind: "number"; readonly tolerance: number }
  /**
   * Without `pattern`, the expected answer is itself a regular expression to find in the answer. With one, its first match (the
   * first group, where it has one) is compared with the expected answer as "normalised".
   */
  | { readonly kind: "pattern"; readonly pattern: string | null }
  /** Equal as JSON values: the order of members and the way of writing numbers do not count. */
  | { readonly kind: "json" }
  /** The choice of the highest log-probability is the expected one; `per` "character" divides it by the choice's length. */
  | { readonly kind: "choice"; readonly per: "total" | "character" };

export const exactGrader: Grader = { kind: "exact" };

/** The grader of a kind with its usual settings. */
export function graderOf(kind: GraderKind): Grader {
  switch (kind) {
    case "number":
      return { kind, tolerance: 0 };
    case "pattern":
      return { kind, pattern: null };
    case "choice":
      return { kind, per: "total" };
    default:
      return { kind };
  }
}

export const GraderSchema: v.GenericSchema<unknown, Grader> = v.variant("kind", [
  v.object({ kind: v.picklist(["exact", "normalised", "contains", "json"]) }),
  v.object({ kind: v.literal("number"), tolerance: finite(0, 1e300) }),
  v.object({ kind: v.literal("pattern"), pattern: v.nullable(text(10_000)) }),
  v.object({ kind: v.literal("choice"), per: v.picklist(["total", "character"]) }),
]);
