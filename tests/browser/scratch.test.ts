/** Scratch files on disk: the browser's private file system is looked into from the page. Oracle: the bytes that were written. */

import { afterEach, beforeEach, expect, test } from "vitest";
import { openArchive } from "../../src/export/openArchive.ts";
import { patternBytes } from "../unit/storage/backend.ts";
import type { ScratchCommand } from "./scratchWorker.ts";

type Folder = FileSystemDirectoryHandle & { entries(): AsyncIterable<[string, FileSystemHandle]> };

const workers: Worker[] = [];

function startWorker() {
  const worker = new Worker(new URL("./scratchWorker.ts", import.meta.url), { type: "module" });
  workers.push(worker);
  return (command: ScratchCommand) =>
    new Promise<Blob | null>((resolve, reject) => {
      worker.addEventListener(
        "message",
        ({ data }: MessageEvent<{ value?: Blob | null; error?: string }>) =>
          data.error === undefined ? resolve(data.value ?? null) : reject(new Error(data.error)),
        { once: true },
      );
      worker.postMessage(command);
    });
}

/** Sizes of the files in the folder of each tab. */
async function onDisk(): Promise<number[][]> {
  const top = await navigator.storage.getDirectory();
  const root = (await top.getDirectoryHandle("hone-exports", { create: true })) as Folder;
  const folders: number[][] = [];
  for await (const [, folder] of root.entries()) {
    const sizes: number[] = [];
    for await (const [, file] of (folder as Folder).entries()) {
      sizes.push((await (file as FileSystemFileHandle).getFile()).size);
    }
    folders.push(sizes.sort((a, b) => a - b));
  }
  return folders;
}

const clear = async () => {
  for (const worker of workers.splice(0)) worker.terminate();
  const top = await navigator.storage.getDirectory();
  await top.removeEntry("hone-exports", { recursive: true }).catch(() => undefined);
};
beforeEach(clear);
afterEach(clear);

const bytes = patternBytes(9 * 2 ** 20 + 5, 3);

test("what a worker writes at any place lies on disk, reaches the page as a file, and is gone when discarded", async () => {
  const call = startWorker();
  const content = await call({ do: "write", bytes });
  expect(await onDisk()).toEqual([[bytes.length]]);
  const read = new Uint8Array((await content?.arrayBuffer()) ?? []);
  expect(read.length).toBe(bytes.length);
  expect(read.findIndex((byte, i) => byte !== bytes[i])).toBe(-1);
  await call({ do: "discard" });
  expect(await onDisk()).toEqual([[]]);
});

test("an archive of it is written beside it and holds the same bytes", async () => {
  const call = startWorker();
  await call({ do: "write", bytes });
  const archive = (await call({ do: "zip" })) ?? new Blob([]);
  const [sizes = []] = await onDisk();
  expect(sizes).toEqual([bytes.length, archive.size]);
  const [entry] = await openArchive("archive", archive);
  const read = new Uint8Array((await entry?.content.arrayBuffer()) ?? []);
  expect(read.findIndex((byte, i) => byte !== bytes[i])).toBe(-1);
  expect(read.length).toBe(bytes.length);
});

test("what a tab that is gone left is removed by the next, and that of a living tab is not", async () => {
  const dead = startWorker();
  await dead({ do: "write", bytes: bytes.slice(0, 10) });
  const living = startWorker();
  await living({ do: "write", bytes: bytes.slice(0, 20) });
  expect((await onDisk()).flat().sort()).toEqual([10, 20]);
  workers.shift()?.terminate();
  const next = startWorker();
  await expect
    .poll(async () => {
      await next({ do: "discard" });
      return (await onDisk()).flat();
    })
    .toEqual([20]);
});
