/** What the commands share: checks of their arguments, and an end with one sentence instead of a stack. */

import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** One of the allowed words; throws naming them. */
export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((choice) => choice === value);
  if (!found) throw new Error(`--${name} is ${allowed.join(" or ")}, not ${value}.`);
  return found;
}

/** The absolute path of something that is there. */
export function existing(name: string, path: string | undefined, usage: string): string {
  if (!path) throw new Error(`--${name} is needed: ${usage}`);
  if (!existsSync(path)) throw new Error(`--${name}: ${path} does not exist.`);
  return resolve(path);
}

/** A whole number of at least 1; null where the option was left out. */
export function count(name: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name} is a whole number of at least 1, not ${value}.`);
  return number;
}

/** Writes what a command found where `--json FILE` asks for it. */
export function writeJson(file: string | undefined, value: unknown): void {
  if (file) writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Runs a command; what goes wrong is said in a sentence, with exit code 1. */
export function runCommand(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
