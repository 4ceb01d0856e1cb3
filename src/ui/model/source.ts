/** Chosen or dropped files to a model source. */

import type { ModelSource } from "../../protocol/engine.ts";

/** The folder of chat templates besides the default one. */
const templates = "additional_chat_templates";

/** The file with its path as its name: a worker sees no other path. */
const inTemplates = (file: File) => new File([file], `${templates}/${file.name}`);

/**
 * The files directly in the chosen folder, and its further chat templates: other folders below it often have other
 * formats of the model with equal file names.
 */
export function topLevel(files: readonly File[]): ModelSource {
  const pathOf = ({ webkitRelativePath }: File) => webkitRelativePath.split("/");
  const direct = files.filter((file) => pathOf(file).length <= 2);
  const inside = files.filter((file) => pathOf(file).length === 3 && pathOf(file)[1] === templates);
  const folder = files[0]?.webkitRelativePath.split("/")[0];
  return { kind: "files", files: [...direct, ...inside.map(inTemplates)], ...(folder && { name: folder }) };
}

/** Dropped files, or the same files of a dropped folder as `topLevel` takes. Call it during the drop event. */
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

/** `below`: whether it is the folder of templates itself. */
async function filesOf(folder: FileSystemDirectoryEntry, below = false): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  for (;;) {
    // Entries arrive in parts, until one is empty.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (isFile(entry)) files.push(await new Promise<File>((...ways) => entry.file(...ways)));
      else if (isFolder(entry) && entry.name === templates && !below)
        files.push(...(await filesOf(entry, true)).map(inTemplates));
    }
  }
}
