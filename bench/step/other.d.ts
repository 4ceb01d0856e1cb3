/** The Hone of another checkout, which building the page puts in this place. */
declare module "hone:other" {
  export const prepare: import("./engine.ts").Prepare;
  /** The same problem as that checkout writes it: the form of batches may have changed. */
  export const problemOf: typeof import("./problem.ts").problemOf;
}
