/** The one error of this room: a sentence that names file or address, what is wrong with it, and the way out. */

import { cut } from "../tensor/quote.ts";

export class ModelError extends Error {
  /** True when the file is simply not there (or not for everybody), so that an optional file can be done without. */
  readonly absent: boolean;

  constructor(message: string, options: ErrorOptions & { readonly absent?: boolean } = {}) {
    super(message, options);
    this.name = "ModelError";
    this.absent = options.absent ?? false;
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The first few names, and how many more there are. */
export function listSome(names: readonly string[], limit = 4): string {
  const listed = names.slice(0, limit);
  // Names of tensors have up to some 80 characters; several of them share the room of a sentence.
  const length = Math.max(40, Math.floor(160 / listed.length));
  const shown = listed.map((name) => cut(name, length)).join(", ");
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}
