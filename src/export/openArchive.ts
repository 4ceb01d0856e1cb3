/**
 * Reads a zip, Hone's own without compression, or another program's. It reads only headers and checks every number before use, because the file may
 * come from a stranger (APPNOTE.TXT 6.3.10).
 */

import { updateCrc } from "../tensor/crc.ts";
import { cut } from "../tensor/quote.ts";
import { ExportError, type OutFile } from "./files.ts";

/** Rows are stored in pieces of a mebibyte, so this is 20 GB of rows. */
const mostEntries = 20_000;
const longestName = 1000;
const longestList = 32 * 2 ** 20;
/** Number of headers that are read at the same time. */
const readTogether = 64;

const signatures = { local: 0x04034b50, listed: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator: 0x07064b50 };
const endBytes = 22;
const end64Bytes = 56;
const locatorBytes = 20;
const listedBytes = 46;
const localBytes = 30;
const most32 = 0xffffffff;
/** Flags of encryption (0, 6 and 13) and patches (5). */
const refusedFlags = 0b10_0000_0110_0001;

interface Entry {
  readonly name: string;
  readonly size: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** CRC-32 of the content. */
  readonly crc: number;
  readonly deflated: boolean;
  /** Byte offset of its own header. */
  readonly at: number;
}

/**
 * The files of an uncompressed zip, each as a part of the blob, without copies. The reader of the contents checks the
 * hashes. `name` names the archive in errors. Throws ExportError for anything else, for a truncated archive, and for
 * entries that overlap, repeat a name, or have a path that leads out of the archive.
 */
export async function openArchive(name: string, archive: Blob, signal?: AbortSignal): Promise<OutFile[]> {
  const listed = await listArchive(name, archive, { advice: "choose the unchanged file that Hone wrote", signal });
  return listed.map((entry) => ({ name: entry.name, content: entry.content }));
}

/** A file in a zip of another program. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Its content, with the right CRC-32; inflates it into memory where it is compressed. Throws ExportError for a damaged one. */
  open(): Promise<Blob>;
}

/** The files of a zip whose entries may be deflated. Throws as `openArchive` does. */
export async function openZip(name: string, archive: Blob, signal?: AbortSignal): Promise<ZipEntry[]> {
  const listed = await listArchive(name, archive, { advice: "choose the folder itself", signal, deflated: true });
  return listed.map((entry) => ({ name: entry.name, size: entry.size, open: () => openEntry(name, entry, signal) }));
}

/** At most so many times as long as its compressed form (RFC 1951). */
const mostInflation = 1032;

async function openEntry(
  archive: string,
  { name, size, deflated, crc, content }: Listed,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const damaged = (cause?: unknown) =>
    new ExportError(`${cut(archive)} is damaged: ${cut(name)} cannot be read whole. Choose the folder itself.`, {
      cause,
    });
  if (deflated && size > mostInflation * content.size) throw damaged();
  const stream = deflated ? content.stream().pipeThrough(new DecompressionStream("deflate-raw")) : content.stream();
  const inflated: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  let sum = -1;
  try {
    const reader = stream.getReader();
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > size) throw damaged();
      sum = updateCrc(sum, value);
      if (deflated) inflated.push(value);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof ExportError ? error : damaged(error);
  }
  if (length !== size || ~sum !== crc) throw damaged();
  return deflated ? new Blob(inflated) : content;
}

type Listed = OutFile & Pick<Entry, "size" | "deflated" | "crc">;

interface ListOptions {
  /** The end of each refusal. */
  readonly advice: string;
  readonly signal?: AbortSignal | undefined;
  /** Whether entries may be deflated. */
  readonly deflated?: boolean;
}

/** The files with their stored bytes. */
async function listArchive(
  name: string,
  archive: Blob,
  { advice, signal, deflated = false }: ListOptions,
): Promise<Listed[]> {
  const refuse = (problem: string) => new ExportError(`${cut(name)} ${problem}: ${advice}.`);
  const read = async (from: number, to: number): Promise<DataView> => {
    signal?.throwIfAborted();
    const buffer = await archive
      .slice(from, to)
      .arrayBuffer()
      .catch((cause: unknown) => {
        throw new ExportError(`${cut(name)} cannot be read: it was changed, moved or deleted. Choose it again.`, {
          cause,
        });
      });
    if (buffer.byteLength !== to - from) throw refuse("became shorter while it was read");
    return new DataView(buffer);
  };

  const end = await findEnd(archive.size, read);
  if (end === null) throw refuse("is no zip file, or is cut off");
  const { count, from, to } = end;
  if (count > mostEntries) throw refuse(`has ${count} files, more than the ${mostEntries} that Hone reads`);
  if (!(from <= to && to - from >= count * listedBytes)) throw refuse("is damaged: its list of files does not fit it");
  if (to - from > longestList) throw refuse("has a list of files that is too long");
  const entries = readList(await read(from, to), count, deflated, refuse);

  const sorted = entries.toSorted((a, b) => a.at - b.at);
  const starts = new Map<Entry, number>();
  for (let first = 0; first < sorted.length; first += readTogether) {
    await Promise.all(
      sorted.slice(first, first + readTogether).map(async (entry, index) => {
        const next = sorted[first + index + 1]?.at ?? from;
        starts.set(entry, await readLocal(entry, next, read, refuse));
      }),
    );
  }
  return entries
    .filter((entry) => !entry.name.endsWith("/"))
    .map((entry) => {
      const start = starts.get(entry) ?? 0;
      const content = archive.slice(start, start + entry.packed);
      return { name: entry.name, content, size: entry.size, deflated: entry.deflated, crc: entry.crc };
    });
}

type Read = (from: number, to: number) => Promise<DataView>;
type Refuse = (problem: string) => ExportError;

/** Offset of the list of files, and their number; null where there is no end of a zip, or the zip has several disks. */
async function findEnd(
  size: number,
  read: Read,
): Promise<{ readonly count: number; readonly from: number; readonly to: number } | null> {
  if (size < endBytes) return null;
  const first = Math.max(0, size - endBytes - 0xffff);
  const tail = await read(first, size);
  let at = tail.byteLength - endBytes;
  const ends = () =>
    tail.getUint32(at, true) === signatures.end && at + endBytes + tail.getUint16(at + 20, true) === tail.byteLength;
  while (at >= 0 && !ends()) at--;
  if (at < 0 || tail.getUint16(at + 4, true) !== tail.getUint16(at + 6, true)) return null;
  const whole = {
    count: tail.getUint16(at + 10, true),
    length: tail.getUint32(at + 12, true),
    from: tail.getUint32(at + 16, true),
  };
  const found = { count: whole.count, from: whole.from, to: whole.from + whole.length };
  const isZip64 = whole.count === 0xffff || whole.length === most32 || whole.from === most32;
  if (!isZip64) return found.to === first + at ? found : null;

  const locatorAt = first + at - locatorBytes;
  if (locatorAt < end64Bytes) return null;
  const locator = await read(locatorAt, locatorAt + locatorBytes);
  const end64At = number64(locator, 8);
  if (locator.getUint32(0, true) !== signatures.locator || end64At + end64Bytes > locatorAt) return null;
  const end64 = await read(end64At, end64At + end64Bytes);
  if (end64.getUint32(0, true) !== signatures.end64) return null;
  const from = number64(end64, 48);
  const to = from + number64(end64, 40);
  return to === end64At ? { count: number64(end64, 32), from, to } : null;
}

/** Infinity where a float64 cannot represent the value exactly: then it fits nowhere. */
function number64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}

function readList(list: DataView, count: number, mayDeflate: boolean, refuse: Refuse): Entry[] {
  const entries: Entry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    const broken = refuse(`is damaged: entry ${index + 1} of its list of files cannot be read`);
    if (at + listedBytes > list.byteLength || list.getUint32(at, true) !== signatures.listed) throw broken;
    const [flags, method] = [list.getUint16(at + 8, true), list.getUint16(at + 10, true)];
    const nameAt = at + listedBytes;
    const extraAt = nameAt + list.getUint16(at + 28, true);
    const next = extraAt + list.getUint16(at + 30, true) + list.getUint16(at + 32, true);
    if (next > list.byteLength) throw broken;
    const name = decodeName(list, nameAt, extraAt);
    const shown = name === null ? `entry ${index + 1}` : cut(name);
    if (name === null || !isInside(name)) throw refuse(`has a file with a name that Hone does not write (${shown})`);
    if (names.has(name)) throw refuse(`has two files named ${shown}`);
    names.add(name);
    if ((flags & refusedFlags) !== 0) throw refuse(`holds ${shown} encrypted`);
    const numbers = readNumbers(list, at, extraAt, extraAt + list.getUint16(at + 30, true));
    if (numbers === null) throw broken;
    const isDeflated = method === 8 && mayDeflate;
    if (!isDeflated && (method !== 0 || numbers.packed !== numbers.size)) throw refuse(`holds ${shown} compressed`);
    if (name.endsWith("/") && numbers.size > 0) throw refuse(`is damaged: the folder ${shown} has content`);
    entries.push({
      name,
      size: numbers.size,
      packed: numbers.packed,
      deflated: isDeflated,
      crc: list.getInt32(at + 16, true),
      at: numbers.at,
    });
    at = next;
  }
  if (at !== list.byteLength) throw refuse("is damaged: its list of files has more than its end says");
  return entries;
}

function decodeName(list: DataView, from: number, to: number): string | null {
  if (to - from === 0 || to - from > longestName) return null;
  const bytes = new Uint8Array(list.buffer, list.byteOffset + from, to - from);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Whether a path stays inside the archive and means the same in every program. */
const isInside = (path: string) =>
  !/[\p{Cc}\\:]/u.test(path) &&
  !path.split("/").some((part, i, all) => part === ".." || part === "." || (part === "" && i < all.length - 1));

/** Lengths and offset of a listed entry; 64-bit values come from its extra field. Null where they are not valid. */
function readNumbers(list: DataView, at: number, from: number, to: number) {
  const short = {
    size: list.getUint32(at + 24, true),
    packed: list.getUint32(at + 20, true),
    at: list.getUint32(at + 42, true),
  };
  if (![short.size, short.packed, short.at].includes(most32)) return short;
  for (let field = from; field + 4 <= to; field += 4 + list.getUint16(field + 2, true)) {
    if (list.getUint16(field, true) !== 1) continue;
    let next = field + 4;
    const end = next + list.getUint16(field + 2, true);
    const long = (value: number) => {
      if (value !== most32) return value;
      next += 8;
      return next <= Math.min(end, to) ? number64(list, next - 8) : Number.POSITIVE_INFINITY;
    };
    return { size: long(short.size), packed: long(short.packed), at: long(short.at) };
  }
  return null;
}

/** Byte offset of the content. Throws unless the entry's own header is valid and its content ends before byte `end`. */
async function readLocal({ name, packed, at }: Entry, end: number, read: Read, refuse: Refuse): Promise<number> {
  const damaged = refuse(`is damaged: ${cut(name)} cannot be read`);
  if (!(at + localBytes <= end)) throw damaged;
  const wanted = new TextEncoder().encode(name);
  const header = await read(at, Math.min(end, at + localBytes + wanted.length));
  if (header.getUint32(0, true) !== signatures.local || header.getUint16(26, true) !== wanted.length) throw damaged;
  if (!wanted.every((byte, i) => localBytes + i < header.byteLength && header.getUint8(localBytes + i) === byte)) {
    throw damaged;
  }
  const start = at + localBytes + wanted.length + header.getUint16(28, true);
  if (!(start + packed <= end)) throw damaged;
  return start;
}
