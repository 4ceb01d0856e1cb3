/** Files that a kill at any moment leaves whole. */

import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Replaces a file: under its name lies the old one or the new one, never a part. Its folder must be there. */
export function writeWhole(path: string, contents: Uint8Array | string): void {
  const partial = `${path}.partial`;
  writeFileSync(partial, contents);
  sync(partial, "r+");
  renameSync(partial, path);
  // The new name is on the disk when the folder is; Windows has no way to ask for that.
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
