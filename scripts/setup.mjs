/** Set-up for `npm start` and `npm test` on a fresh clone; plain JavaScript, because nothing is installed yet. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = fileURLToPath(new URL("..", import.meta.url));

/** Throws unless Vite supports this version of Node. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (supported) return;
  throw new Error(
    `Hone needs Node 20.19, 22.12 or newer, but this is ${process.version}; install one from nodejs.org.`,
  );
}

/** Runs `npm ci` unless node_modules already matches the lockfile. Throws when npm fails. */
export function installDependencies() {
  if (installed()) return;
  console.log("Installing what package-lock.json lists (npm ci) …");
  const result = spawnSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"], {
    cwd: projectRoot,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (result.status === 0) return;
  throw new Error(
    `npm ci failed (${result.error?.message ?? `exit code ${result.status}`}); ` +
      "see its message above. It needs the npm registry; behind a proxy, set it with npm config set proxy.",
  );
}

function installed() {
  const present = join(projectRoot, "node_modules", ".package-lock.json");
  if (!existsSync(present)) return false;
  const have = packagesOf(present);
  const wanted = Object.entries(packagesOf(join(projectRoot, "package-lock.json")));
  return wanted.every(([path, { version, optional }]) => {
    if (path === "") return true;
    // Optional packages of other platforms may be missing.
    return have[path] ? have[path].version === version : optional;
  });
}

/**
 * @param {string} lockfile
 * @returns {Record<string, { version: string, optional?: boolean }>}
 */
function packagesOf(lockfile) {
  return JSON.parse(readFileSync(lockfile, "utf8")).packages;
}

/**
 * Runs a command's main function; an error ends the process with its message and exit code 1.
 * @param {() => Promise<void>} main
 */
export async function runCommand(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
