/** Runs one case of a bench in a process of its own. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Starts the script again with `--one` and the case as JSON; returns the JSON of its last line. Throws with the child's errors
 * where it fails.
 */
export function ownProcess<Result>(script: string, one: object): Result {
  const loader = fileURLToPath(import.meta.resolve("tsx"));
  const given = ["--import", loader, fileURLToPath(script), "--one", JSON.stringify(one)];
  const { stdout, stderr, status } = spawnSync(process.execPath, given, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${JSON.stringify(one)} failed: ${stderr.slice(0, 2000)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}
