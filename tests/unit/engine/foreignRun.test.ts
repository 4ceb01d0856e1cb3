/**
 * Run files that strangers wrote, each with hashes that prove it. Oracles: a refusal names the file and the field, in at most 300
 * characters and no library's words; storage is byte for byte as before; what is taken in can be listed, resumed and exported.
 */

import { strToU8, zipSync } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import type { KeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { faulty, newDisk, tabOn } from "../storage/backend.ts";
import {
  asFile,
  diskText,
  jsonOf,
  madeParts,
  type Parts,
  packed,
  placeOn,
  raw,
  saveRun,
  setAt,
  setJson,
} from "./runFileMade.ts";

let parts: Parts;
beforeAll(async () => {
  parts = await madeParts();
});

/** A refused file leaves no trace, and its message is as it should be. */
async function expectRefused(content: BlobPart, message: RegExp, signal?: AbortSignal): Promise<void> {
  const place = await placeOn();
  await saveRun(place.storage, "other");
  const before = await diskText(place.disk);
  const error: unknown = await place.importRun(asFile(content), signal).then(
    () => "it was taken in",
    (reason: unknown) => reason,
  );
  const said = error instanceof Error ? error.message : String(error);
  expect(said).toMatch(message);
  expect(said).toContain("the-run.zip");
  expect(said).not.toMatch(raw);
  expect(said.length).toBeLessThanOrEqual(300);
  expect(await diskText(place.disk)).toBe(before);
}

/** With one member of one file changed. */
async function withMember(file: string, path: string, value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const changed = { ...parts };
  const json = jsonOf(changed, file);
  setAt(json, path, value);
  setJson(changed, file, json);
  return packed(changed);
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

test("the file itself is taken in, and taken out again it is the same run", async () => {
  const place = await placeOn();
  const { added, record } = await place.importRun(asFile(await packed(parts)));
  expect({ added, id: record.id }).toEqual({ added: true, id: "made" });
  const { archive } = await place.exportRun("made");
  const third = await placeOn();
  expect((await third.importRun(asFile(archive))).record).toEqual(record);
  expect(await third.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
});

describe("manifest.json", () => {
  test.each<[string, string, unknown]>([
    ["a step below 0", "checkpoints.0.step", -10],
    ["a step beyond every run", "checkpoints.0.step", 1e300],
    ["half a step", "checkpoints.0.step", 59.5],
    ["a step that the run does not reach", "checkpoints.0.step", 101],
    ["a step that is not that of its state", "checkpoints.0.step", 59],
    ["a step twice", "checkpoints.0.step", 50],
    ["a step in words", "checkpoints.0.step", "60"],
    ["a day that does not exist", "checkpoints.0.savedAt", "2026-13-45T00:00:00.000Z"],
    ["a date in words", "checkpoints.1.savedAt", "yesterday"],
    ["a path out of the file", "checkpoints.0.state", "../state.json"],
    ["a path from the root", "checkpoints.0.tensors", "/etc/passwd"],
    ["one state for two checkpoints", "checkpoints.0.state", "checkpoints/50/state.json"],
    ["the record as a state", "checkpoints.0.state", "run.json"],
    ["no path", "checkpoints.0.tensors", undefined],
    ["a name of a megabyte", "data.0.name", "n".repeat(2 ** 20)],
    ["a name with a line break", "data.0.name", "a\nb"],
    ["half a character in a name", "data.0.name", "a\ud800"],
    ["a hash that is none", "data.0.hash", "B".repeat(64)],
    ["rows without files", "data.0.files", []],
    ["a format below 1", "format", 0],
    ["a format between two", "recordFormat", 1.5],
    ["no list of checkpoints", "checkpoints", { 0: "a" }],
    ["two million checkpoints", "checkpoints", Array.from({ length: 200_000 }, () => 1)],
  ])("%s is refused", async (_, path, value) => {
    await expectRefused(await withMember("manifest.json", path, value), /manifest\.json|pieces|hash|state\.json/);
  });
});

describe("run.json", () => {
  test.each<[string, string, unknown, RegExp]>([
    ["an id that leads out", "id", "../../x", /run\.json: id/],
    ["an id of nothing", "id", "", /run\.json: id/],
    ["half a character in the id", "id", "\ud800", /run\.json: id/],
    ["a name of a megabyte", "name", "x".repeat(2 ** 20), /run\.json: name/],
    ["a date in words", "createdAt", "last week", /createdAt is "last week"/],
    ["a status that there is not", "status", "sleeping", /status is "sleeping", not one of/],
    ["a model of no numbers", "model.parameters", 0, /model\.parameters/],
    ["a model of 1e300 numbers", "model.parameters", 1e300, /model\.parameters/],
    ["no source", "sources", [], /sources/],
    ["rows taken out twice", "sources.0.excluded", [5, 5], /sources\.0\.excluded is not ascending/],
    ["rows taken out below 0", "sources.0.excluded", [-1], /sources\.0\.excluded\.0/],
    ["a mapping of numbers", "sources.0.mapping", { format: "columns", columns: { instruction: 5 } }, /mapping/],
    ["a rate of 1e300", "recipe.stages.0.learningRate", 1e300, /recipe\.stages\.0\.learningRate/],
    ["a rate below 0", "recipe.stages.1.learningRate", -1e-4, /recipe\.stages\.1\.learningRate/],
    ["no stage", "recipe.stages", [], /recipe\.stages/],
    ["a batch of none", "recipe.batchSize", 0, /recipe\.batchSize is 0, not a whole number from 1/],
    ["1e15 rows at a time", "recipe.batchSize", 1e15, /recipe\.batchSize/],
    ["momentum of 1", "recipe.beta1", 1, /recipe\.beta1 is 1, not a number from 0 below 1/],
    ["a half seed", "recipe.seed", 0.5, /recipe\.seed/],
    ["an adapter without rank", "recipe.lora.rank", 0, /recipe\.lora\.rank/],
    ["an adapter of another rank", "recipe.lora.rank", 8, /is not of rank 8/],
    ["an adapter on other layers", "recipe.lora.targets", ["v_proj"], /is none of recipe\.lora\.targets/],
    ["another method", "recipe.method", "full", /is not what the recipe's method "full" trains/],
    ["a source that there is not", "recipe.stages.0.sources", [{ source: 7, lambda: 1 }], /recipe\.stages\.0\.sources/],
    ["a weight of 0", "recipe.stages.0.sources.0.lambda", 0, /recipe\.stages\.0\.sources/],
    ["a template that is no template", "recipe.template", { kind: "custom", source: 3 }, /recipe\.template/],
    ["no step in all", "totalSteps", 0, /totalSteps/],
    ["fewer steps than the stages", "totalSteps", 99, /totalSteps is 99, but its stages have 100/],
    ["more steps done than planned", "step", 101, /step is 101, but the run has 100/],
    ["time before the beginning", "seconds", -1, /seconds/],
    ["more trained numbers than there are", "trainable", 33, /it trains 32 numbers, but trainable is 33/],
    ["another objective than the recipe", "stages.0.objective", "chat", /stages\.0\.objective/],
    ["a best step after the last", "best", { step: 900, loss: 1, sets: {} }, /best\.step/],
    ["a best loss that is none", "best", { step: 50, loss: { $number: "NaN" }, sets: {} }, /best\.loss/],
    ["to be resumed after its end", "resumeFrom", 101, /resumeFrom/],
    ["slowed down to nothing", "slowdowns", [{ fromStep: 1, factor: 0 }], /slowdowns\.0\.factor/],
    ["sped up", "slowdowns", [{ fromStep: 1, factor: 1e9 }], /slowdowns\.0\.factor/],
    ["a watched row of another source", "watch.place.source", 3, /watch\.place\.source/],
    ["losses in words", "watch.moments.0.losses", ["a"], /watch\.moments\.0\.losses\.0/],
    ["a step twice", "metrics.1.step", 41, /metrics\.1\.step/],
    ["a step below 0", "metrics.0.step", -1, /metrics\.0\.step/],
    ["a step after the end", "metrics.19.step", 4000, /metrics\.19\.step/],
    ["an endless step", "metrics.2.seconds", { $number: "Infinity" }, /metrics\.2\.seconds/],
    ["tokens below 0", "metrics.0.tokens", -5, /metrics\.0\.tokens/],
    ["no curves", "metrics", undefined, /progress is missing/],
    ["evaluations backwards", "evaluations.0.step", 70, /evaluations\.1\.step/],
    ["a member that changes objects", "recipe.__proto__", { polluted: 1 }, /a member named __proto__/],
    ["a number that is none", "seconds", { $number: "abc" }, /seconds is an object/],
    ["memory below 0", "memory", { predicted: -1, peak: 1 }, /memory\.predicted/],
    ["samples of numbers", "samples", [1, 2], /samples\.0/],
  ])("%s is refused", async (_, path, value, message) => {
    await expectRefused(await withMember("run.json", path, value), message);
  });
});

describe("state.json", () => {
  const file = "checkpoints/60/state.json";
  test.each<[string, string, unknown, RegExp]>([
    ["of another step", "step", 50, /step is 50, but the checkpoint is of step 60/],
    ["of step 1e300", "step", 1e300, /step/],
    ["more updates than steps", "updates", 61, /updates/],
    ["an order of more stages", "sampler.stages", 3, /sampler\.stages is 3, but the recipe has 2/],
    ["an order ahead of its step", "sampler.drawn", 61, /sampler\.drawn/],
    ["a batch that no epoch has", "sampler.cursor", 9_999, /sampler\.cursor/],
    ["a row that no source has", "sampler.passes.0.position", 1e6, /sampler\.passes\.0\.position/],
    ["a source too many", "sampler.passes", [], /sampler\.passes has 0 sources/],
    ["a random word too large", "sampler.random", [2 ** 32, 0, 0, 0], /sampler\.random\.0/],
    ["three random words", "sampler.random", [1, 2, 3], /sampler\.random/],
    ["a random word below 0", "sampler.random", [-1, 0, 0, 0], /sampler\.random\.0/],
    ["best after itself", "best", { step: 61, loss: 1, sets: {} }, /best\.step/],
    ["looks after itself", "moments", [{ step: 99, answer: "", losses: [] }], /moments/],
    ["curves after itself", "metrics.19.step", 61, /metrics\.19\.step/],
    ["no sampler", "sampler", undefined, /sampler is missing/],
    ["a loss without a number", "metrics.0.loss", null, /metrics\.0\.loss is null/],
  ])("%s is refused", async (_, path, value, message) => {
    await expectRefused(await withMember(file, path, value), message);
    await expectRefused(await withMember(file, path, value), /checkpoints\/60\/state\.json/);
  });
});

describe("nested, long or broken", () => {
  const texts: [string, () => string, RegExp][] = [
    ["50,000 deep", () => nested(50_000), /is nested more than \d+ deep/],
    ["50,000 lists deep", () => `${"[".repeat(50_000)}${"]".repeat(50_000)}`, /is nested more than \d+ deep/],
    ["50,000 deep and never closed", () => "[".repeat(50_000), /is nested more than \d+ deep/],
    ["no JSON", () => "{", /is no JSON/],
    ["nothing", () => "", /is no JSON/],
    ["only a number", () => "7", /is 7, not|is no run of Hone/],
    ["null", () => "null", /is null, not|is no run of Hone/],
    ["a list", () => "[]", /is a list, not|is no run of Hone|is missing/],
    ["a member __proto__", () => '{"__proto__": {"a": 1}}', /a member named __proto__/],
    ["an escaped member __proto__", () => '{"\\u005f_proto__": {"a": 1}}', /a member named __proto__/],
  ];
  for (const path of ["manifest.json", "run.json", "checkpoints/60/state.json"]) {
    test.each(texts)(`${path}: %s is refused`, async (_, text, message) => {
      const changed = { ...parts, [path]: strToU8(text()) };
      const archive = await packed(changed, { prove: path !== "manifest.json" });
      await expectRefused(archive, message);
    });
  }
  test("bytes that are no UTF-8 are refused", async () => {
    await expectRefused(await packed({ ...parts, "run.json": Uint8Array.of(0x7b, 0xff, 0x7d) }), /no text in UTF-8/);
  });
  test("brackets in a text are not depth", async () => {
    const place = await placeOn();
    const { added } = await place.importRun(asFile(await withMember("run.json", "note", '[{\\"['.repeat(10_000))));
    expect(added).toBe(true);
  });
});

/** The tensors of step 60 with the header changed, and so many bytes after it. */
async function withHeader(change: (header: Record<string, Record<string, unknown>>) => unknown, data?: number) {
  const file = "checkpoints/60/tensors.safetensors";
  const bytes = parts[file] ?? new Uint8Array(0);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    Record<string, unknown>
  >;
  const next = change(header);
  const text = strToU8(typeof next === "string" ? next : JSON.stringify(header));
  const rest = bytes.subarray(8 + length, 8 + length + (data ?? bytes.length));
  const whole = new Uint8Array(8 + text.length + rest.length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(rest, 8 + text.length);
  return packed({ ...parts, [file]: whole });
}

describe("tensors.safetensors", () => {
  const a = "model.layers.0.self_attn.q_proj.lora_A.weight";
  const rows: [string, () => Promise<Uint8Array<ArrayBuffer>>, RegExp][] = [
    [
      "a shape of another size",
      () => withHeader((h) => setAt(h, `${""}x`, 0) ?? void setShape(h, a, [5, 5])),
      /needs|shape/,
    ],
    ["a turned shape", () => withHeader((h) => setShape(h, a, [5, 4])), /another shape|not of rank/],
    ["halves", () => withHeader((h) => setMember(h, a, "dtype", "F16")), /needs/],
    ["whole numbers", () => withHeader((h) => setMember(h, a, "dtype", "I32")), /float32/],
    ["a type that there is not", () => withHeader((h) => setMember(h, a, "dtype", "F1024")), /unknown type/],
    [
      "a shape 50,000 deep",
      () => withHeader(() => `{"a":{"shape":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`),
      /nested more than 4/,
    ],
    [
      "a name of a megabyte",
      () => withHeader((h) => rename(h, a, "n".repeat(2 ** 20))),
      /first_moment|moments|missing/,
    ],
    [
      "a moment of nothing",
      () => withHeader((h) => rename(h, `${a}.first_moment`, "other")),
      /first_moment.* is missing|missing/,
    ],
    [
      "a tensor that is not trained",
      () => withHeader((h) => renameAll(h, a, "model.norm.weight")),
      /is not what|method/,
    ],
    ["a header that is no JSON", () => withHeader(() => "{"), /is no JSON/],
    ["a member __proto__", () => withHeader(() => '{"__proto__": {}}'), /__proto__/],
    ["fewer bytes than it says", () => withHeader(() => undefined, 10), /cut off/],
    [
      "a length of 2^63",
      async () => {
        const file = "checkpoints/60/tensors.safetensors";
        const bytes = (parts[file] ?? new Uint8Array(0)).slice();
        new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n, true);
        return packed({ ...parts, [file]: bytes });
      },
      /header of 9223372036854775808 bytes/,
    ],
    ["nothing", () => packed({ ...parts, "checkpoints/60/tensors.safetensors": new Uint8Array(0) }), /too few/],
  ];
  test.each(rows)("%s is refused", async (_, content, message) => {
    await expectRefused(await content(), message);
  });
});

type Header = Record<string, Record<string, unknown>>;
function setMember(header: Header, name: string, member: string, value: unknown): void {
  header[name] = { ...header[name], [member]: value };
}
const setShape = (header: Header, name: string, shape: readonly number[]) => setMember(header, name, "shape", shape);
function rename(header: Header, from: string, to: string): void {
  const entry = header[from];
  if (!entry) throw new Error(`The header has no ${from}.`);
  delete header[from];
  header[to] = entry;
}
function renameAll(header: Header, from: string, to: string): void {
  for (const end of ["", ".first_moment", ".second_moment"]) rename(header, from + end, to + end);
}

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
    ["a gzip that is neither", "gzip", "yes", /summary: gzip/],
  ])("a summary with %s is refused", async (_, path, value, message) => {
    const manifest = jsonOf(parts, "manifest.json");
    setAt(summaryOf(manifest), path, value);
    const changed = { ...parts };
    setJson(changed, "manifest.json", manifest);
    await expectRefused(await packed(changed), message);
  });

  test("a summary that is nothing is refused", async () => {
    await expectRefused(await withMember("manifest.json", "data.0.summary", null), /the whole is null/);
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

describe("the zip", () => {
  const reparsed = async () => packed(parts);
  const view = (bytes: Uint8Array<ArrayBuffer>) => new DataView(bytes.buffer);
  /** Where the n-th entry stands in the list of files. */
  const listed = (bytes: Uint8Array, n: number) => {
    let at = -1;
    for (let i = 0; i <= n; i++) at = Buffer.from(bytes).indexOf("PK\x01\x02", at + 1);
    return at;
  };
  const rows: [string, () => Promise<Uint8Array<ArrayBuffer>>, RegExp][] = [
    [
      "two entries in one place",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint32(listed(bytes, 2) + 42, view(bytes).getUint32(listed(bytes, 1) + 42, true), true);
        return bytes;
      },
      /cannot be read/,
    ],
    [
      "an entry that reaches into the next",
      async () => {
        const bytes = await reparsed();
        for (const at of [20, 24])
          view(bytes).setUint32(listed(bytes, 1) + at, view(bytes).getUint32(listed(bytes, 1) + at, true) + 50, true);
        return bytes;
      },
      /cannot be read/,
    ],
    [
      "an entry shorter than it was",
      async () => {
        const bytes = await reparsed();
        for (const at of [20, 24]) view(bytes).setUint32(listed(bytes, 1) + at, 9, true);
        return bytes;
      },
      /run\.json has 9 bytes instead of/,
    ],
    [
      "an entry of 2^63 bytes",
      async () => {
        const bytes = await reparsed();
        for (const at of [20, 24]) view(bytes).setUint32(listed(bytes, 1) + at, 0xffffffff, true);
        return bytes;
      },
      /cannot be read|compressed/,
    ],
    [
      "an encrypted entry",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint16(listed(bytes, 1) + 8, 1, true);
        return bytes;
      },
      /holds run\.json encrypted/,
    ],
    ["a compressed one", async () => new Uint8Array(zipSync(parts, { level: 9 })), /compressed/],
    [
      "a name twice",
      async () => {
        const bytes = await reparsed();
        // README.txt and run.json have names of other lengths; the two states have not.
        const text = Buffer.from(bytes);
        for (let at = text.indexOf("checkpoints/50/state"); at >= 0; at = text.indexOf("checkpoints/50/state", at + 1))
          text.write("checkpoints/60/state", at);
        return new Uint8Array(text);
      },
      /two files named checkpoints\/60\/state\.json/,
    ],
    [
      "a name that leads out",
      async () => new Uint8Array(zipSync({ "../a": strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "a name from the root",
      async () => new Uint8Array(zipSync({ "/a": strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "a name with a backslash",
      async () => new Uint8Array(zipSync({ "a\\b": strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "a name of 60,000 characters",
      async () => new Uint8Array(zipSync({ ["n".repeat(60_000)]: strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "more files than its end says",
      async () => {
        const bytes = await reparsed();
        for (const at of [8, 10]) view(bytes).setUint16(bytes.length - 22 + at, 2, true);
        return bytes;
      },
      /more than its end says/,
    ],
    [
      "fewer files than its end says",
      async () => {
        const bytes = await reparsed();
        for (const at of [8, 10]) view(bytes).setUint16(bytes.length - 22 + at, 60, true);
        return bytes;
      },
      /does not fit|cannot be read/,
    ],
    [
      "a list of files that begins elsewhere",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint32(bytes.length - 22 + 16, 5, true);
        return bytes;
      },
      /is no zip file, or is cut off/,
    ],
    [
      "zip64 with a list of 2^63 bytes",
      async () => zip64(await reparsed(), { size: 2n ** 63n }),
      /is no zip file, or is cut off/,
    ],
    [
      "zip64 with 2^63 entries",
      async () => zip64(await reparsed(), { count: 2n ** 63n }),
      /has Infinity files|files, more than/,
    ],
    [
      "zip64 with a million entries",
      async () => zip64(await reparsed(), { count: 1_000_000n }),
      /has 1000000 files, more than the 20000/,
    ],
    [
      "a part of several disks",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint16(bytes.length - 22 + 4, 3, true);
        return bytes;
      },
      /is no zip file, or is cut off/,
    ],
  ];
  test.each(rows)("%s is refused", async (_, content, message) => {
    await expectRefused(await content(), message);
  });

  test("cut anywhere it is refused", async () => {
    const bytes = await reparsed();
    for (let part = 0; part < 25; part++) {
      await expectRefused(bytes.slice(0, Math.floor((bytes.length * part) / 25)), /is no zip file, or is cut off/);
      if (part > 0)
        await expectRefused(bytes.slice(Math.floor((bytes.length * part) / 25)), /is no zip file, or is cut off/);
    }
  });
});

/** The zip with an end of 64 bits, in which a number is another. */
function zip64(bytes: Uint8Array<ArrayBuffer>, { size, count }: { readonly size?: bigint; readonly count?: bigint }) {
  const end = new DataView(bytes.buffer, bytes.length - 22);
  const [entries, length, from] = [end.getUint16(10, true), end.getUint32(12, true), end.getUint32(16, true)];
  const whole = new Uint8Array(bytes.length + 76);
  whole.set(bytes.subarray(0, bytes.length - 22));
  const view = new DataView(whole.buffer);
  const at = bytes.length - 22;
  view.setUint32(at, 0x06064b50, true);
  view.setBigUint64(at + 4, 44n, true);
  view.setBigUint64(at + 24, count ?? BigInt(entries), true);
  view.setBigUint64(at + 32, count ?? BigInt(entries), true);
  view.setBigUint64(at + 40, size ?? BigInt(length), true);
  view.setBigUint64(at + 48, BigInt(from), true);
  view.setUint32(at + 56, 0x07064b50, true);
  view.setBigUint64(at + 64, BigInt(at), true);
  view.setUint32(at + 72, 1, true);
  whole.set(bytes.subarray(bytes.length - 22), at + 76);
  for (const field of [8, 10]) view.setUint16(at + 76 + field, 0xffff, true);
  for (const field of [12, 16]) view.setUint32(at + 76 + field, 0xffffffff, true);
  return whole;
}

describe("leaves nothing behind", () => {
  test("cancelled at any of its reads", async () => {
    const content = await packed(parts);
    let reads = 0;
    for (let stop = 1; stop < 400; stop++) {
      const controller = new AbortController();
      reads = 0;
      const file = asFile(content);
      const { slice } = file;
      file.slice = (...range) => {
        if (++reads === stop) controller.abort(new Error("It was cancelled."));
        return slice.apply(file, range);
      };
      const place = await placeOn();
      const before = await diskText(place.disk);
      const ended = await place.importRun(file, controller.signal).then(
        ({ added }) => added,
        (error: unknown) => String(error),
      );
      if (ended === true) break;
      expect(ended).toBe("Error: It was cancelled.");
      expect(await diskText(place.disk)).toBe(before);
    }
    expect(reads).toBeGreaterThan(10);
  });

  test("cancelled at any touch of storage, it is all there or nothing is", async () => {
    const content = await packed(parts);
    let [refused, taken] = [0, 0];
    for (let stop = 1; taken < 3; stop++) {
      const controller = new AbortController();
      let touched = 0;
      const touch = () => {
        if (++touched === stop) controller.abort(new Error("It was cancelled."));
      };
      const disk = newDisk();
      const place = await placeOn({ records: touching(disk.records, touch), chunks: touching(disk.chunks, touch) });
      touched = 0;
      const ended = await place.importRun(asFile(content), controller.signal).then(
        ({ added }) => added,
        (error: unknown) => String(error),
      );
      if (ended === true) taken++;
      else {
        refused++;
        expect(ended).toBe("Error: It was cancelled.");
        expect(await diskText(disk)).toBe("");
      }
      const { orphans, damaged } = await (await openStorage(tabOn(disk))).audit();
      expect({ orphans, damaged }).toEqual({ orphans: 0, damaged: 0 });
    }
    expect(refused).toBeGreaterThan(5);
  });

  test.each(["killed before", "killed after", "full"] as const)("%s any of its writes", async (fault) => {
    const content = await packed(parts);
    let faults = 0;
    for (let at = 1; ; at++) {
      const disk = newDisk();
      const broken = faulty(disk, at, fault);
      const ended = await (await placeOn(broken.disk)).importRun(asFile(content)).then(
        () => null,
        (error: unknown) => error,
      );
      if (ended === null) break;
      faults++;
      if (fault === "full") {
        expect(String(ended)).toMatch(
          /StorageFullError: The run "run made" needs .* MB, but this browser gives no more room\./,
        );
        expect(String(ended)).not.toMatch(raw);
        expect(await diskText(disk)).toBe("");
      }
      // A new tab on what the dead one left.
      const after = await placeOn(disk);
      expect(await after.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
      const there = (await after.listRuns()).length;
      expect([(await after.storage.datasets.list()).entries.length, there > 0 ? 2 : 0]).toEqual([
        there,
        (await after.storage.checkpoints.steps("made")).length,
      ]);
      await after.importRun(asFile(content));
      expect(await after.storage.checkpoints.steps("made")).toEqual([60, 50]);
    }
    expect(faults).toBeGreaterThan(1);
  });

  test("a new chunk stays neither where the last of the rows is wrong", async () => {
    const path = Object.keys(parts).find((name) => name.startsWith("data/")) ?? "";
    await expectRefused(await packed({ ...parts, [path]: strToU8("[]") }), /have 0 rows in piece 0/);
  });
});

/** The store, which says each time that it is used. */
const touching = (inner: KeyValue, touch: () => void): KeyValue => ({
  async get(key) {
    touch();
    return inner.get(key);
  },
  async keys(prefix) {
    touch();
    return inner.keys(prefix);
  },
  async write(puts, deletes) {
    touch();
    return inner.write(puts, deletes);
  },
});
