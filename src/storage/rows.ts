/** Rows as this browser keeps them: the summary beside their pieces, and the hash that names them in every run. */

import * as v from "valibot";
import { sha256 } from "../hub/hash.ts";
import { type Detection, MappingSchema } from "../records/formats/mapping.ts";
import { fileKinds } from "../records/read/record.ts";
import type { SourceSummary } from "../records/source.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import type { StoredFiles } from "./records.ts";

const detection: v.GenericSchema<unknown, Detection> = v.object({
  mapping: MappingSchema,
  reason: v.string(),
  alternatives: v.array(MappingSchema),
  columns: v.array(v.object({ name: v.string(), sample: v.string() })),
});

/** A summary as it is kept, with the number of records of each piece. */
export const keptSummary: v.GenericSchema<unknown, SourceSummary & { readonly pieceRows: readonly number[] }> =
  v.object({
    name: v.string(),
    hash: v.string(),
    kind: v.picklist(fileKinds),
    gzip: v.boolean(),
    rows: v.number(),
    byteLength: v.number(),
    detection,
    problems: v.array(v.object({ line: v.number(), message: v.string() })),
    unreadable: v.number(),
    stored: v.boolean(),
    pieceRows: v.array(v.number()),
  });

export const pieceDigest = async (rows: number, bytes: Uint8Array<ArrayBuffer>) =>
  JSON.stringify(["piece", rows, await sha256(bytes)]);

/** The hash that names rows in every run: over their pieces, in order. */
export const rowsHash = (digests: readonly string[]) =>
  sha256(new TextEncoder().encode([JSON.stringify(["hone-rows", 1]), ...digests].join("\n")));

/** Throws unless these kept rows, come from somewhere else, are those that their hash names. `from` is the file they came in. */
export async function checkRows(
  from: string,
  source: Pick<StoredFiles, "hash" | "name" | "summary"> & { readonly files: readonly ByteSource[] },
  signal: AbortSignal | undefined,
): Promise<void> {
  const refuse = (problem: string) =>
    new Error(`${from} is damaged: the rows of ${source.name} ${problem}. Export the run again.`);
  const kept = v.safeParse(keptSummary, source.summary);
  if (!kept.success) throw refuse("are not described as they should be");
  const { hash, pieceRows } = kept.output;
  if (pieceRows.length !== source.files.length) {
    throw refuse(`have ${source.files.length} pieces instead of ${pieceRows.length}`);
  }
  const digests: string[] = [];
  for (const [index, file] of source.files.entries()) {
    digests.push(await pieceDigest(pieceRows[index] ?? 0, await file.slice(0, file.byteLength, signal)));
  }
  const found = await rowsHash(digests);
  if (found !== source.hash || hash !== source.hash) throw refuse(`have the hash ${found} instead of ${source.hash}`);
}
