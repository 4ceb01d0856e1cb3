/**
 * 10,000 broken files: each yields records or one error for the user, never a raw error or a hang. Their rows then pass
 * detection, conversion and a built-in template.
 */

import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { createRandom, type Random } from "../../../../src/tensor/random.ts";
import { cpuTime } from "../../../support/cpuTime.ts";
import { isLong } from "../../../support/long.ts";
import { expectMessage, throughAllSteps } from "../pipeline.ts";
import { bytesOf, packed, type ReadFile, readFile } from "./reading.ts";

const rows = Array.from({ length: 12 }, (_, i) => ({
  instruction: `Say "${"é😀".repeat(i)}", then\n{${i}}`,
  output: i % 3 ? `answer ${i}, of course` : "",
  messages: [{ role: "user", content: "a" }, ...(i % 2 ? [{ role: "assistant", content: "b" }] : [])],
  score: i % 4 ? i * 1.5 : null,
}));
const json = JSON.stringify(rows);
const lines = rows.map((row) => JSON.stringify(row)).join("\n");
const csv = `instruction,output\r\n${rows.map((row) => `"${row.instruction.replaceAll('"', '""')}",${row.output.replace(",", ";")}`).join("\r\n")}\r\n`;
const markdown = "# A\n\nText of a\n\n```\n# none\n```\n\n## B\n\n- a\n- b\n\n".repeat(3);

type Codec = "UNCOMPRESSED" | "SNAPPY" | "GZIP" | "BROTLI";
type Encoding =
  | "PLAIN"
  | "DELTA_BINARY_PACKED"
  | "DELTA_BYTE_ARRAY"
  | "DELTA_LENGTH_BYTE_ARRAY"
  | "BYTE_STREAM_SPLIT"
  | "RLE";

function parquet(codec: Codec, encodings: { text?: Encoding; whole?: Encoding; flag?: Encoding } = {}): Uint8Array {
  const encoded = (encoding: Encoding | undefined) => (encoding ? { encoding } : {});
  return new Uint8Array(
    parquetWriteBuffer({
      codec,
      rowGroupSize: 7,
      // Brotli's decoder has a slow start for each page.
      pageSize: codec === "BROTLI" ? 1 << 20 : 64,
      compressors: { GZIP: (bytes) => gzipSync(bytes), BROTLI: (bytes) => brotliCompressSync(bytes) },
      columnData: [
        { name: "text", type: "STRING", data: rows.map((row) => row.output), ...encoded(encodings.text) },
        { name: "whole", type: "INT64", data: rows.map((_, i) => BigInt(i * i)), ...encoded(encodings.whole) },
        { name: "small", type: "INT32", data: rows.map((_, i) => i), ...encoded(encodings.whole) },
        { name: "real", type: "DOUBLE", data: rows.map(({ score }) => score) },
        { name: "flag", type: "BOOLEAN", data: rows.map((_, i) => i % 2 === 0), ...encoded(encodings.flag) },
        { name: "json", type: "JSON", data: rows.map(({ messages }) => messages) },
        { name: "bytes", type: "BYTE_ARRAY", data: rows.map((_, i) => Uint8Array.of(i, 127)) },
        { name: "at", type: "TIMESTAMP", data: rows.map((_, i) => new Date(i * 1e10)) },
        { name: "same", type: "STRING", data: rows.map((_, i) => (i % 2 ? "a" : "b")) },
      ],
    }),
  );
}

/** A list of structs, Hugging Face's form of conversations. */
function nested(codec: Codec): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({
      codec,
      rowGroupSize: 5,
      schema: [
        { name: "root", num_children: 1 },
        { name: "messages", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", repetition_type: "OPTIONAL", num_children: 2 },
        { name: "role", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
        { name: "content", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
      ],
      columnData: [{ name: "messages", data: rows.map(({ messages }, i) => (i % 5 ? messages : null)) }],
    }),
  );
}

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(text.length * 2));
  for (let i = 0; i < text.length; i++) bytes.setUint16(i * 2, text.charCodeAt(i), littleEndian);
  return new Uint8Array(bytes.buffer);
}

/** Latin-1 is Windows-1252 without its signs. The emoji has no place in it. */
const windows1252 = (text: string) => new Uint8Array(Buffer.from(text.replaceAll("😀", "o"), "latin1"));

/** Whether U+FFFD or half a surrogate pair stands in the file itself, in any of its encodings. */
function hasReplacement(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  return /\xef\xbf\xbd|\xfd\xff|\xff\xfd|u\0?[dD]\0?[89a-fA-F]|u\0?[fF]\0?[fF]\0?[fF]/.test(text);
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return (value instanceof Map ? [...value.values()] : Object.values(value)).flatMap(textsOf);
}

/** Seeds of mutation: intact files, each with the packing to apply after a mutation. */
const seeds: { name: string; bytes: Uint8Array; pack?: boolean }[] = [
  { name: "f.json", bytes: bytesOf(json) },
  { name: "f.json", bytes: bytesOf(JSON.stringify(rows, null, 2)) },
  {
    name: "f.json",
    bytes: bytesOf(JSON.stringify({ version: 1, train: rows.slice(0, 9), test: rows.slice(9) }, null, 1)),
  },
  { name: "f", bytes: bytesOf(lines) },
  { name: "f.jsonl", bytes: bytesOf(`\uFEFF${lines.replaceAll("\n", "\r\n\r\n")}`) },
  { name: "f.csv", bytes: bytesOf(csv) },
  { name: "f", bytes: bytesOf('name;amount\nA;1,5\nB;2,25\n"C; D";3\n'.repeat(4)) },
  { name: "f.tsv", bytes: bytesOf("a\tb\tc\n1\t2\t3\n\t\t\n".repeat(9)) },
  {
    name: "f.txt",
    bytes: bytesOf(
      rows
        .map((row) => row.instruction)
        .join("\n\n")
        .repeat(20),
    ),
  },
  { name: "f.md", bytes: bytesOf(markdown) },
  { name: "f.jsonl.gz", bytes: packed(lines) },
  { name: "f.jsonl.gz", bytes: bytesOf(lines), pack: true },
  { name: "f.csv.gz", bytes: Buffer.concat([packed(csv), packed(csv)]) },
  { name: "f.json", bytes: utf16(`\uFEFF${json}`, true) },
  { name: "f.jsonl", bytes: utf16(lines, false) },
  { name: "f.csv", bytes: utf16(`\uFEFF${csv}`, false) },
  { name: "f", bytes: utf16(markdown, true) },
  { name: "f.csv", bytes: windows1252(csv) },
  { name: "f.jsonl", bytes: windows1252(lines) },
  { name: "f.md.gz", bytes: windows1252(`# Größe\n\n${markdown}`), pack: true },
  { name: "f.csv", bytes: bytesOf('sep=;\r\na;b\r\n1;"2;3"\r\n'.repeat(3)) },
  { name: "f.parquet", bytes: parquet("SNAPPY") },
  { name: "f.parquet", bytes: parquet("UNCOMPRESSED") },
  {
    name: "f.parquet",
    bytes: parquet("UNCOMPRESSED", { text: "DELTA_BYTE_ARRAY", whole: "DELTA_BINARY_PACKED", flag: "RLE" }),
  },
  {
    name: "f.parquet",
    bytes: parquet("UNCOMPRESSED", { text: "DELTA_LENGTH_BYTE_ARRAY", whole: "BYTE_STREAM_SPLIT" }),
  },
  { name: "f.parquet", bytes: parquet("GZIP") },
  { name: "f.parquet", bytes: parquet("BROTLI") },
  { name: "f.parquet", bytes: nested("UNCOMPRESSED") },
  { name: "f.parquet.gz", bytes: nested("SNAPPY"), pack: true },
  ...["nested", "required", "encodings", "lz4-v2-all-null", "older-lists"].map((name) => ({
    name: "f.parquet",
    bytes: new Uint8Array(readFileSync(new URL(`../../../golden/parquet/${name}.parquet`, import.meta.url))),
  })),
];

const below = (random: Random, n: number) => random.below(n);

/** One mutation of the bytes. */
const mutations: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  function flip(bytes, random) {
    const copy = bytes.slice();
    const at = below(random, copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
    return copy;
  },
  function set(bytes, random) {
    const copy = bytes.slice();
    copy[below(random, copy.length)] = [0, 0xff, 0x7f, 0x80, 0x22, 0x0a, 0x5b, 0x7b, 0x5c][below(random, 9)] ?? 0;
    return copy;
  },
  function remove(bytes, random) {
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 8))]);
  },
  function insert(bytes, random) {
    const at = below(random, bytes.length);
    const more = Uint8Array.from({ length: 1 + below(random, 8) }, () => below(random, 256));
    return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
  },
  function truncate(bytes, random) {
    return bytes.slice(0, below(random, bytes.length));
  },
  function swap(bytes, random) {
    const [a = 0, b = 0, c = 0] = [0, 0, 0].map(() => below(random, bytes.length)).sort((x, y) => x - y);
    return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c)]);
  },
  function splice(bytes, random) {
    const other = seeds[below(random, seeds.length)]?.bytes ?? bytes;
    const from = below(random, other.length);
    const at = below(random, bytes.length);
    const piece = other.subarray(from, from + below(random, 200));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + below(random, 200))]);
  },
  function repeat(bytes, random) {
    const at = below(random, bytes.length);
    const piece = bytes.subarray(at, at + 1 + below(random, 40));
    const pieces = Array.from({ length: 2 + below(random, 30) }, () => piece);
    return Buffer.concat([bytes.subarray(0, at), ...pieces, bytes.subarray(at)]);
  },
];

/** Number of files per thousand whose rows pass all steps; fewer in the quick form. */
const throughSteps = isLong ? 1000 : 300;

/** Most milliseconds for a file. */
const longestWait = 10_000;

describe("broken files", () => {
  test("the seeds are intact", async () => {
    for (const { name, bytes, pack } of seeds) {
      const { problems, values } = await readFile(name, pack ? packed(bytes) : bytes);
      expect(problems).toEqual([]);
      expect(values.length).toBeGreaterThan(0);
    }
  });

  // One test per thousand files, so that a failure is quick to repeat.
  test.each(Array.from({ length: isLong ? 10 : 1 }, (_, i) => i))(
    "thousand %i",
    async (thousand) => {
      const random = createRandom(1000 + thousand);
      let read = 0;
      let sequences = 0;
      for (let i = 0; i < 1000; i++) {
        const seed = seeds[i % seeds.length];
        if (!seed) continue;
        let bytes = seed.bytes;
        for (let changes = 1 + below(random, 4); changes > 0 && bytes.length > 0; changes--) {
          bytes = mutations[below(random, mutations.length)]?.(bytes, random) ?? bytes;
        }
        const file = seed.pack ? packed(bytes) : bytes;
        const windowBytes = 1 + below(random, 2000);
        const began = cpuTime();
        const outcome = await readFile(seed.name, file, { windowBytes }).catch((error: unknown) => error);
        const what = `file ${i}`;
        if (typeof outcome !== "object" || outcome === null || !("records" in outcome)) {
          const message = outcome instanceof Error ? `${outcome.name}: ${outcome.message}` : String(outcome);
          expect(message, what).toMatch(/^Error: f[\w.]*( is |: | has |, line )[^\n]+\.$/);
          expectMessage(message, what);
          continue;
        }
        const { records, kind } = outcome as ReadFile;
        read++;
        if (kind !== "parquet" && !hasReplacement(bytes)) {
          const texts = textsOf((outcome as ReadFile).values);
          expect(
            texts.find((text) => /[\uFFFD\uFFFF]/.test(text)),
            what,
          ).toBeUndefined();
        }
        // Work is linear in the file's size.
        expect(records.length, what).toBeLessThan(5000 + 256 * bytes.length);
        expect(
          records.some((record) => "value" in record),
          what,
        ).toBe(true);
        for (const record of records) {
          expect(Number.isSafeInteger(record.line) && record.line >= 1, what).toBe(true);
          if ("problem" in record) expectMessage(`line ${record.line}: ${record.problem}`, what);
          else structuredClone(record.value);
        }
        const { values } = outcome as ReadFile;
        if (i < throughSteps) sequences += throughAllSteps(values.slice(0, 256), what);
        expect(cpuTime() - began, what).toBeLessThan(longestWait);
      }
      expect(read).toBeGreaterThan(300);
      expect(sequences).toBeGreaterThan(500);
    },
    600_000,
  );
});
