/** Reads a run that came as one file (`runFile.ts`), all of it checked before anything is given. */

import * as v from "valibot";
import { bytesFromBlob, readJson } from "../hub/bytes.ts";
import { sha256 } from "../hub/hash.ts";
import { readSafetensors } from "../hub/safetensors.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { byteSizeOf, type DType } from "../tensor/dtype.ts";
import { openArchive } from "./archive.ts";
import { ExportError } from "./files.ts";
import {
  fileFormat,
  Manifest,
  pieceBytes,
  type RunContents,
  type RunFileOptions,
  readRecord,
  readRecordText,
  storedTypes,
} from "./runFile.ts";
import { checkResults } from "./runResults.ts";

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

  const { record, curves } = readRecord(
    `The record in ${name}`,
    "Export the run again.",
    manifest.recordFormat,
    await jsonOf(name, checked("run.json"), readRecordText),
  );
  const checkpoints: RunContents["checkpoints"][number][] = [];
  for (const { step, savedAt, state, tensors } of manifest.checkpoints) {
    checkpoints.push({
      step,
      savedAt,
      state: await jsonOf(name, checked(state), JSON.parse),
      tensors: await tensorsOf(name, checked(tensors), signal),
    });
  }
  const rows = manifest.data.map((listed) => ({ ...listed, files: listed.files.map(checked) }));
  const parsed = async (path: string) => ({ path, value: await jsonOf(name, checked(path), readRecordText) });
  const listed = manifest.results ?? { exams: [], votes: null };
  const exams = await Promise.all(listed.exams.map(parsed));
  const votes = listed.votes === null ? null : await parsed(listed.votes);
  const results = checkResults(record, exams, votes, (problem) => damaged(name, problem));
  return { record, curves, checkpoints, rows, results };
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
