/** Schemas of the plain values that records are made of. */

import * as v from "valibot";

/** Any number at all: a loss may be NaN, which `v.number()` refuses. */
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

// Those below have bounds: they are for what strangers wrote.

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

/** On one line, and in every encoding the same: names of files and runs. */
export const Name = v.custom<string>(
  (value) => typeof value === "string" && value.length <= 1000 && !/[\p{Cc}\p{Cs}]/u.test(value),
  "a name of at most 1000 characters",
);

/** As `Date.toISOString` writes it. */
export const IsoDate = v.custom<string>(
  (value) =>
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
  "a date such as 2026-01-31T12:00:00.000Z",
);

export const list = <T>(item: v.GenericSchema<unknown, T>, longest: number) =>
  v.pipe(
    v.custom<unknown[]>((value) => Array.isArray(value) && value.length <= longest, `a list of at most ${longest}`),
    v.array(item),
  );
