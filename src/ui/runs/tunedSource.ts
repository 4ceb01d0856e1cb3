/** Chosen or dropped files of another tool, with their paths: a File in a worker has none. */

import type { TunedFiles } from "../../protocol/engine.ts";

export type TunedSource = Pick<TunedFiles, "name" | "files">;

/** Files from a file or folder dialog. */
export function tunedSource(files: readonly File[]): TunedSource {
  const [first] = files;
  // Empty, or missing in some browsers, for a file that was chosen alone.
  const parts = (file: File) => (file.webkitRelativePath || file.name).split("/");
  const pathOf = (file: File) => (file.webkitRelativePath ? parts(file).slice(1).join("/") : file.name);
  return { name: first ? (parts(first)[0] ?? "") : "", files: files.map((file) => ({ path: pathOf(file), file })) };
}

/** Whether files are an adapter, not a model: PEFT's config, or its weights, without a model's config. */
export function isAdapter(names: readonly string[]): boolean {
  const has = (name: string) => names.some((path) => path.slice(path.lastIndexOf("/") + 1) === name);
  return (has("adapter_config.json") || has("adapter_model.safetensors")) && !has("config.json");
}

/** Most files of a dropped folder: a training folder has a few hundred. */
const mostFiles = 5000;
const deepest = 4;

/** Dropped files, or all files of one dropped folder. Call it during the drop event. */
export async function droppedTuned(transfer: DataTransfer): Promise<TunedSource> {
  // Entries are only valid during the event.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files = [...transfer.files];
  const [folder, ...others] = entries;
  if (!folder?.isDirectory || others.length > 0) return tunedSource(files);
  const found: { path: string; file: File }[] = [];
  // An unreadable folder is refused as an empty one.
  await collect(folder as FileSystemDirectoryEntry, "", found).catch(() => undefined);
  return { name: folder.name, files: found };
}

async function collect(
  folder: FileSystemDirectoryEntry,
  before: string,
  found: { path: string; file: File }[],
): Promise<void> {
  const reader = folder.createReader();
  for (;;) {
    // Entries arrive in parts, until one is empty.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (found.length >= mostFiles) return;
      const path = before + entry.name;
      if (entry.isFile) {
        const file = await new Promise<File>((...ways) => (entry as FileSystemFileEntry).file(...ways));
        found.push({ path, file });
      } else if (path.split("/").length < deepest) {
        await collect(entry as FileSystemDirectoryEntry, `${path}/`, found);
      }
    }
  }
}
