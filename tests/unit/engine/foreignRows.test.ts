/**
 * The rows of run files that strangers wrote. Oracles: what the browser would make of the same rows itself; `expectRefused` where they
 * are not what the file says of them.
 */

import { strToU8 } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { runRecord } from "../storage/backend.ts";
import {
  asFile,
  expectRefused,
  jsonOf,
  madeParts,
  type Parts,
  packed,
  placeOn,
  setAt,
  setJson,
  withMember,
} from "./runFileMade.ts";

let parts: Parts;
beforeAll(async () => {
  parts = await madeParts();
});

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

describe("rows", () => {
  const summaryOf = (manifest: Record<string, unknown>) =>
    (manifest.data as { summary: Record<string, unknown> }[])[0]?.summary;

  test("a foreign summary is made anew from the rows, and none of it names a chunk of ours", async () => {
    const manifest = jsonOf(parts, "manifest.json");
    Object.assign(summaryOf(manifest) ?? {}, {
      chunks: ["f".repeat(64)],
      rows: 10 ** 9,
      unreadable: 77,
      detection: { mapping: { format: "text", columns: {} }, reason: "Because.", alternatives: [], columns: [] },
      problems: [{ line: 1, message: "A lie." }],
      stored: false,
      more: { chunks: ["e".repeat(64)] },
    });
    const changed = { ...parts };
    setJson(changed, "manifest.json", manifest);
    const [one, two] = [await placeOn(), await placeOn()];
    await one.importRun(asFile(await packed(parts)));
    await two.importRun(asFile(await packed(changed)));
    const [honest, foreign] = await Promise.all([one, two].map(({ storage }) => createRowStore(storage).list()));
    expect(foreign).toEqual(honest);
    expect(honest?.[0]).toMatchObject({ rows: 12, unreadable: 0, detection: { mapping: { format: "alpaca" } } });
    expect(await two.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
  });

  test.each<[string, string, unknown, RegExp]>([
    ["a kind that there is not", "kind", "exe", /summary: kind is "exe"/],
    ["bytes below 0", "byteLength", -1, /summary: byteLength/],
    ["rows below 0", "pieceRows", [-12], /summary: pieceRows\.0/],
    ["more rows than there are", "pieceRows", [13], /have 12 rows in piece 0 instead of 13/],
    ["pieces of none", "pieceRows", [], /have 1 pieces instead of 0/],
    ["no pieces", "pieceRows", undefined, /summary: pieceRows is missing/],
    ["an encoding that there is not", "encoding", "latin1", /summary: encoding is "latin1"/],
    ["a gzip that is neither", "gzip", "yes", /summary: gzip/],
  ])("a summary with %s is refused", async (_, path, value, message) => {
    const manifest = jsonOf(parts, "manifest.json");
    setAt(summaryOf(manifest), path, value);
    const changed = { ...parts };
    setJson(changed, "manifest.json", manifest);
    await expectRefused(await packed(changed), message);
  });

  test("rows may have members of any name, for they are a person's own", async () => {
    const first = await placeOn();
    const text = strToU8('[{"__proto__": "a", "instruction": "Say a.", "output": "a"}]') as Uint8Array<ArrayBuffer>;
    const rows = createRowStore(first.storage);
    const { summary } = await rows.read(bytesFromMemory("pairs.json", text), () => undefined);
    const record = { ...runRecord("odd", 0), status: "paused" as const, watch: null, resumeFrom: null };
    const sources = [{ name: "pairs.json", hash: summary.hash, mapping: null, excluded: [] }];
    await first.storage.runs.put({ ...record, sources }, await first.storage.curves.writer("odd", null));
    const { archive } = await first.exportRun("odd");
    const second = await placeOn();
    await second.importRun(asFile(archive));
    expect(await (await createRowStore(second.storage).open(summary.hash)).record(0)).toEqual(
      await (await rows.open(summary.hash)).record(0),
    );
  });

  test("a summary that is nothing is refused", async () => {
    await expectRefused(await withMember(parts, "manifest.json", "data.0.summary", null), /the whole is null/);
  });

  test.each<[string, string, RegExp]>([
    ["50,000 deep", `[{"line":1,"value":${nested(50_000)}}]`, /nested more than 2000/],
    ["no list", '{"line":1}', /not a list/],
    ["of numbers", `[${"1,".repeat(11)}1]`, /a line with a value or a problem/],
    ["without a line", `[${'{"value":1},'.repeat(11)}{"value":1}]`, /a line with a value or a problem/],
    ["too few", '[{"line":1,"value":1}]', /have 1 rows in piece 0 instead of 12/],
    ["no JSON", "[", /is no JSON/],
    ["others than the hash names", `[${'{"line":1,"value":2},'.repeat(11)}{"line":1,"value":1}]`, /have the hash/],
  ])("rows %s are refused", async (_, text, message) => {
    const path = Object.keys(parts).find((name) => name.startsWith("data/")) ?? "";
    await expectRefused(await packed({ ...parts, [path]: strToU8(text) }), message);
  });
});
