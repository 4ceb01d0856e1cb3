/** Schemas of plain values in records. */

import * as v from "valibot";

/** Any number, NaN included: a loss may be NaN, and `v.number()` refuses that. */
export const AnyNumber = v.custom<number>((value) => typeof value === "number", "a number is expected");
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Text = v.string();
