/** Shared code of the commands: checks of arguments, and errors as one sentence instead of a stack trace. */

import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** Returns `value` if it is an allowed word; throws with all allowed words otherwise. */
export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((choice) => choice === value);
  if (!found) throw new Error(`--${name} is ${allowed.join(" or ")}, not ${value}.`);
  return found;
}

/** The absolute path of an existing file or folder; throws when it is missing. */
export function existing(name: string, path: string | undefined, usage: string): string {
  if (!path) throw new Error(`--${name} is needed: ${usage}`);
  if (!existsSync(path)) throw new Error(`--${name}: ${path} does not exist.`);
  return resolve(path);
}

/** A whole number of at least 1; null without the option. */
export function count(name: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name} must be a whole number of at least 1, not ${value}.`);
  return number;
}

/** Writes a command's result to the file of `--json FILE`. */
export function writeJson(file: string | undefined, value: unknown): void {
  if (file) writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Runs a command; prints an error as one sentence and exits with code 1. */
export function runCommand(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
