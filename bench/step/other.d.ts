/** The Hone of another checkout, which building the page puts in this place. */
declare module "hone:other" {
  export const prepare: import("./engine.ts").Prepare;
}
