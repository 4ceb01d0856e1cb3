/**
 * Files under construction, on disk where the browser has a private file system (OPFS): a worker writes there at any
 * place, so a merged model and its archive need no memory. Elsewhere they are blobs.
 */

import { errorName, errorText, StorageError, StorageFullError } from "./errors.ts";
import { type Locks, locksOfAllTabs } from "./lock.ts";

export interface ScratchFile {
  /** Writes at a byte offset; the caller must also fill the gaps between writes. Throws `StorageFullError`. */
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void;
  /** Ends the writing and returns the file. */
  finish(): Promise<Blob>;
  /** Deletes the file; the blob of `finish` can then not be read. */
  discard(): Promise<void>;
}

export interface Scratch {
  /** A new, empty file; `what` names it in errors: "The merged model". */
  create(what: string): Promise<ScratchFile>;
}

const folderName = "hone-exports";

/** The handle for a worker's writes; TypeScript's DOM library declares it for workers only. */
interface SyncHandle {
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

type WritableHandle = FileSystemFileHandle & { createSyncAccessHandle?: () => Promise<SyncHandle> };
type Folder = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

/** Blobs in memory; the browser may move large ones to disk. */
export function memoryScratch(): Scratch {
  return {
    async create() {
      const parts: { readonly at: number; readonly blob: Blob }[] = [];
      return {
        write: (bytes, at) => void parts.push({ at, blob: new Blob([bytes]) }),
        finish: async () =>
          new Blob(parts.sort((a, b) => a.at - b.at || a.blob.size - b.blob.size).map(({ blob }) => blob)),
        async discard() {
          parts.length = 0;
        },
      };
    },
  };
}

/** Deletes folders of closed tabs: an open tab owns a lock with its folder's name. */
async function sweep(root: Folder, locks: Locks): Promise<void> {
  for await (const name of root.keys()) {
    await locks.tryHold(`${folderName}/${name}`, "exclusive", () => root.removeEntry(name, { recursive: true }));
  }
}

/** Throws where the browser has no private file system (some private windows), or no such folder. */
async function rootFolder(create: boolean): Promise<Folder> {
  const top = await navigator.storage.getDirectory();
  return (await top.getDirectoryHandle(folderName, { create })) as Folder;
}

/** The tab's own folder, locked until the tab ends. Throws as `rootFolder` does. */
async function openFolder(locks: Locks): Promise<FileSystemDirectoryHandle> {
  const root = await rootFolder(true);
  const name = crypto.randomUUID();
  await new Promise<void>((locked) => {
    void locks.hold(`${folderName}/${name}`, "exclusive", () => {
      locked();
      return new Promise(() => undefined);
    });
  });
  return root.getDirectoryHandle(name, { create: true });
}

async function diskFile(folder: FileSystemDirectoryHandle, what: string): Promise<ScratchFile> {
  const name = crypto.randomUUID();
  const handle: WritableHandle = await folder.getFileHandle(name, { create: true });
  if (!handle.createSyncAccessHandle) throw new StorageError("This browser lets no worker write files.");
  const access = await handle.createSyncAccessHandle();
  let open = true;
  let size = 0;
  /** `error` is null after a short write, which only a full disk causes. */
  const failure = (error: unknown, bytes: number) =>
    error === null || errorName(error) === "QuotaExceededError"
      ? new StorageFullError(what, bytes, null, { cause: error })
      : new StorageError(`${what} could not be written: ${errorText(error)}. Try again.`, { cause: error });
  const close = () => {
    if (open) access.close();
    open = false;
  };
  return {
    write(bytes, at) {
      let written = 0;
      try {
        written = access.write(bytes, { at });
      } catch (error) {
        throw failure(error, bytes.byteLength);
      }
      size = Math.max(size, at + bytes.byteLength);
      if (written < bytes.byteLength) throw failure(null, bytes.byteLength);
    },
    async finish() {
      try {
        access.flush();
        close();
        return await handle.getFile();
      } catch (error) {
        throw failure(error, size);
      }
    },
    async discard() {
      close();
      await folder.removeEntry(name).catch(() => undefined);
    },
  };
}

/** Opens at the first file, and then deletes what closed tabs left behind. */
export function openScratch(): Scratch {
  const memory = memoryScratch();
  void locksOfAllTabs()
    .then(async (locks) => locks && sweep(await rootFolder(false), locks))
    // Nothing to delete, or a later visit deletes it.
    .catch(() => undefined);
  let folder: Promise<FileSystemDirectoryHandle> | null = null;
  return {
    async create(what) {
      const locks = await locksOfAllTabs();
      if (locks === null) return memory.create(what);
      folder ??= openFolder(locks);
      try {
        return await diskFile(await folder, what);
      } catch {
        return memory.create(what);
      }
    },
  };
}
