/** Writes files so that a kill never leaves a partial one. */

import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Replaces a file atomically: a reader finds the old or the new content. Its folder must exist. */
export function writeWhole(path: string, contents: Uint8Array | string): void {
  const partial = `${path}.partial`;
  writeFileSync(partial, contents);
  sync(partial, "r+");
  renameSync(partial, path);
  // Flushing the folder makes the new name durable; Windows cannot do that.
  if (process.platform !== "win32") sync(dirname(path), "r");
}

function sync(path: string, flags: string) {
  const handle = openSync(path, flags);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
