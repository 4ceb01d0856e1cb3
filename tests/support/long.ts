/** Long tests run in full with `npm run test:long`; `npm test` runs a fixed part of their cases. */

/** Set by vitest.config.ts. */
declare const __LONG__: boolean;

export const isLong = __LONG__;

/** Number of cases of a property: all in the long form, the first eighth in the quick form. */
export const cases = (all: number): number => (isLong ? all : Math.ceil(all / 8));
