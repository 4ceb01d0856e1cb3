/** Schemas of plain values in records. */

import * as v from "valibot";

/** Any number, NaN included: a loss may be NaN, and `v.number()` refuses that. */
export const AnyNumber = v.custom<number>((value) => typeof value === "number", "a number");
/** A whole number from 0 that a float64 holds exactly. */
export const Count = v.custom<number>(
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  "a whole number from 0",
);
export const Text = v.string();

/** Lower-case SHA-256. */
export const Hash = v.custom<string>(
  (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  "64 hexadecimal digits",
);

// The schemas below are for foreign values, so they have bounds.

export const whole = (from: number, to: number) =>
  v.custom<number>(
    (value) => Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to,
    `a whole number from ${from} to ${to}`,
  );

export const finite = (from: number, to: number) =>
  v.custom<number>(
    (value) => typeof value === "number" && value >= from && value <= to,
    `a number from ${from} to ${to}`,
  );

export const text = (longest: number) =>
  v.custom<string>(
    (value) => typeof value === "string" && value.length <= longest,
    `a text of at most ${longest} characters`,
  );

/** Names of files and runs: one line, and valid in every encoding. */
export const Name = v.custom<string>(
  (value) => typeof value === "string" && value.length <= 1000 && !/[\p{Cc}\p{Cs}]/u.test(value),
  "a name of at most 1000 characters",
);

/** The form of `Date.toISOString`. */
export const IsoDate = v.custom<string>(
  (value) =>
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
  "a date like 2026-01-31T12:00:00.000Z",
);

export const list = <T>(item: v.GenericSchema<unknown, T>, longest: number) =>
  v.pipe(
    v.custom<unknown[]>((value) => Array.isArray(value) && value.length <= longest, `a list of at most ${longest}`),
    v.array(item),
  );
