/** From what a person points at to a model source. */

import type { ModelSource } from "../../protocol/engine.ts";

/**
 * The files that lie directly in the chosen folder: a model folder often holds other formats of the same model in
 * folders below, with files of the same names.
 */
export function topLevel(files: readonly File[]): ModelSource {
  const direct = files.filter(({ webkitRelativePath }) => webkitRelativePath.split("/").length <= 2);
  const folder = files[0]?.webkitRelativePath.split("/")[0];
  return { kind: "files", files: direct, ...(folder && { name: folder }) };
}

/** What was dropped: files, or the files that lie directly in a folder. To be called while the drop is handled. */
export async function droppedSource(transfer: DataTransfer): Promise<ModelSource> {
  // The entries are gone once the event is over.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files = [...transfer.files];
  const [folder, ...others] = entries;
  if (!folder || !isFolder(folder) || others.length > 0) return { kind: "files", files };
  // One that cannot be read is refused like an empty one.
  return { kind: "files", files: await filesOf(folder).catch(() => []), name: folder.name };
}

// Their classes have no names that every browser knows.
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

async function filesOf(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  for (;;) {
    // A folder is told in parts, until one is empty.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (isFile(entry)) files.push(await new Promise<File>((...ways) => entry.file(...ways)));
    }
  }
}
