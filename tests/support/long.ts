/** `npm run test:long` takes what takes minutes and finds little in full; `npm test` takes a part of it, the same at each run. */

/** Set by vitest.config.ts. */
declare const __LONG__: boolean;

export const isLong = __LONG__;

/** Cases of a property: all of them in the long form, an eighth of them, in the same order, in the quick one. */
export const cases = (all: number): number => (isLong ? all : Math.ceil(all / 8));
