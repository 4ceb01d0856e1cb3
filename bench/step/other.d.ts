/** The Hone of another checkout; the build of the page resolves this module to it. */
declare module "hone:other" {
  export const prepare: import("./engine.ts").Prepare;
  /** The same problem in that checkout's format: the form of batches may have changed. */
  export const problemOf: typeof import("./problem.ts").problemOf;
}
