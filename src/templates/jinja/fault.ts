/** A fault of a template while it runs, before its place is known. */

export class Fault extends Error {
  override readonly name = "Fault";
}

/** `what`: one clause without a full stop. */
export const fault = (what: string) => new Fault(what.length > 160 ? `${what.slice(0, 159)}…` : what);
