/** Parquet: exact values, and tables that claim more than they contain. Oracles: the written values, and the message. */

import { brotliCompressSync, gzipSync } from "node:zlib";
import { parquetMetadata } from "hyparquet";
import { ByteWriter, parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { ExactNumber } from "../../../../src/records/value.ts";
import { bytesOf, packed, readFile } from "./reading.ts";

type Written = Parameters<typeof parquetWriteBuffer>[0];

const write = (options: Written) => new Uint8Array(parquetWriteBuffer(options));

const texts = Array.from({ length: 300 }, (_, i) => `text ${i % 50} é😀`);

/** Zstandard and LZ4 with uncompressed blocks, which are valid. */
const zstd = (bytes: Uint8Array) => {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...new Uint8Array(Uint32Array.of(bytes.length).buffer)];
  const block = (bytes.length << 3) | 1;
  return Uint8Array.from([...header, block & 255, (block >> 8) & 255, block >> 16, ...bytes]);
};
const lz4 = (bytes: Uint8Array) => {
  const length = [];
  let rest = bytes.length - 15;
  for (; rest >= 255; rest -= 255) length.push(255);
  return Uint8Array.from(bytes.length < 15 ? [bytes.length << 4, ...bytes] : [0xf0, ...length, rest, ...bytes]);
};
const hadoop = (bytes: Uint8Array) => {
  const body = lz4(bytes);
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, bytes.length);
  new DataView(head.buffer).setUint32(4, body.length);
  return Uint8Array.from([...head, ...body]);
};

describe("reading", () => {
  const compressors = {
    GZIP: (bytes: Uint8Array) => gzipSync(bytes),
    BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes),
    ZSTD: zstd,
    LZ4_RAW: lz4,
    LZ4: hadoop,
  };
  test.each(["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4_RAW", "LZ4"] as const)("%s", async (codec) => {
    const bytes = write({ codec, compressors, rowGroupSize: 128, columnData: [{ name: "text", data: texts }] });
    const { kind, values, problems, lines } = await readFile("x.parquet", bytes);
    expect({ kind, problems }).toEqual({ kind: "parquet", problems: [] });
    expect(values).toEqual(texts.map((text) => ({ text })));
    expect(lines).toEqual(texts.map((_, i) => i + 1));
  });

  test("values are exact", async () => {
    const day = new Date("2024-02-29T12:00:00.000Z");
    const bytes = write({
      columnData: [
        { name: "big", type: "INT64", data: [2n ** 60n, -5n, null] },
        { name: "real", type: "DOUBLE", data: [0.5, Number.NaN, null] },
        { name: "float", type: "DOUBLE", data: [12, -0, 1e-5] },
        { name: "day", type: "TIMESTAMP", data: [day, null, day] },
        { name: "bytes", type: "BYTE_ARRAY", data: [bytesOf("é"), Uint8Array.of(0, 255), null] },
        { name: "json", type: "JSON", data: [{ a: ["\ud800"] }, [1], null] },
        { name: "__proto__", type: "STRING", data: ["a", "b", "c"] },
      ],
    });
    const { values, problems } = await readFile("x.parquet", bytes);
    expect(problems).toEqual([
      { line: 2, problem: "column bytes has bytes that are not text; they are left out, from this row on" },
    ]);
    const iso = "2024-02-29 12:00:00+00:00";
    const own = (key: string, value: string) => Object.fromEntries([[key, value]]);
    expect(values).toEqual([
      {
        big: new ExactNumber("1152921504606846976"),
        real: 0.5,
        float: new ExactNumber("12.0"),
        day: iso,
        bytes: "é",
        json: { a: ["\uFFFD"] },
        ...own("__proto__", "a"),
      },
      {
        big: -5,
        real: new ExactNumber("NaN"),
        float: new ExactNumber("-0.0"),
        day: null,
        bytes: null,
        json: [1],
        ...own("__proto__", "b"),
      },
      {
        big: null,
        real: null,
        float: new ExactNumber("1e-05"),
        day: iso,
        bytes: null,
        json: null,
        ...own("__proto__", "c"),
      },
    ]);
    expect(Object.keys(values[0] as object)).toContain("__proto__");
  });

  test("lists of structs, Hugging Face's form of conversations", async () => {
    const rows = [
      [{ role: "user", content: "a" }],
      [],
      null,
      [
        { role: "user", content: null },
        { role: "assistant", content: "b" },
      ],
    ];
    const bytes = write({
      schema: [
        { name: "root", num_children: 1 },
        { name: "messages", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", repetition_type: "OPTIONAL", num_children: 2 },
        { name: "role", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
        { name: "content", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
      ],
      columnData: [{ name: "messages", data: rows }],
    });
    const { values, problems } = await readFile("x.parquet", bytes);
    expect(problems).toEqual([]);
    expect(values).toEqual(rows.map((messages) => ({ messages })));
  });

  test("a column of one value and a column of nulls, in a hundred thousand rows", async () => {
    const rows = 100_000;
    const bytes = write({
      rowGroupSize: rows,
      columnData: [
        { name: "n", type: "INT32", data: Array.from({ length: rows }, (_, i) => i) },
        { name: "same", type: "STRING", data: Array.from({ length: rows }, () => "a") },
        { name: "none", type: "STRING", data: Array.from({ length: rows }, () => null) },
      ],
    });
    const { values, problems } = await readFile("x.parquet", bytes);
    expect(problems).toEqual([]);
    expect(values).toHaveLength(rows);
    expect(values.at(-1)).toEqual({ n: rows - 1, same: "a", none: null });
  });

  test("a text that is not UTF-8 costs only its row", async () => {
    const bytes = write({
      codec: "UNCOMPRESSED",
      statistics: false,
      columnData: [{ name: "text", data: ["abc", "d~f"] }],
    });
    const broken = bytes.map((byte) => (byte === 0x7e ? 0xe9 : byte));
    const { values, problems } = await readFile("x.parquet", broken);
    expect(values).toEqual([{ text: "abc" }]);
    expect(problems).toEqual([
      { line: 2, problem: expect.stringMatching(/^column text has bytes that are not UTF-8/) },
    ]);
  });

  test("bytes that are not text are left out, and their column is named once; rows stay", async () => {
    const image = (i: number) => (i % 2 ? Uint8Array.of(0x89, 0x50, i) : bytesOf("text"));
    const bytes = write({
      rowGroupSize: 10,
      columnData: [
        { name: "text", data: texts.slice(0, 40) },
        { name: "image", type: "BYTE_ARRAY", data: texts.slice(0, 40).map((_, i) => image(i)) },
      ],
    });
    const { values, problems } = await readFile("x.parquet", bytes);
    expect(values).toEqual(texts.slice(0, 40).map((text, i) => ({ text, image: i % 2 ? null : "text" })));
    expect(problems).toEqual([
      { line: 2, problem: expect.stringMatching(/^column image has bytes that are not text/) },
    ]);
  });

  test("types without a text are left out by name", async () => {
    const bytes = write({
      schema: [
        { name: "root", num_children: 3 },
        { name: "text", type: "BYTE_ARRAY", repetition_type: "REQUIRED", converted_type: "UTF8" },
        { name: "bson", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "BSON" },
        { name: "place", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", logical_type: { type: "GEOGRAPHY" } },
      ],
      columnData: [
        { name: "text", data: ["a", "b"] },
        { name: "bson", data: [bytesOf("x"), null] },
        { name: "place", data: [null, { type: "Point", coordinates: [1, 2] }] },
      ],
    });
    const { values, problems } = await readFile("x.parquet", bytes);
    expect(values).toEqual([
      { text: "a", bson: null, place: null },
      { text: "b", bson: null, place: null },
    ]);
    expect(problems).toEqual([
      { line: 1, problem: expect.stringMatching(/^column bson has values of type BSON, which cannot be read/) },
      { line: 2, problem: expect.stringMatching(/^column place has values of type GEOGRAPHY, which cannot be read/) },
    ]);
  });

  test("a broken row group costs no other one", async () => {
    const bytes = write({ codec: "UNCOMPRESSED", rowGroupSize: 100, columnData: [{ name: "text", data: texts }] });
    const page = Number(parquetMetadata(bytes.buffer).row_groups[1]?.columns[0]?.meta_data?.data_page_offset);
    bytes.fill(0xff, page, page + 20);
    const { values, problems, lines } = await readFile("x.parquet", bytes);
    const problem = expect.stringMatching(/^row group 2 of the Parquet table, 100 rows from here, is broken: /);
    expect(problems).toEqual([{ line: 101, problem }]);
    expect(values).toEqual([...texts.slice(0, 100), ...texts.slice(200)].map((text) => ({ text })));
    expect(lines.slice(99, 101)).toEqual([100, 201]);
  });

  test("it reports its progress, and stops when cancelled", async () => {
    const bytes = write({ rowGroupSize: 100, columnData: [{ name: "text", data: texts }] });
    const progress: number[] = [];
    await readFile("x.parquet", bytes, { onProgress: (done) => progress.push(done) });
    expect(progress).toHaveLength(4);
    expect(progress.at(-1)).toBe(bytes.length);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(readFile("x.parquet", bytes, { signal })).rejects.toThrow(/^enough$/);
  });

  test("packed as .gz", async () => {
    const bytes = packed(write({ columnData: [{ name: "text", data: texts }] }));
    expect(await readFile("x.parquet.gz", bytes, { windowBytes: 99 })).toMatchObject({
      kind: "parquet",
      gzip: true,
      values: texts.map((text) => ({ text })),
    });
    await expect(readFile("x.parquet.gz", bytes.subarray(0, -20))).rejects.toThrow(
      /^x\.parquet\.gz: the gzip archive is broken/,
    );
  });
});

describe("tables with false claims are refused before memory is allocated for them", () => {
  const bytes = write({ codec: "UNCOMPRESSED", columnData: [{ name: "text", data: ["a", "b", "c"] }] });

  test.each([
    ["cut off", bytes.subarray(0, -3), /^x\.parquet is a Parquet table, but does not end with PAR1\./],
    ["only the two PAR1", bytesOf("PAR1PAR1"), /^x\.parquet has only 8 bytes, too few/],
    [
      "a description longer than the file",
      claim(bytes, 0xfffffff0),
      /the footer of the Parquet table would have 4294967280 bytes, but at most \d+ are possible\./,
    ],
    ["no footer", claim(bytes, 0), /the footer of the Parquet table is broken/],
  ])("%s", async (_, file, message) => {
    await expect(readFile("x.parquet", file)).rejects.toThrow(message);
    await expect(readFile("x.parquet", file)).rejects.toThrow(/download it again\.$/);
  });

  /** A file with the given footer and the bytes before it. */
  const fileOf = (footer: number[], body: number[] = []) =>
    Uint8Array.from([
      ...bytesOf("PAR1"),
      ...body,
      ...footer,
      ...new Uint8Array(Uint32Array.of(footer.length).buffer),
      ...bytesOf("PAR1"),
    ]);

  test("lists of 2³¹ elements, and lists in lists", async () => {
    // Field 2: a list of 2³¹ − 1 structs; then a list of lists.
    await expect(readFile("x.parquet", fileOf([0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07]))).rejects.toThrow(
      /a length is 2147483647, but only 0 bytes are left/,
    );
    await expect(readFile("x.parquet", fileOf([0x29, ...Array.from({ length: 100 }, () => 0x19), 0]))).rejects.toThrow(
      /lists are nested more than 32 levels deep/,
    );
    await expect(readFile("x.parquet", fileOf([0x16, ...Array.from({ length: 5000 }, () => 0xff), 0]))).rejects.toThrow(
      /a number has more than 64 bits/,
    );
  });

  test("2³¹ rows in a file of a few hundred bytes", async () => {
    await expect(readFile("x.parquet", tableThatClaims({ rows: 2 ** 31 }))).rejects.toThrow(
      /row group 1 has 2147483648 rows in \d+ bytes, but at most \d+ can be read/,
    );
  });

  test("a page with a run of levels far longer than its values", async () => {
    const { problem } = await problemOf(tableThatClaims({ run: 2 ** 29 }));
    expect(problem).toMatch(/a run has 536870912 values, but only 3 are left/);
  });

  test("a page that claims to unpack to 2 GiB, and one longer than its column", async () => {
    expect((await problemOf(tableThatClaims({ unpacked: 2 ** 31 - 1 }))).problem).toMatch(
      /a page of column text unpacks from \d+ bytes to 2048 MiB/,
    );
    expect((await problemOf(tableThatClaims({ packed: 10_000 }))).problem).toMatch(
      /has 10000 bytes, but only \d+ are left/,
    );
  });

  test("a page with more values than the group has rows", async () => {
    expect((await problemOf(tableThatClaims({ values: 2 ** 30 }))).problem).toMatch(
      /a page has 1073741824 values, but at most 3 are expected/,
    );
  });

  async function problemOf(file: Uint8Array) {
    const outcome = await readFile("x.parquet", file).catch((error: Error) => error);
    if (!(outcome instanceof Error)) throw new Error(`it was read: ${JSON.stringify(outcome.records)}`);
    return { problem: outcome.message };
  }

  function claim(file: Uint8Array, length: number): Uint8Array {
    const copy = file.slice();
    new DataView(copy.buffer).setUint32(copy.length - 8, length, true);
    return copy;
  }

  /** A table of three optional texts, written by hand, so that tests can change any number in it. */
  function tableThatClaims(claims: {
    rows?: number;
    run?: number;
    unpacked?: number;
    packed?: number;
    values?: number;
  }) {
    const page = thrift((w) => w.appendVarInt((claims.run ?? 3) * 2)).concat(1);
    const body = [...new Uint8Array(Uint32Array.of(page.length).buffer), ...page];
    for (const letter of "abc") body.push(1, 0, 0, 0, letter.charCodeAt(0));
    const header = thrift((w) => {
      int(w, 1, 0); // a data page
      int(w, 1, claims.unpacked ?? body.length);
      int(w, 1, claims.packed ?? body.length);
      w.appendUint8(0x2c); // field 5, a struct
      int(w, 1, claims.values ?? 3);
      for (const encoding of [0, 3, 3]) int(w, 1, encoding); // plain values, levels as runs
      w.appendUint8(0);
      w.appendUint8(0);
    });
    const rows = claims.rows ?? 3;
    const chunk = [...header, ...body];
    const footer = thrift((w) => {
      int(w, 1, 1);
      w.appendUint8(0x19); // field 2, a list of two structs
      w.appendUint8(0x2c);
      text(w, 4, "root");
      int(w, 1, 1);
      w.appendUint8(0);
      int(w, 1, 6); // bytes
      int(w, 2, 1); // optional
      text(w, 1, "text");
      int(w, 2, 0); // UTF-8
      w.appendUint8(0);
      long(w, 1, rows);
      w.appendUint8(0x19); // field 4, a list of one struct
      w.appendUint8(0x1c);
      w.appendUint8(0x19); // its columns, one
      w.appendUint8(0x1c);
      long(w, 2, 4);
      w.appendUint8(0x1c); // field 3, its description
      int(w, 1, 6);
      w.appendUint8(0x19);
      w.appendUint8(0x15);
      w.appendZigZag(0);
      w.appendUint8(0x19);
      w.appendUint8(0x18);
      w.appendVarInt(4);
      w.appendBytes(bytesOf("text"));
      int(w, 1, 0); // not compressed
      long(w, 1, rows);
      long(w, 1, chunk.length);
      long(w, 1, chunk.length);
      long(w, 2, 4);
      w.appendUint8(0);
      w.appendUint8(0);
      long(w, 1, chunk.length);
      long(w, 1, rows);
      w.appendUint8(0);
      w.appendUint8(0);
    });
    return fileOf(footer, chunk);
  }

  test("the same table without false claims is read", async () => {
    const { values, problems } = await readFile("x.parquet", tableThatClaims({}));
    expect({ values, problems }).toEqual({ values: [{ text: "a" }, { text: "b" }, { text: "c" }], problems: [] });
  });
});

function thrift(build: (writer: ByteWriter) => void): number[] {
  const writer = new ByteWriter();
  build(writer);
  return [...writer.getBytes()];
}

/** A field of a struct; `after`: its distance from the id of the field before. */
function int(writer: ByteWriter, after: number, value: number) {
  writer.appendUint8((after << 4) | 5);
  writer.appendZigZag(value);
}

function long(writer: ByteWriter, after: number, value: number) {
  writer.appendUint8((after << 4) | 6);
  writer.appendZigZag(BigInt(value));
}

function text(writer: ByteWriter, after: number, value: string) {
  writer.appendUint8((after << 4) | 8);
  writer.appendVarInt(value.length);
  writer.appendBytes(bytesOf(value));
}
