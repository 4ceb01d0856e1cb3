/** Chosen or dropped files to a model source. */

import type { ModelSource } from "../../protocol/engine.ts";

/**
 * The files directly in the chosen folder: folders below it often have other formats of the model with equal file
 * names.
 */
export function topLevel(files: readonly File[]): ModelSource {
  const direct = files.filter(({ webkitRelativePath }) => webkitRelativePath.split("/").length <= 2);
  const folder = files[0]?.webkitRelativePath.split("/")[0];
  return { kind: "files", files: direct, ...(folder && { name: folder }) };
}

/** Dropped files, or the files directly in a dropped folder. Call it during the drop event. */
export async function droppedSource(transfer: DataTransfer): Promise<ModelSource> {
  // Entries are only valid during the event.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files = [...transfer.files];
  const [folder, ...others] = entries;
  if (!folder || !isFolder(folder) || others.length > 0) return { kind: "files", files };
  // An unreadable folder is refused as an empty one.
  return { kind: "files", files: await filesOf(folder).catch(() => []), name: folder.name };
}

// Not every browser has a class for entries.
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

async function filesOf(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  for (;;) {
    // Entries arrive in parts, until one is empty.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (isFile(entry)) files.push(await new Promise<File>((...ways) => entry.file(...ways)));
    }
  }
}
