/**
 * Run files that strangers wrote, each with hashes that prove it. Oracles: a refusal names the file and the field, in at most 300
 * characters and no library's words; storage is byte for byte as before; what is taken in can be listed, resumed and exported.
 */

import { strToU8 } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { asFile, expectRefused, jsonOf, madeParts, type Parts, packed, placeOn, withMember } from "./runFileMade.ts";

const edits = (...all: readonly (readonly [row: number, value: string])[]) =>
  all.map(([row, value]) => ({ row, value }));

let parts: Parts;
beforeAll(async () => {
  parts = await madeParts();
});

test("the file itself is taken in, and taken out again it is the same run", async () => {
  const place = await placeOn();
  const { added, record } = await place.importRun(asFile(await packed(parts)));
  expect({ added, id: record.id }).toEqual({ added: true, id: "made" });
  const { archive } = await place.exportRun("made");
  const third = await placeOn();
  expect((await third.importRun(asFile(archive))).record).toEqual(record);
  expect(await third.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
});

test("edits and options are taken in as they are, and taken out again", async () => {
  const place = await placeOn();
  const change = {
    options: { specialTokens: true, tools: '[{"name": "w", "n": 12.0}]' },
    edits: edits([0, '{"instruction":"Say.","output":9007199254740993}'], [11, "null"]),
  };
  const source = (jsonOf(parts, "run.json").sources as object[])[0];
  await place.importRun(asFile(await withMember(parts, "run.json", "sources.0", { ...source, ...change })));
  const { archive } = await place.exportRun("made");
  const { record } = await (await placeOn()).importRun(asFile(archive));
  expect(record.sources[0]).toEqual({ ...source, ...change });
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
    await expectRefused(
      await withMember(parts, "manifest.json", path, value),
      /manifest\.json|pieces|hash|state\.json/,
    );
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
    ["a watched row that there is not", "watch.place.row", 12, /watch\.place\.row is 12, but source 0 has 12 rows/],
    ["a watched row that is left out", "watch.place.row", 7, /watch\.place\.row is 7, which the run leaves out/],
    ["rows taken out that there are not", "sources.0.excluded", [2, 4000], /sources\.0\.excluded has row 4000/],
    ["an edit twice", "sources.0.edits", edits([3, "1"], [3, "2"]), /sources\.0\.edits\.1\.row is 3, after row 3/],
    ["edits backwards", "sources.0.edits", edits([3, "1"], [1, "2"]), /sources\.0\.edits\.1\.row is 1, after row 3/],
    ["an edit below the first row", "sources.0.edits", edits([-1, "1"]), /sources\.0\.edits\.0\.row/],
    ["an edit of half a row", "sources.0.edits", edits([0.5, "1"]), /sources\.0\.edits\.0\.row/],
    ["an edit of a row that there is not", "sources.0.edits", edits([12, "{}"]), /edits has row 12, but there are 12/],
    ["an edit that is no text", "sources.0.edits", [{ row: 1, value: {} }], /sources\.0\.edits\.0\.value/],
    ["an edit that is no JSON", "sources.0.edits", edits([1, "{a}"]), /sources\.0\.edits\.0\.value is not JSON/],
    ["an edit of nothing", "sources.0.edits", edits([1, ""]), /sources\.0\.edits\.0\.value is not JSON/],
    ["a deep edit", "sources.0.edits", edits([1, "[".repeat(1e6)]), /sources\.0\.edits\.0\.value.*256 levels/],
    ["an edit without a value", "sources.0.edits", [{ row: 1 }], /sources\.0\.edits\.0\.value is missing/],
    ["no list of edits", "sources.0.edits", { 0: 1 }, /sources\.0\.edits/],
    ["tools that are no JSON", "sources.0.options", { tools: "[a]" }, /sources\.0\.options\.tools is not JSON/],
    ["tools that are no list", "sources.0.options", { tools: "{}" }, /sources\.0\.options\.tools is not a list/],
    ["tools that are no text", "sources.0.options", { tools: [] }, /sources\.0\.options\.tools/],
    ["too long tools", "sources.0.options", { tools: `["${"a".repeat(2 ** 20)}"]` }, /sources\.0\.options\.tools/],
    ["special tokens in words", "sources.0.options", { specialTokens: "yes" }, /sources\.0\.options\.specialTokens/],
    [
      "other rows than the file has",
      "sources.0.hash",
      "a".repeat(64),
      /rows pairs\.json, which run\.json does not name/,
    ],
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
    await expectRefused(await withMember(parts, "run.json", path, value), message);
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
    await expectRefused(await withMember(parts, file, path, value), message);
    await expectRefused(await withMember(parts, file, path, value), /checkpoints\/60\/state\.json/);
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
    ["a shape of another size", () => withHeader((h) => setShape(h, a, [5, 5])), /needs|shape/],
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
