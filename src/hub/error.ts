/** The error of this room: a sentence that names the file or address, the fault, and the way out. */

import { cut, quote } from "../tensor/quote.ts";

export class ModelError extends Error {
  /** True when the file does not exist or is not public, so that an optional file can be skipped. */
  readonly absent: boolean;

  constructor(message: string, options: ErrorOptions & { readonly absent?: boolean } = {}) {
    super(message, options);
    this.name = "ModelError";
    this.absent = options.absent ?? false;
  }
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A tensor's name as a message quotes it; names of published models and adapters have up to 75 characters. */
export const tensorName = (name: string): string => quote(name, 80);

/** The first few names, fewer when they are long, and the number of the others. */
export function listSome(names: readonly string[], limit = 4): string {
  let shown = "";
  let count = 0;
  for (const name of names.slice(0, limit)) {
    if (shown.length > 80) break;
    shown += `${count === 0 ? "" : ", "}${cut(name, 80)}`;
    count++;
  }
  return names.length > count ? `${shown} and ${names.length - count} more` : shown;
}
