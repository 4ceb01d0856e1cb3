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
  const shown = names
    .slice(0, limit)
    .map((name) => cut(name, 40))
    .join(", ");
  return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}
