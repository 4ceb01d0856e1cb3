/** Imports a run from one file (`runFile.ts`); everything is checked first. */

import * as v from "valibot";
import { bytesFromBlob } from "../hub/bytes.ts";
import { ModelError } from "../hub/error.ts";
import { sha256 } from "../hub/hash.ts";
import { readSafetensors } from "../hub/safetensors.ts";
import { list, text, whole } from "../run/fields.ts";
import { recordProblem } from "../run/foreign.ts";
import { problemOf, readAs } from "../run/problem.ts";
import { type ReadRun, type RunRecord, RunSchema } from "../run/record.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import { format as recordFormat } from "../storage/records.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { byteSizeOf, type DType } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { stateProblem, tensorsProblem, type Wanted } from "./checkpointProblem.ts";
import { damagedFile, ExportError } from "./files.ts";
import { ForeignJsonError, type JsonBounds, readForeignJson } from "./foreignJson.ts";
import { openArchive } from "./openArchive.ts";
import { fileFormat, Manifest, pieceBytes, type RunContents, type RunFileOptions, storedTypes } from "./runFile.ts";
import { checkResults } from "./runResults.ts";

const manifestBounds: JsonBounds = { longest: 64 * 2 ** 20, deepest: 32 };
/** Bounds of the record and the states: a million steps take 300 MB, and a JavaScript string ends at 512 MB. */
const recordBounds: JsonBounds = { longest: 400 * 2 ** 20, deepest: 32 };

const headerBounds: JsonBounds = { longest: 64 * 2 ** 20, deepest: 4 };
/** Bounds of exam results and votes. */
const resultBounds: JsonBounds = { longest: 256 * 2 ** 20, deepest: 32 };

const Metadata = v.record(v.string(), text(1000));
const HeaderEntry = v.object({
  dtype: text(20),
  shape: list(whole(0, Number.MAX_SAFE_INTEGER), 16),
  data_offsets: list(whole(0, Number.MAX_SAFE_INTEGER), 2),
});

export interface ReadRunOptions extends RunFileOptions {
  /** The parameters that a run trains; null where its base model is not loaded. */
  readonly trained?: (record: RunRecord) => Promise<Wanted | null>;
}

/**
 * Reads a run file and checks every byte first. The contents stay in the file and are read from there on demand. The
 * returned run can be resumed, exported and listed. Throws ExportError with the file's name and the part that is
 * damaged, missing, or of a newer version.
 */
export async function readRunFile(name: string, file: Blob, options: ReadRunOptions = {}): Promise<RunContents> {
  const { signal } = options;
  const entries = new Map((await openArchive(name, file, signal)).map((entry) => [entry.name, entry.content]));
  const source = (path: string): ByteSource => {
    const content = entries.get(path);
    if (!content) throw damagedFile(name, `it has no ${shown(path)}`);
    return readable(name, bytesFromBlob(path, content));
  };
  const manifest = await readManifest(name, entries.has("manifest.json") ? source("manifest.json") : null, signal);
  await checkHashes(name, manifest, source, options);
  const proven = new Set(manifest.files.map((listed) => listed.name));
  const checked = (path: string) => {
    if (!proven.has(path)) throw damagedFile(name, `its manifest has no hash of ${shown(path)}`);
    return source(path);
  };

  const { record, curves } = await readRecordOf(name, manifest.recordFormat, checked("run.json"), signal);
  const wanted = (await options.trained?.(record)) ?? null;
  const checkpoints: RunContents["checkpoints"][number][] = [];
  for (const { step, savedAt, state, tensors } of manifest.checkpoints) {
    const opened = {
      step,
      savedAt,
      state: await readJsonOf(name, checked(state), recordBounds, { signal }),
      tensors: await tensorsOf(name, checked(tensors), signal),
    };
    const late =
      step > record.totalSteps ? `manifest.json has step ${step}, but the run has ${record.totalSteps}` : null;
    const inFile = (path: string, problem: string | null) => problem && `${shown(path)}: ${problem}`;
    const problem =
      late ??
      inFile(state, stateProblem(opened.state, step, record)) ??
      inFile(tensors, tensorsProblem(opened.tensors, step, record, wanted));
    if (problem) throw damagedFile(name, problem);
    checkpoints.push(opened);
  }
  const foreign = manifest.data.find(({ hash }) => !record.sources.some((own) => own.hash === hash));
  if (foreign) throw damagedFile(name, `manifest.json has rows ${cut(foreign.name)}, which run.json does not name`);
  const rows = manifest.data.map((listed) => ({ ...listed, files: listed.files.map(checked) }));
  const parsed = async (path: string) => ({
    path,
    value: await readJsonOf(name, checked(path), resultBounds, { exact: true, signal }),
  });
  const listed = manifest.results ?? { exams: [], votes: null };
  const exams = await Promise.all(listed.exams.map(parsed));
  const votes = listed.votes === null ? null : await parsed(listed.votes);
  const results = checkResults(record, exams, votes, (problem) => damagedFile(name, problem));
  return { record, curves, checkpoints, rows, results };
}

/** The same bytes; if the file changed meanwhile, the error names the archive. */
const readable = (name: string, source: ByteSource): ByteSource => ({
  ...source,
  async slice(start, end, signal) {
    try {
      return await source.slice(start, end, signal);
    } catch (cause) {
      if (!(cause instanceof ModelError)) throw cause;
      const changed = `${cut(name)} cannot be read: it was changed, moved or deleted. Choose it again.`;
      throw new ExportError(changed, { cause });
    }
  },
});

/** A path of the manifest; it has only letters, digits, dots, dashes and slashes. */
const shown = (path: string) => cut(path, 100);

async function readJsonOf(
  name: string,
  source: ByteSource,
  bounds: JsonBounds,
  options: Parameters<typeof readForeignJson>[2],
): Promise<unknown> {
  try {
    return await readForeignJson(source, bounds, options);
  } catch (error) {
    if (!(error instanceof ForeignJsonError)) throw error;
    throw damagedFile(name, error.message, error);
  }
}

async function readManifest(
  name: string,
  source: ByteSource | null,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const foreign = (why: string) =>
    new ExportError(`${cut(name)} is no run of Hone${why}. Choose a file that was exported under Take away.`);
  if (source === null) throw foreign(": it has no manifest.json");
  const value = await readJsonOf(name, source, manifestBounds, { signal });
  const head = v.safeParse(v.object({ hone: v.literal("run"), format: v.number() }), value);
  if (!head.success) throw foreign("");
  if (head.output.format > fileFormat) {
    throw new ExportError(
      `${cut(name)} was written by a newer version of Hone (format ${head.output.format}; this one reads up to ${fileFormat}). ` +
        "Reload the page to get the newer version.",
    );
  }
  const { output: manifest, problem } = readAs(Manifest, value);
  if (problem !== null) throw damagedFile(name, `manifest.json: ${problem}`);
  const { checkpoints, data, files } = manifest;
  requireDifferent(
    name,
    "a file",
    files.map((listed) => listed.name),
  );
  requireDifferent(
    name,
    "a step",
    checkpoints.map(({ step }) => step),
  );
  requireDifferent(
    name,
    "rows",
    data.map(({ hash }) => hash),
  );
  requireDifferent(name, "a path", [
    ...checkpoints.flatMap(({ state, tensors }) => [state, tensors]),
    ...data.flatMap((source) => source.files),
    ...(manifest.results?.exams ?? []),
    ...(manifest.results?.votes ? [manifest.results.votes] : []),
    "run.json",
    "manifest.json",
  ]);
  return manifest;
}

function requireDifferent(name: string, what: string, values: readonly (string | number)[]): void {
  const seen = new Set<string | number>();
  for (const value of values) {
    if (seen.has(value)) throw damagedFile(name, `manifest.json names ${what} twice: ${cut(String(value))}`);
    seen.add(value);
  }
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
      throw damagedFile(name, `${shown(path)} has ${bytes.byteLength} bytes instead of ${byteLength}`);
    }
    if (digests.length !== Math.ceil(byteLength / pieceBytes)) {
      throw damagedFile(
        name,
        `its manifest has ${digests.length} hashes for the ${byteLength} bytes of ${shown(path)}`,
      );
    }
    for (const [index, digest] of digests.entries()) {
      const from = index * pieceBytes;
      const piece = await bytes.slice(from, Math.min(from + pieceBytes, byteLength), signal);
      if ((await sha256(piece)) !== digest) {
        throw damagedFile(name, `piece ${index + 1} of ${digests.length} of ${shown(path)} does not match its hash`);
      }
      done += piece.length;
      onProgress?.(done, total);
    }
  }
}

async function readRecordOf(
  name: string,
  format: number,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Pick<RunContents, "record" | "curves">> {
  if (format > recordFormat) {
    throw new ExportError(
      `The record in ${cut(name)} was saved by a newer version of Hone (format ${format}; this one reads up to ` +
        `${recordFormat}). Reload the page to get the newer version.`,
    );
  }
  const value = await readJsonOf(name, source, recordBounds, { exact: true, signal });
  const read = parsedRun(value);
  if (typeof read === "string") throw damagedFile(name, `run.json: ${read}`);
  const { record, curves } = read;
  if (curves === null) throw damagedFile(name, "run.json: metrics is missing");
  const problem = recordProblem(record, curves);
  if (problem) throw damagedFile(name, `run.json: ${problem}`);
  return { record, curves };
}

/** The record, or its problem. */
function parsedRun(value: unknown): ReadRun | string {
  const read = v.safeParse(RunSchema, value, { abortEarly: true });
  return read.success ? read.output : problemOf(read.issues[0]);
}

/** Bounds the header of a safetensors file, whose reader does not limit its depth. */
async function checkHeader(name: string, source: ByteSource, signal: AbortSignal | undefined): Promise<void> {
  if (source.byteLength < 8) return;
  const first = await source.slice(0, 8, signal);
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (8 + length > source.byteLength) return;
  const header: ByteSource = {
    name: source.name,
    byteLength: length,
    slice: (start, end, signal) => source.slice(8 + start, 8 + end, signal),
  };
  const value = await readJsonOf(name, header, headerBounds, { signal });
  if (typeof value !== "object" || value === null) return;
  for (const [tensor, entry] of Object.entries(value)) {
    const { problem } = readAs<unknown>(tensor === "__metadata__" ? Metadata : HeaderEntry, entry);
    if (problem) throw damagedFile(name, `${shown(source.name)}: of ${cut(tensor)} ${problem}`);
  }
}

async function tensorsOf(
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<CheckpointView["tensors"]> {
  await checkHeader(name, source, signal);
  const { tensors } = await readSafetensors(source, signal).catch((error: unknown) => {
    if (!(error instanceof ModelError)) throw error;
    throw damagedFile(name, cut(error.message.replace(/; .*/, ""), 160), error);
  });
  const types = new Map(Object.entries(storedTypes).map(([dtype, stored]) => [stored, dtype as DType]));
  return [...tensors.values()].map(({ name: tensor, dtype: stored, shape, start, end }) => {
    const dtype = types.get(stored);
    if (!dtype) throw damagedFile(name, `${cut(tensor)} of ${shown(source.name)} is stored as ${stored}`);
    return {
      name: tensor,
      dtype,
      shape,
      byteLength: byteSizeOf(dtype, shape),
      slice: (from, to, signal) => source.slice(start + from, Math.min(end, start + to), signal),
    };
  });
}
