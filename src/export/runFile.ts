/**
 * A run as one file: a zip of plain files, nothing of it compressed, with everything that reproduces the run but the base model,
 * which is named by its hash.
 *
 *     README.txt                               what this is
 *     run.json                                 the record; a number that JSON lacks stands as {"$number": "NaN"}
 *     checkpoints/<step>/tensors.safetensors   trained parameters and moments
 *     checkpoints/<step>/state.json            the training loop's state
 *     data/<hash>/<n>.json                     rows as they were read, a list a piece
 *     manifest.json                            what belongs together, and the SHA-256 of each 4 MiB of every file
 */

import * as v from "valibot";
import { bytesFromBlob, isObject, readJson } from "../hub/bytes.ts";
import { sha256 } from "../hub/hash.ts";
import { layoutSafetensors, readSafetensors, type StoredDType } from "../hub/safetensors.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import { RunRecordSchema, format as recordFormat, unsealed } from "../storage/records.ts";
import type { RunRecord } from "../storage/run.ts";
import type { ScratchFile } from "../storage/scratch.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { byteSizeOf, type DType } from "../tensor/dtype.ts";
import { openArchive, writeArchive } from "./archive.ts";
import { ExportError, type OutFile, readBackError } from "./files.ts";

/** What this program writes. A change that older programs cannot read raises it. */
const fileFormat = 1;
const pieceBytes = 4 * 2 ** 20;

/** Rows of one source, as they are kept. */
export interface RunRows {
  readonly hash: string;
  readonly name: string;
  readonly savedAt: string;
  readonly summary: unknown;
  readonly files: readonly ByteSource[];
}

export interface RunContents {
  readonly record: RunRecord;
  readonly checkpoints: readonly CheckpointView[];
  readonly rows: readonly RunRows[];
}

export interface RunFileOptions {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface WrittenRun {
  readonly archive: Blob;
  readonly files: readonly { readonly name: string; readonly byteLength: number }[];
  readonly tensors: number;
}

const storedTypes: Readonly<Record<DType, StoredDType>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int32: "I32",
  int64: "I64",
  bool: "BOOL",
};

const Path = v.string();
const Manifest = v.object({
  hone: v.literal("run"),
  format: v.number(),
  recordFormat: v.number(),
  checkpoints: v.array(v.object({ step: v.number(), savedAt: v.string(), state: Path, tensors: Path })),
  data: v.array(
    v.object({ hash: v.string(), name: v.string(), savedAt: v.string(), summary: v.unknown(), files: v.array(Path) }),
  ),
  files: v.array(v.object({ name: Path, byteLength: v.number(), sha256: v.array(v.string()) })),
});
type Manifest = v.InferOutput<typeof Manifest>;

/** The record as text that loses nothing: JSON alone would turn a loss of NaN into null. */
export function recordText(record: RunRecord): string {
  const exact = (_name: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
  return `${JSON.stringify(record, exact, 2)}\n`;
}

/** Reads `recordText`; what a record must be is left to its schema. */
function readRecordText(text: string): unknown {
  return JSON.parse(text, (_name, value: unknown) => {
    if (!isObject(value) || typeof value.$number !== "string") return value;
    return Number(value.$number);
  });
}

/** The record alone as a file. Throws ExportError when what is read back is not the record. */
export async function writeRecord(name: string, record: RunRecord): Promise<OutFile> {
  const content = new Blob([recordText(record)], { type: "application/json" });
  const value = readRecordText(await content.text());
  const what = `The record in ${name}`;
  const back = unsealed(what, "Export it again.", RunRecordSchema, { format: recordFormat, value });
  const [found, told] = [recordText(back), recordText(record)];
  if (found !== told) throw readBackError(name, found, told);
  return { name, content };
}

const readme = ({ name, model }: RunRecord) => `Hone run file: "${name}"

run.json is the record of the run: settings, data, curves and sample answers.
checkpoints/ holds what it trained, as safetensors, with the state that training goes on from.
data/ holds the rows that it learns from, as they were read.
manifest.json lists the SHA-256 of every 4 MiB of every file.

The base model is not in it. To resume, question or export the run, open this model in Hone as well:
${model.name}, ${model.parameters} parameters, hash ${model.hash}
`;

/**
 * Writes the file, then reads it again and checks every hash. Throws ExportError above 4 GiB, and when what is read back is not what
 * was written; the signal's reason when cancelled.
 */
export async function writeRunFile(
  { record, checkpoints, rows }: RunContents,
  out: ScratchFile,
  { onProgress, signal }: RunFileOptions = {},
): Promise<WrittenRun> {
  const archive = writeArchive(out, "train with fewer rows or a smaller adapter, or export the adapter alone");
  const files: Manifest["files"] = [];
  const parts = [...checkpoints.flatMap(({ tensors }) => tensors), ...rows.flatMap((source) => source.files)];
  // Read back, every byte goes by once more.
  const total = 2 * parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;

  const add = async (name: string, contents: readonly (Uint8Array<ArrayBuffer> | Bytes)[]) => {
    const digests: string[] = [];
    let byteLength = 0;
    async function* pieces() {
      for await (const piece of cut(contents, signal)) {
        digests.push(await sha256(piece));
        byteLength += piece.length;
        yield piece;
      }
    }
    await archive.add(name, pieces());
    files.push({ name, byteLength, sha256: digests });
    done += byteLength;
    onProgress?.(done, Math.max(total, done));
  };
  const text = (value: string) => [new TextEncoder().encode(value)];

  await add("README.txt", text(readme(record)));
  await add("run.json", text(recordText(record)));
  const listed: Manifest["checkpoints"] = [];
  for (const { step, savedAt, state, tensors } of checkpoints) {
    const folder = `checkpoints/${step}`;
    const places = { state: `${folder}/state.json`, tensors: `${folder}/tensors.safetensors` };
    const { head, ordered } = layoutSafetensors(
      tensors.map((tensor) => ({ ...tensor, dtype: storedTypes[tensor.dtype] })),
    );
    await add(places.tensors, [head, ...ordered]);
    await add(places.state, text(JSON.stringify(state)));
    listed.push({ step, savedAt, ...places });
  }
  const data: Manifest["data"] = [];
  for (const { files: pieces, ...source } of rows) {
    const names = pieces.map((_, index) => `data/${source.hash}/${index}.json`);
    for (const [index, piece] of pieces.entries()) await add(names[index] as string, [piece]);
    data.push({ ...source, files: names });
  }
  const manifest: Manifest = { hone: "run", format: fileFormat, recordFormat, checkpoints: listed, data, files };
  const manifestText = new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`);
  await archive.add("manifest.json", [manifestText]);
  const written = await archive.finish();

  const back = await readRunFile("The file", written, {
    signal,
    onProgress: (read) => onProgress?.(done + read, Math.max(total, done + read)),
  });
  const [found, told] = [recordText(back.record), recordText(record)];
  if (found !== told) throw readBackError("run.json", found, told);
  return {
    archive: written,
    files: [...files, { name: "manifest.json", byteLength: manifestText.length }].map(({ name, byteLength }) => ({
      name,
      byteLength,
    })),
    tensors: checkpoints.reduce((sum, { tensors }) => sum + tensors.length, 0),
  };
}

type Bytes = Pick<ByteSource, "byteLength" | "slice">;

/** Everything in order, in pieces of exactly `pieceBytes` but the last. */
async function* cut(
  contents: readonly (Uint8Array<ArrayBuffer> | Bytes)[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const total = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let piece = new Uint8Array(Math.min(pieceBytes, total));
  let filled = 0;
  let left = total;
  for (const content of contents) {
    for (let from = 0; from < content.byteLength; ) {
      signal?.throwIfAborted();
      const to = Math.min(content.byteLength, from + piece.length - filled);
      piece.set(await content.slice(from, to), filled);
      filled += to - from;
      from = to;
      if (filled < piece.length) continue;
      yield piece;
      left -= filled;
      // A buffer of its own each time: who got the last one may still hold it.
      piece = new Uint8Array(Math.min(pieceBytes, left));
      filled = 0;
    }
  }
}

/**
 * Reads a run file and checks every byte of it before it gives anything: the contents stay in the file, and are read from there as
 * they are asked for. Throws ExportError with a sentence that says what is damaged, missing, or of a newer version; StorageError for
 * a record that does not fit.
 */
export async function readRunFile(name: string, file: Blob, options: RunFileOptions = {}): Promise<RunContents> {
  const { signal } = options;
  const entries = new Map((await openArchive(name, file)).map((entry) => [entry.name, entry.content]));
  const source = (path: string): ByteSource => {
    const content = entries.get(path);
    if (!content) throw damaged(name, `it has no ${path}`);
    return bytesFromBlob(path, content);
  };
  const manifest = await readManifest(name, entries.has("manifest.json") ? source("manifest.json") : null);
  await checkHashes(name, manifest, source, options);
  const proven = new Set(manifest.files.map((listed) => listed.name));
  const checked = (path: string) => {
    if (!proven.has(path)) throw damaged(name, `its manifest has no hash of ${path}`);
    return source(path);
  };

  const record = unsealed(`The record in ${name}`, "Export the run again.", RunRecordSchema, {
    format: manifest.recordFormat,
    value: await jsonOf(name, checked("run.json"), readRecordText),
  });
  const checkpoints: CheckpointView[] = [];
  for (const { step, savedAt, state, tensors } of manifest.checkpoints) {
    checkpoints.push({
      step,
      savedAt,
      state: await jsonOf(name, checked(state), JSON.parse),
      tensors: await tensorsOf(name, checked(tensors), signal),
    });
  }
  const rows = manifest.data.map((listed) => ({ ...listed, files: listed.files.map(checked) }));
  return { record, checkpoints, rows };
}

const damaged = (name: string, problem: string) =>
  new ExportError(`${name} is damaged: ${problem}. Take another copy of it, or export the run again.`);

async function readManifest(name: string, source: ByteSource | null): Promise<Manifest> {
  if (source === null) {
    throw new ExportError(
      `${name} is no run of Hone: it has no manifest.json. Take a file that was exported under Take away.`,
    );
  }
  const { value } = await readJson(source).catch(() => {
    throw damaged(name, "its manifest.json cannot be read");
  });
  const told = v.safeParse(v.object({ hone: v.literal("run"), format: v.number() }), value);
  if (!told.success) {
    throw new ExportError(`${name} is no run of Hone. Take a file that was exported under Take away.`);
  }
  if (told.output.format > fileFormat) {
    throw new ExportError(
      `${name} was written by a newer version of Hone (format ${told.output.format}; this one reads up to ${fileFormat}). ` +
        "Reload the page to get the newer version.",
    );
  }
  const parsed = v.safeParse(Manifest, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw damaged(name, `${v.getDotPath(issue) ?? "the whole"} of its manifest.json is not what it should be`);
}

async function checkHashes(
  name: string,
  { files }: Manifest,
  source: (path: string) => ByteSource,
  { onProgress, signal }: RunFileOptions,
): Promise<void> {
  const total = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  for (const { name: path, byteLength, sha256: digests } of files) {
    const bytes = source(path);
    if (bytes.byteLength !== byteLength) {
      throw damaged(name, `${path} has ${bytes.byteLength} bytes instead of ${byteLength}`);
    }
    if (digests.length !== Math.ceil(byteLength / pieceBytes)) {
      throw damaged(name, `its manifest has ${digests.length} hashes for the ${byteLength} bytes of ${path}`);
    }
    for (const [index, digest] of digests.entries()) {
      const from = index * pieceBytes;
      const piece = await bytes.slice(from, Math.min(from + pieceBytes, byteLength), signal);
      if ((await sha256(piece)) !== digest) {
        throw damaged(
          name,
          `piece ${index + 1} of ${digests.length} of ${path} does not hold the bytes that were written`,
        );
      }
      done += piece.length;
      onProgress?.(done, total);
    }
  }
}

async function jsonOf(name: string, source: ByteSource, parse: (text: string) => unknown): Promise<unknown> {
  try {
    return parse(new TextDecoder().decode(await source.slice(0, source.byteLength)));
  } catch {
    throw damaged(name, `${source.name} is no JSON`);
  }
}

async function tensorsOf(
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<CheckpointView["tensors"]> {
  const { tensors } = await readSafetensors(source, signal);
  const types = new Map(Object.entries(storedTypes).map(([dtype, stored]) => [stored, dtype as DType]));
  return [...tensors.values()].map(({ name: tensor, dtype: stored, shape, start, end }) => {
    const dtype = types.get(stored);
    if (!dtype) throw damaged(name, `${tensor} of ${source.name} is stored as ${stored}`);
    return {
      name: tensor,
      dtype,
      shape,
      byteLength: byteSizeOf(dtype, shape),
      slice: (from: number, to: number) => source.slice(start + from, Math.min(end, start + to)),
    };
  });
}
