/** The facts of making rows. */

import type { DocumentPassage, MadeRow, Maker } from "../run/made.ts";
import type { Failure } from "./state.ts";

/** A made row and the decision on it. Only accepted rows become data. */
export interface DecidedRow extends MadeRow {
  readonly id: string;
  readonly state: "open" | "accepted" | "refused";
  readonly maker: Maker;
}

export interface MakeFacts {
  readonly phase: "idle" | "reading" | "making" | "adding";
  /** Of all opened documents, in order. */
  readonly passages: readonly DocumentPassage[];
  /** Documents that could not be read, each with the reason. */
  readonly unread: readonly { readonly name: string; readonly message: string }[];
  readonly rows: readonly DecidedRow[];
  /** Number of dropped texts by part and reason, such as "question similar". */
  readonly dropped: Readonly<Record<string, number>>;
  readonly attempts: { readonly done: number; readonly total: number };
  readonly failure: Failure | null;
}

export const noMade: MakeFacts = {
  phase: "idle",
  passages: [],
  unread: [],
  rows: [],
  dropped: {},
  attempts: { done: 0, total: 0 },
  failure: null,
};
