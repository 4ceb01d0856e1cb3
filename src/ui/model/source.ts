/** From what a person points at to a model source. */

import type { ModelSource } from "../../worker/protocol.ts";

/**
 * The files that lie directly in the chosen folder: a model folder often holds other formats of the same model in
 * folders below, with files of the same names.
 */
export function topLevel(files: readonly File[]): ModelSource {
  const direct = files.filter(({ webkitRelativePath }) => webkitRelativePath.split("/").length <= 2);
  const folder = files[0]?.webkitRelativePath.split("/")[0];
  return { kind: "files", files: direct, ...(folder && { name: folder }) };
}
