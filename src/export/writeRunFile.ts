/** Exports a run as one file (`runFile.ts`), and reads it again before the export ends. */

import { sha256 } from "../hub/hash.ts";
import { layoutSafetensors } from "../hub/safetensors.ts";
import type { RunRecord } from "../run/record.ts";
import { format as recordFormat } from "../storage/records.ts";
import type { ScratchFile } from "../storage/scratch.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { writeArchive } from "./archive.ts";
import { ExportError, readBackError } from "./files.ts";
import { readRunFile } from "./readRunFile.ts";
import {
  exactText,
  fileFormat,
  type Manifest,
  pieceBytes,
  type RunContents,
  type RunFileOptions,
  recordText,
  storedTypes,
} from "./runFile.ts";

export interface WrittenRun {
  readonly archive: Blob;
  readonly files: readonly { readonly name: string; readonly byteLength: number }[];
  readonly tensors: number;
}

const readme = ({ name, model }: RunRecord) => `Hone run file: "${name}"

run.json is the record of the run: settings, data, curves and sample answers.
checkpoints/ has the trained parameters as safetensors, and the state from which training resumes.
data/ has the training rows, as they were read.
results/ has its exam results and blind votes, if there are any.
manifest.json lists the SHA-256 of every 4 MiB of every file.

The base model is not in this file. To resume, compare or export the run, also open this model in Hone:
${model.name}, ${model.parameters} parameters, hash ${model.hash}
`;

/**
 * Writes the file, then reads it again and checks every hash. Throws ExportError when the file, read back, differs; the
 * signal's reason when cancelled.
 */
export async function writeRunFile(
  { record, curves, checkpoints, rows, results }: RunContents,
  out: ScratchFile,
  { onProgress, signal }: RunFileOptions = {},
): Promise<WrittenRun> {
  const archive = await writeArchive(out);
  const files: Manifest["files"] = [];
  const sources = [...checkpoints.flatMap(({ tensors }) => tensors), ...rows.flatMap((source) => source.files)];
  // Every byte counts twice: written and read back.
  const total = 2 * lengthOf(sources);
  let done = 0;

  const add = async (name: string, contents: readonly (Uint8Array<ArrayBuffer> | Bytes)[]) => {
    const digests: string[] = [];
    const byteLength = lengthOf(contents);
    async function* pieces() {
      for await (const piece of cut(contents, signal)) {
        digests.push(await sha256(piece));
        yield piece;
      }
    }
    await archive.add(name, byteLength, pieces());
    files.push({ name, byteLength, sha256: digests });
    done += byteLength;
    onProgress?.(done, Math.max(total, done));
  };
  const text = (value: string) => [new TextEncoder().encode(value)];

  await add("README.txt", text(readme(record)));
  const recordJson = recordText(record, curves);
  await add("run.json", text(recordJson));
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
  const exams = results.exams.map((exam, index) => ({ path: `results/exams/${index}.json`, exam }));
  for (const { path, exam } of exams) await add(path, text(exactText(exam)));
  const votes = results.votes.length > 0 ? "results/votes.json" : null;
  if (votes !== null) await add(votes, text(exactText(results.votes)));
  const shown = exams.length > 0 || votes !== null ? { results: { exams: exams.map(({ path }) => path), votes } } : {};
  const parts = { checkpoints: listed, data, ...shown, files };
  const manifest: Manifest = { hone: "run", format: fileFormat, recordFormat, ...parts };
  const manifestText = new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`);
  await archive.add("manifest.json", manifestText.length, cut([manifestText], signal));
  const written = await archive.finish();

  const back = await readRunFile("The file", written, {
    signal,
    onProgress: (read) => onProgress?.(done + read, Math.max(total, done + read)),
  }).catch((error: unknown) => {
    if (!(error instanceof ExportError)) throw error;
    throw new ExportError(`Nothing was exported, because Hone could not import the file. ${error.message}`, {
      cause: error,
    });
  });
  const found = recordText(back.record, back.curves);
  if (found !== recordJson) throw readBackError("run.json", found, recordJson);
  const [foundResults, wantedResults] = [exactText(back.results), exactText(results)];
  if (foundResults !== wantedResults) throw readBackError("results", foundResults, wantedResults);
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

const lengthOf = (contents: readonly { readonly byteLength: number }[]) =>
  contents.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** All contents in order, in pieces of exactly `pieceBytes`, except the last. */
async function* cut(
  contents: readonly (Uint8Array<ArrayBuffer> | Bytes)[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const total = lengthOf(contents);
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
      // A new buffer for each piece, because the consumer may still use the last one.
      piece = new Uint8Array(Math.min(pieceBytes, left));
      filled = 0;
    }
  }
}
