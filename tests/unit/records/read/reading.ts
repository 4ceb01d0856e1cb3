/** Reads a complete file from memory, for tests. */

import { gzipSync } from "node:zlib";
import type { FileEncoding } from "../../../../src/records/read/encoding.ts";
import { type ReadOptions, readRecords } from "../../../../src/records/read/read.ts";
import type { DataRecord, FileKind, ReadProblem } from "../../../../src/records/read/record.ts";
import { bytesFromMemory } from "../../../../src/tensor/bytes.ts";

export interface ReadFile {
  readonly kind: FileKind;
  readonly gzip: boolean;
  readonly encoding: FileEncoding | undefined;
  readonly records: readonly DataRecord[];
  readonly values: readonly unknown[];
  readonly lines: readonly number[];
  readonly problems: readonly ReadProblem[];
}

export async function readFile(name: string, content: string | Uint8Array, options?: ReadOptions): Promise<ReadFile> {
  const stream = await readRecords(bytesFromMemory(name, bytesOf(content)), options);
  const { kind, gzip, batches } = stream;
  const records: DataRecord[] = [];
  for await (const batch of batches) records.push(...batch);
  const read = records.filter((record) => "value" in record);
  return {
    kind,
    gzip,
    encoding: stream.encoding,
    records,
    values: read.map(({ value }) => value),
    lines: read.map(({ line }) => line),
    problems: records.filter((record) => "problem" in record),
  };
}

export function bytesOf(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content);
}

export function packed(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(bytesOf(content)));
}
