/**
 * Archives as zip.js writes and reads them. Oracles: fflate, which wrote them in earlier versions, and Python's zipfile
 * and unzip.
 */

import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { strToU8, unzipSync, Zip, ZipPassThrough, zipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { piecesOf, writeArchive, zipFiles } from "../../../src/export/archive.ts";
import { openArchive } from "../../../src/export/openArchive.ts";
import { StorageFullError } from "../../../src/storage/errors.ts";
import { memoryScratch, type ScratchFile } from "../../../src/storage/scratch.ts";
import { patternBytes } from "../storage/backend.ts";

const folder = mkdtempSync(join(tmpdir(), "hone-archive-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const contents: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "config.json": new TextEncoder().encode('{"a": 1}\n'),
  "checkpoints/10/tensors.safetensors": patternBytes(5 * 2 ** 20 + 3, 7),
  "data/none.json": new Uint8Array(0),
  "größe 漢.txt": new TextEncoder().encode("é"),
};
const files = Object.entries(contents).map(([name, bytes]) => ({ name, content: new Blob([bytes]) }));
const newFile = () => memoryScratch().create("A zip");
const bytesOf = async (blob: Blob | undefined) => new Uint8Array((await blob?.arrayBuffer()) ?? []);

async function expectContents(archive: Blob) {
  const opened = await openArchive("a.zip", archive);
  expect(opened.map(({ name }) => name)).toEqual(Object.keys(contents));
  for (const { name, content } of opened) {
    expect(Buffer.compare(await bytesOf(content), contents[name] ?? new Uint8Array(1))).toBe(0);
  }
}

/** The output of a program of this machine; null without that program. */
function run(program: string, ...given: string[]): string | null {
  const { error, stdout, stderr, status } = spawnSync(program, given, { encoding: "utf8" });
  if (error) return null;
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
  return stdout;
}

const listing = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist(): print(entry.filename, entry.file_size, entry.compress_type)
    if len(sys.argv) > 2: print(archive.read(sys.argv[2]).decode())
    else: print("first bad:", archive.testzip())
`;

describe("a written archive", () => {
  test("opens here and in fflate with the same bytes, and without zip64, which some programs lack", async () => {
    const archive = await zipFiles(files, await newFile());
    await expectContents(archive);
    const bytes = await bytesOf(archive);
    expect(Object.keys(unzipSync(bytes))).toEqual(Object.keys(contents));
    expect(Buffer.from(bytes).includes("PK\x06\x06")).toBe(false);
  });

  test("opens in Python and in unzip, which check every byte", async (context) => {
    const path = join(folder, "small.zip");
    writeFileSync(path, await bytesOf(await zipFiles(files, await newFile())));
    const python = run("python3", "-c", listing, path);
    const unzip = run("unzip", "-t", path);
    if (python === null && unzip === null) return context.skip("This machine has neither Python nor unzip.");
    const rows = Object.entries(contents).map(([name, { length }]) => `${name} ${length} 0`);
    if (python !== null) expect(python.trim().split("\n")).toEqual([...rows, "first bad: None"]);
    if (unzip !== null) expect(unzip).toContain("No errors detected");
  });

  test("ends with the error of the file or of the pieces, and requests no more pieces", async () => {
    const full = new StorageFullError("The archive", 5, null);
    const out: ScratchFile = {
      ...(await newFile()),
      write() {
        throw full;
      },
    };
    await expect(zipFiles(files, out)).rejects.toBe(full);

    const controller = new AbortController();
    const reason = new Error("cancelled");
    let requested = 0;
    let ended = false;
    async function* pieces() {
      try {
        for (;;) {
          controller.signal.throwIfAborted();
          if (++requested === 3) controller.abort(reason);
          yield new Uint8Array(2 ** 20);
        }
      } finally {
        ended = true;
      }
    }
    const archive = await writeArchive(await newFile());
    await expect(archive.add("a", 9 * 2 ** 20, pieces())).rejects.toBe(reason);
    expect({ requested, ended }).toEqual({ requested: 3, ended: true });
    await expect(zipFiles(files, await newFile(), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("more than 4 GiB", () => {
  const large = 2 ** 32 + 5;
  const path = join(folder, "large.zip");

  /** A part of the file as a blob, because Node's own blobs of files end at 4 GiB (Node 20). */
  function blobOnDisk(from: number, to: number): Blob {
    const size = to - from;
    const blob = Object.defineProperty(new Blob([]), "size", { value: size });
    blob.slice = (start = 0, end = size) => {
      const [first, last] = [start, end].map((at) => from + (at < 0 ? Math.max(0, size + at) : Math.min(at, size)));
      return blobOnDisk(first ?? 0, last ?? 0);
    };
    blob.arrayBuffer = async () => {
      const bytes = new Uint8Array(size);
      const handle = openSync(path, "r");
      readSync(handle, bytes, 0, size, from);
      closeSync(handle);
      return bytes.buffer;
    };
    return blob;
  }

  /** A sparse file: its zeros need no disk. */
  function sparseFile(): ScratchFile {
    const handle = openSync(path, "w");
    let size = 0;
    return {
      write(bytes, at) {
        if (bytes.length < 2 ** 16) writeSync(handle, bytes, 0, bytes.length, at);
        size = Math.max(size, at + bytes.length);
      },
      finish: async () => {
        ftruncateSync(handle, size);
        closeSync(handle);
        return blobOnDisk(0, size);
      },
      discard: async () => undefined,
    };
  }

  test("is a zip64, an entry above 4 GiB and one behind it, which Python opens", async (context) => {
    async function* zeros() {
      const piece = new Uint8Array(4 * 2 ** 20);
      for (let left = large; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
    }
    const small = new Blob(['{"behind": true}']);
    const archive = await writeArchive(sparseFile());
    await archive.add("model.safetensors", large, zeros());
    await archive.add("config.json", small.size, piecesOf(small));
    const written = await archive.finish();
    expect(written.size).toBeGreaterThan(large);

    const opened = await openArchive("a.zip", written);
    expect(opened.map(({ name, content }) => [name, content.size])).toEqual([
      ["model.safetensors", large],
      ["config.json", small.size],
    ]);
    expect(await bytesOf(opened[1]?.content)).toEqual(await bytesOf(small));
    expect(await bytesOf(opened[0]?.content.slice(-3))).toEqual(new Uint8Array(3));

    const python = run("python3", "-c", listing, path, "config.json");
    if (python === null) return context.skip("This machine has no Python.");
    expect(python.trim().split("\n")).toEqual([
      `model.safetensors ${large} 0`,
      `config.json ${small.size} 0`,
      '{"behind": true}',
    ]);
  }, 120_000);
});

describe("an archive from elsewhere", () => {
  test("opens as an earlier version wrote it, with fflate", async () => {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const zip = new Zip((error, bytes) => {
      if (error) throw error;
      parts.push(bytes.slice());
    });
    for (const [name, bytes] of Object.entries(contents)) {
      const entry = new ZipPassThrough(name);
      zip.add(entry);
      entry.push(bytes);
      entry.push(new Uint8Array(0), true);
    }
    zip.end();
    await expectContents(new Blob(parts));
  });

  test("opens when packed anew without compression, folders aside", async () => {
    const packed = zipSync({ "data/": new Uint8Array(0), "data/a.txt": strToU8("a") }, { level: 0 });
    const [entry, ...others] = await openArchive("a.zip", new Blob([new Uint8Array(packed)]));
    expect([entry?.name, await entry?.content.text(), others]).toEqual(["data/a.txt", "a", []]);
  });

  const plain = new Uint8Array(zipSync({ "a.txt": strToU8("aaaa"), "b.txt": strToU8("bbbb") }, { level: 0 }));
  const changed = (change: (view: DataView, bytes: Uint8Array) => void) => {
    const bytes = plain.slice();
    change(new DataView(bytes.buffer), bytes);
    return bytes;
  };
  /** The entries in the list of files. */
  const list = Buffer.from(plain).indexOf("PK\x01\x02");
  const second = Buffer.from(plain).indexOf("PK\x01\x02", list + 1);
  const rows: [string, BlobPart, RegExp][] = [
    ["nothing", "", /is no zip file, or is cut off/],
    ["a text", "hello ".repeat(100), /is no zip file, or is cut off/],
    ["a cut-off end", plain.slice(0, -9), /is no zip file, or is cut off/],
    ["a cut-off beginning", plain.slice(9), /is no zip file, or is cut off/],
    ["compressed", new Uint8Array(zipSync({ "a.txt": strToU8("a".repeat(99)) })), /holds a\.txt compressed/],
    [
      "a broken list",
      changed((_, bytes) => bytes.fill(0, second, second + 4)),
      /is damaged: entry 2 of its list of files cannot be read/,
    ],
    ["a file in the list of files", changed((view) => view.setUint32(list + 20, 90, true)), /holds a\.txt compressed/],
    [
      "a length past the list of files",
      changed((view) => {
        view.setUint32(second + 20, 90, true);
        view.setUint32(second + 24, 90, true);
      }),
      /is damaged: b\.txt cannot be read/,
    ],
    [
      "two names for one content",
      changed((view) => view.setUint32(second + 42, 0, true)),
      /is damaged: a\.txt cannot be read/,
    ],
  ];
  test.each(rows)("%s is refused", async (_, content, message) => {
    const opening = openArchive("a.zip", new Blob([content]));
    await expect(opening).rejects.toThrow(/^a\.zip .*: choose the unchanged file that Hone wrote\.$/);
    await expect(opening).rejects.toThrow(message);
  });

  test("a file that cannot be read is no damaged archive", async () => {
    const gone = new DOMException("The file is gone.", "NotReadableError");
    const blob = new Blob([plain]);
    blob.slice = () => Object.assign(new Blob([]), { arrayBuffer: () => Promise.reject(gone) });
    blob.arrayBuffer = () => Promise.reject(gone);
    const opening = openArchive("a.zip", blob);
    await expect(opening).rejects.toThrow("a.zip cannot be read: it was changed, moved or deleted. Choose it again.");
    await expect(opening).rejects.toMatchObject({ cause: gone });
  });
});
