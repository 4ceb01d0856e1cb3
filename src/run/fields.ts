/** Schemas of the plain values that records are made of. */

import * as v from "valibot";

/** Any number at all: a loss may be NaN, which `v.number()` refuses. */
export const AnyNumber = v.custom<number>((value) => typeof value === "number", "a number is expected");
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Text = v.string();
