/** Opening models. Oracles: the values of the made-up model; for the hash, node:crypto over lines assembled here. */

import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type ModelFiles, modelFromAddress, modelFromFiles, modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import { writeSafetensors } from "../../../src/hub/safetensors.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { cases } from "../../support/long.ts";
import { test } from "../../support/shared.ts";
import { type FileServer, type Handler, serveFiles } from "./server.ts";
import {
  asChosenFolder,
  type Files,
  jsonBytes,
  refusal,
  sameBytes,
  type TinyTensor,
  tinyConfig,
  tinyExpected,
  tinyModel,
  tinySharded,
  tinyTensor,
  tinyTensors,
  tinyTexts,
} from "./tiny.ts";

const servers: FileServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function served(files: Files, handler?: Handler): Promise<ModelFiles> {
  const server = await serveFiles(files, handler);
  servers.push(server);
  return modelFromAddress(server.base);
}

const stored = (files: Files, name = "tiny") =>
  modelFromSources(
    name,
    Object.entries(files).map(([file, bytes]) => bytesFromMemory(file, bytes)),
  );

const open = (files: ModelFiles) => openModel(files, tinyExpected);
const without = (files: Files, ...names: string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));

async function readEverything(model: OpenModel): Promise<{ hash: string; values: Map<string, Float32Array> }> {
  const values = new Map<string, Float32Array>();
  const hash = await model.readAll({ onTensor: (name, tensor) => void values.set(name, tensor) });
  return { hash, values };
}

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** The definition in hash.ts, from the tensors that were written. */
function expectedHash(texts: Files, tensors: readonly TinyTensor[]): string {
  const bytesOf = ({ data }: TinyTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const pieces = (bytes: Uint8Array) =>
    Array.from({ length: Math.ceil(bytes.length / 4194304) }, (_, i) => bytes.subarray(i * 4194304, (i + 1) * 4194304));
  const lines: unknown[] = [["hone-model", 1]];
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    const bytes = texts[name];
    if (bytes) lines.push(["file", name, bytes.length, sha256(bytes)]);
  }
  for (const tensor of tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    lines.push(["tensor", tensor.name, tensor.dtype, tensor.shape, pieces(bytesOf(tensor)).map(sha256)]);
  }
  return sha256(lines.map((line) => JSON.stringify(line)).join("\n"));
}

describe("opening", () => {
  it.each(["F32", "F16", "BF16"] as const)("reads a %s model from one file and from shards alike", async (dtype) => {
    const tensors = tinyTensors(dtype);
    for (const files of [tinyModel(tensors), tinySharded(tensors, 2), tinySharded(tensors, 3)]) {
      const model = await open(stored(files));
      expect([...model.tensors.keys()]).toEqual(tensors.map(({ name }) => name));
      expect(model.parameters).toBe(5 * 6 + 6 * 6 + 6);
      expect(model.byteLength).toBe(Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0));
      expect(model.files.map(({ name }) => name).sort()).toEqual(Object.keys(files).sort());
      expect(model.notes).toEqual([]);
      const { values } = await readEverything(model);
      for (const { name, values: wanted } of tensors) {
        expect(values.get(name)).toEqual(wanted);
        expect(await model.read(name)).toEqual(wanted);
      }
    }
  });

  it("reads data that the header leaves unaligned", async () => {
    const tensors = tinyTensors("BF16");
    const files = tinyModel(tensors);
    const file = files["model.safetensors"] as Uint8Array<ArrayBuffer>;
    const headerEnd = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
    const odd = new Uint8Array(file.length + 1).fill(0x20);
    odd.set(file.subarray(0, headerEnd));
    odd.set(file.subarray(headerEnd), headerEnd + 1);
    new DataView(odd.buffer).setBigUint64(0, BigInt(headerEnd + 1 - 8), true);
    const { values } = await readEverything(await open(stored({ ...files, "model.safetensors": odd })));
    for (const { name, values: wanted } of tensors) expect(values.get(name)).toEqual(wanted);
  });

  it("returns config, tokenizer and optional files unchanged, with a note for a missing one", async () => {
    const full = await open(stored({ ...tinyModel(), "generation_config.json": jsonBytes({ eos_token_id: [2, 3] }) }));
    expect(full.config).toEqual(tinyConfig);
    expect(full.tokenizerJson).toEqual({ model: { type: "BPE", vocab: { a: 0 } } });
    expect(full.tokenizerConfig).toEqual({ eos_token: "</s>" });
    expect(full.generationConfig).toEqual({ eos_token_id: [2, 3] });
    const bare = await open(stored(without(tinyModel(), "tokenizer_config.json")));
    expect(bare.tokenizerConfig).toBeNull();
    expect(bare.generationConfig).toBeNull();
    expect(bare.notes).toEqual([expect.stringContaining("There is no tokenizer_config.json")]);
  });

  it("notes tensors that the architecture does not use, whatever their type, and does not hash them", async () => {
    const tensors = tinyTensors();
    const extra = { name: "rotary.inv_freq", dtype: "I64", shape: [2], data: new BigInt64Array(2) } as const;
    const model = await open(stored({ ...tinyTexts(), "model.safetensors": writeSafetensors([...tensors, extra]) }));
    expect(model.notes).toEqual(["Tensors of the files that this architecture does not use: rotary.inv_freq."]);
    expect(await model.readAll()).toBe(expectedHash(tinyTexts(), tensors));
    await expect(model.read("rotary.inv_freq")).rejects.toThrow('The model has no tensor "rotary.inv_freq".');
  });

  it("reads no weights before all checks", async () => {
    const big = tinyTensor("block.weight", [1024, 1024], "F32", 9);
    const files = { ...tinyTexts(), "model.safetensors": writeSafetensors([big]) };
    const server = await serveFiles(files);
    servers.push(server);
    const opening = openModel(modelFromAddress(server.base), () => [{ name: "block.weight", shape: [1024, 1023] }]);
    expect(await refusal(opening)).toContain("shape [1024, 1024], but config.json requires [1024, 1023]");
    expect(server.requests.filter(({ name }) => name === "model.safetensors").map(({ range }) => range)).toEqual([
      "bytes=0-65535",
    ]);
  });
});

describe("the hash", () => {
  const shapes = [
    { name: "b.weight", shape: [700, 2000] },
    { name: "a.weight", shape: [3] },
    { name: "é.weight", shape: [0, 4] },
    { name: "Z.weight", shape: [1024, 1024] },
  ];
  const tensors = shapes.map(({ name, shape }, i) => tinyTensor(name, shape, "F32", i));
  const expected = () => shapes;

  it("matches its definition, from a folder, an address with and without Range, storage and shards", async () => {
    const single = { ...tinyTexts(), "model.safetensors": writeSafetensors(tensors) };
    const sharded = tinySharded(tensors, 2);
    const noRange: Handler = (request) => {
      delete request.headers.range;
      return false;
    };
    const places = [
      modelFromFiles(asChosenFolder(single, "some/folder")),
      modelFromFiles(asChosenFolder(sharded, "other")),
      stored(single),
      await served(single),
      await served(sharded),
      await served(single, noRange),
    ];
    const wanted = expectedHash(tinyTexts(), tensors);
    for (const place of places) {
      const model = await openModel(place, expected);
      const { hash, values } = await readEverything(model);
      expect(hash).toBe(wanted);
      for (const tensor of tensors) expect(sameBytes(values.get(tensor.name), tensor.values)).toBe(true);
    }
  });

  it("changes with any byte, type, shape, name, config or tokenizer, not with the metadata", async () => {
    const base = tinyTensors();
    const [first, ...rest] = base as [TinyTensor, ...TinyTensor[]];
    const changedValue = { ...first, data: Float32Array.from(first.values, (x, i) => (i === 29 ? x + 1 : x)) };
    const hashOf = async (files: Files) => (await open(stored(files))).readAll();
    const hash = await hashOf(tinyModel());
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const other = { ...tinyTexts(), "model.safetensors": writeSafetensors(base) };
    expect(await hashOf(other)).toBe(hash);
    const changed = [
      tinyModel([changedValue, ...rest]),
      tinyModel(tinyTensors("F16")),
      without(tinyModel(), "tokenizer_config.json"),
      { ...tinyModel(), "tokenizer.json": jsonBytes({ model: {} }) },
      { ...tinyModel(), "config.json": jsonBytes({ ...tinyConfig, more: 1 }) },
    ];
    const hashes = await Promise.all(changed.map(hashOf));
    expect(new Set([hash, ...hashes]).size).toBe(changed.length + 1);
  });

  it("reports progress in stored bytes and stops when cancelled, between two tensors or within one", async () => {
    const single = { ...tinyTexts(), "model.safetensors": writeSafetensors(tensors) };
    const model = await openModel(stored(single), expected);
    const total = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
    const seen: number[] = [];
    await model.readAll({
      onProgress: (done, all) => {
        expect(all).toBe(total);
        seen.push(done);
      },
    });
    // Two pieces of b.weight (5.6 MB), one each of Z.weight and a.weight, none of the empty one.
    expect(seen.length).toBe(5);
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(total);

    const stop = new AbortController();
    const got: string[] = [];
    const reading = model.readAll({
      onTensor: (name) => void got.push(name),
      onProgress: (done) => done > 4194304 && stop.abort(),
      signal: stop.signal,
    });
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(got.length).toBeLessThan(tensors.length);
    await expect(model.read("a.weight", stop.signal)).rejects.toMatchObject({ name: "AbortError" });
    await expect(openModel(stored(single), expected, { signal: stop.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("refusals", () => {
  const tensors = tinyTensors();
  const [embed, block, norm] = tensors as [TinyTensor, TinyTensor, TinyTensor];
  const none = new Uint8Array(0);
  const withWeights = (...list: Parameters<typeof writeSafetensors>[0]) => ({
    ...tinyTexts(),
    "model.safetensors": writeSafetensors(list),
  });
  const indexed = (map: unknown) => ({
    ...tinySharded(tensors),
    "model.safetensors.index.json": jsonBytes({ weight_map: map }),
  });
  const first = "model-00001-of-00002.safetensors";
  const second = "model-00002-of-00002.safetensors";
  const unused = new Uint8Array(8);

  const rows: readonly (readonly [string, Files, string])[] = [
    ["no config", without(tinyModel(), "config.json"), 'The model "tiny" has no config.json, only tokenizer.json,'],
    ["an empty config", { ...tinyModel(), "config.json": none }, "config.json is empty"],
    [
      "a broken config",
      { ...tinyModel(), "config.json": new TextEncoder().encode("{") },
      "config.json is not valid JSON",
    ],
    [
      "a config that is a list",
      { ...tinyModel(), "config.json": jsonBytes([]) },
      "config.json is JSON but not an object",
    ],
    [
      "a config that is a web page",
      { ...tinyModel(), "config.json": new TextEncoder().encode("\n<!doctype html>") },
      "config.json is not JSON but a web page",
    ],
    [
      "another architecture",
      { ...tinyModel(), "config.json": jsonBytes({ model_type: "mamba" }) },
      'config.json: model_type "mamba" is not supported; use "tiny".',
    ],
    ["no tokenizer", without(tinyModel(), "tokenizer.json"), 'The model "tiny" has no tokenizer.json, which turns'],
    [
      "a SentencePiece tokenizer only",
      { ...without(tinyModel(), "tokenizer.json"), "tokenizer.model": none },
      "Hone does not read tokenizer.model: load it with AutoTokenizer",
    ],
    [
      "a broken tokenizer",
      { ...tinyModel(), "tokenizer.json": new TextEncoder().encode("[") },
      "tokenizer.json is not valid JSON",
    ],
    ["no weights", tinyTexts(), 'The model "tiny" has no weights: add model.safetensors'],
    [
      "PyTorch weights only",
      { ...tinyTexts(), "pytorch_model.bin": none },
      "only as pytorch_model.bin, a PyTorch pickle",
    ],
    ["GGUF beside a config", { ...tinyTexts(), "tiny-q4.gguf": none }, "has no weights: add model.safetensors"],
    ["GGUF alone without its reader", { "tiny-q4.gguf": none }, "has no config.json, only tiny-q4.gguf"],
    ["an adapter alone", { "adapter_config.json": none, "adapter_model.safetensors": none }, "has an adapter"],
    [
      "an adapter beside a config",
      { ...tinyTexts(), "adapter_model.safetensors": none },
      "has adapter_model.safetensors, an adapter without its base model",
    ],
    [
      "two weight files",
      { ...tinyTexts(), "a.safetensors": unused, "b.safetensors": unused },
      "several weight files (a.safetensors, b.safetensors) but no model.safetensors",
    ],
    [
      "shards without an index",
      without(tinySharded(tensors), "model.safetensors.index.json"),
      `has the shard ${first} but no model.safetensors.index.json`,
    ],
    [
      "a missing shard",
      without(tinySharded(tensors, 3), "model-00002-of-00003.safetensors"),
      "lacks 1 of the 3 files that model.safetensors.index.json names (model-00002-of-00003.safetensors): add them.",
    ],
    [
      "an index without a map",
      indexed(undefined),
      'model.safetensors.index.json has no "weight_map" from tensors to files',
    ],
    [
      "an index that leads elsewhere",
      indexed({ a: "https://other/x.safetensors" }),
      "no name of a safetensors file in the same folder",
    ],
    [
      "an index that leads upwards",
      indexed({ a: "../x.safetensors" }),
      "no name of a safetensors file in the same folder",
    ],
    ["an index that names no text", indexed({ a: 3 }), 'places tensor "a" in 3, which is no name'],
    [
      "an index that names the wrong shard",
      indexed({ "embed.weight": second, "block.weight": second, "norm.weight": first }),
      `places tensor "embed.weight" in ${second}, but it is in ${first}`,
    ],
    [
      "an index that names other tensors only",
      indexed({ "wte.weight": first, "wpe.weight": second }),
      `places tensor "wpe.weight" in ${second}, but no file has it`,
    ],
    [
      "an index that names a tensor of the model that no file has",
      {
        ...tinySharded([embed, norm]),
        "model.safetensors.index.json": jsonBytes({
          weight_map: { "embed.weight": first, "norm.weight": second, "block.weight": first },
        }),
      },
      `The index places tensor "block.weight" in ${first}, but no file has it`,
    ],
    [
      "a tensor in two shards",
      { ...tinySharded(tensors), [second]: writeSafetensors([block, norm]) },
      `Tensor "norm.weight" is both in ${first} and in ${second}`,
    ],
    [
      "a missing tensor",
      withWeights(embed, norm),
      'has no tensor "block.weight" of shape [6, 6], which config.json requires; 1 of 3 tensors are missing',
    ],
    [
      "a wrong shape",
      withWeights(embed, tinyTensor("block.weight", [6, 7], "F32", 1), norm),
      'model.safetensors: tensor "block.weight" has shape [6, 7], but config.json requires [6, 6]; take config.json',
    ],
    [
      "a quantised type",
      withWeights(embed, { name: "block.weight", dtype: "I8", shape: [6, 6], data: new Int8Array(36) }, norm),
      'model.safetensors: tensor "block.weight" is stored as I8, whole numbers of a quantised model, but only F64, F32, F16',
    ],
    [
      "truncated weights",
      { ...tinyModel(), "model.safetensors": writeSafetensors(tensors).slice(0, -1) },
      "model.safetensors is cut off: its header requires",
    ],
  ];

  it.each(rows)("says what to do about %s", async (_, files, message) => {
    const text = await refusal(open(stored(files)));
    expect(text).toContain(message);
    expect(text).toMatch(/[:;(] .*\.$/);
  });

  it("keeps the cause of an architecture's refusal", async () => {
    const error: unknown = await open(stored({ ...tinyModel(), "config.json": jsonBytes({}) })).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ name: "ModelError", cause: expect.any(Error) });
  });
});

describe("chosen files", () => {
  it("takes the shallowest folder with a config and leaves the others alone", async () => {
    const files = [
      ...asChosenFolder({ "config.json": jsonBytes({ model_type: "other" }) }, "top/checkpoint-1"),
      ...asChosenFolder({ "README.md": new Uint8Array(1) }, "top"),
      ...asChosenFolder(tinyModel(), "top/tiny"),
      ...asChosenFolder({ "config.json": jsonBytes({ model_type: "other" }) }, "top/tiny/deep"),
    ].filter(({ webkitRelativePath }) => !webkitRelativePath.startsWith("top/checkpoint"));
    const model = await open(modelFromFiles(files));
    expect(model.name).toBe("tiny");
    expect((await readEverything(model)).values.size).toBe(3);
  });

  it("refuses two models side by side, a name given twice and an empty choice", () => {
    const both = [...asChosenFolder(tinyModel(), "top/a"), ...asChosenFolder(tinyModel(), "top/b")];
    expect(() => modelFromFiles(both)).toThrow("Several models were chosen (top/a, top/b): choose the folder of one");
    const twice = [new File([], "config.json"), new File([], "config.json")];
    expect(() => modelFromFiles(twice)).toThrow("Two files are named config.json");
    expect(() => modelFromFiles([])).toThrow("No file was chosen");
  });

  it("names single files by the config, and accepts a weights file of another name", async () => {
    const { "model.safetensors": weights, ...texts } = tinyModel();
    const files: Files = { ...texts, "tuned.safetensors": weights as Uint8Array<ArrayBuffer> };
    const chosen = (of: Files) => modelFromFiles(Object.entries(of).map(([name, bytes]) => new File([bytes], name)));
    const model = await open(chosen(files));
    expect(model.name).toBe("tiny");
    expect(model.notes).toEqual(["There is no model.safetensors, so the weights are read from tuned.safetensors."]);
    const named = jsonBytes({ ...tinyConfig, _name_or_path: "someone/Some-Model" });
    expect((await open(chosen({ ...files, "config.json": named }))).name).toBe("Some-Model");
  });
});

describe("an address", () => {
  it("does without optional files, whether they are missing, refused or answered with the site's start page", async () => {
    const page: Handler = (_, response, name) => {
      if (name in tinySharded()) return false;
      response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>");
      return true;
    };
    const refused: Handler = (_, response, name) => {
      if (name in tinySharded()) return false;
      response.writeHead(403).end();
      return true;
    };
    for (const handler of [undefined, page, refused]) {
      const model = await open(await served(tinySharded(), handler));
      expect(model.name).toBe("tiny");
      expect((await readEverything(model)).hash).toBe(expectedHash(tinyTexts(), tinyTensors()));
    }
  });

  it("says which address lacks the config, the tokenizer or the weights", async () => {
    const at = async (files: Files) => {
      const place = await served(files);
      return [place.place, await refusal(open(place))] as const;
    };
    const [noConfig, configText] = await at({});
    expect(configText).toContain(`There is no ${noConfig}config.json (404)`);
    const [noTokenizer, tokenizerText] = await at(without(tinyModel(), "tokenizer.json"));
    expect(tokenizerText).toContain(`There is no ${noTokenizer}tokenizer.json (404)`);
    const [noWeights, weightsText] = await at(tinyTexts());
    expect(weightsText).toContain(`${noWeights} has neither model.safetensors nor model.safetensors.index.json`);
    const [, pickleText] = await at({ ...tinyTexts(), "pytorch_model.bin": new Uint8Array(100_000) });
    expect(pickleText).toContain("has its weights only as pytorch_model.bin, a PyTorch pickle");
  });
});

describe("damaged indexes", () => {
  it("end in a readable refusal, or in the model with a note (property)", async () => {
    const files = tinySharded();
    const name = fc.oneof(fc.constantFrom(...Object.keys(files), "embed.weight", "block.weight"), fc.string());
    const map = fc.dictionary(name, fc.oneof(name, fc.jsonValue()));
    const index = fc.oneof(fc.jsonValue(), fc.record({ weight_map: fc.oneof(map, fc.jsonValue()) }));
    await fc.assert(
      fc.asyncProperty(index, async (value) => {
        const opening = open(stored({ ...files, "model.safetensors.index.json": jsonBytes(value) }));
        const model = await opening.catch(() => null);
        if (model === null) expect(await refusal(opening)).toMatch(/\.$/);
        else expect([model.parameters, model.notes.length > 0]).toEqual([5 * 6 + 6 * 6 + 6, true]);
      }),
      { numRuns: cases(1000), seed: 6 },
    );
  });
});

describe("a real model", () => {
  test("stories260K: 260,032 parameters, and the same values as its file", async ({ shared }) => {
    const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
    const files: Files = {};
    for (const name of names) files[name] = await shared.bytes(`models/stories260K/${name}`);
    const block = (config: Readonly<Record<string, unknown>>, layer: number) => {
      const [hidden, inner] = [Number(config.hidden_size), Number(config.intermediate_size)];
      const keys = (hidden / Number(config.num_attention_heads)) * Number(config.num_key_value_heads);
      return [
        { name: `model.layers.${layer}.input_layernorm.weight`, shape: [hidden] },
        { name: `model.layers.${layer}.self_attn.q_proj.weight`, shape: [hidden, hidden] },
        { name: `model.layers.${layer}.self_attn.k_proj.weight`, shape: [keys, hidden] },
        { name: `model.layers.${layer}.self_attn.v_proj.weight`, shape: [keys, hidden] },
        { name: `model.layers.${layer}.self_attn.o_proj.weight`, shape: [hidden, hidden] },
        { name: `model.layers.${layer}.post_attention_layernorm.weight`, shape: [hidden] },
        { name: `model.layers.${layer}.mlp.gate_proj.weight`, shape: [inner, hidden] },
        { name: `model.layers.${layer}.mlp.up_proj.weight`, shape: [inner, hidden] },
        { name: `model.layers.${layer}.mlp.down_proj.weight`, shape: [hidden, inner] },
      ];
    };
    const model = await openModel(stored(files), (config) => [
      { name: "model.embed_tokens.weight", shape: [Number(config.vocab_size), Number(config.hidden_size)] },
      ...Array.from({ length: Number(config.num_hidden_layers) }, (_, layer) => block(config, layer)).flat(),
      { name: "model.norm.weight", shape: [Number(config.hidden_size)] },
    ]);
    expect(model.parameters).toBe(260_032);
    expect(model.notes).toEqual([]);
    const { values } = await readEverything(model);
    const weights = files["model.safetensors"] as Uint8Array<ArrayBuffer>;
    for (const { name, start, end } of model.tensors.values()) {
      expect(sameBytes(values.get(name), new Float32Array(weights.slice(start, end).buffer))).toBe(true);
    }
  });
});

describe("the model's own chat template", () => {
  const config = (chat_template: unknown) => ({
    ...tinyModel(),
    "tokenizer_config.json": jsonBytes({ chat_template }),
  });
  const file = { "chat_template.jinja": new TextEncoder().encode("{{ 'é' }}") };

  it.each([
    ["none", tinyModel(), null],
    ["a text of tokenizer_config.json", config("{{ a }}"), "{{ a }}"],
    [
      "of named ones the default",
      config([
        { name: "tool", template: "t" },
        { name: "default", template: "d" },
      ]),
      "d",
    ],
    ["of named ones without a default the first", config([{ name: "x", template: "x" }]), "x"],
    ["a file of its own, before the configuration's", { ...config("{{ a }}"), ...file }, "{{ 'é' }}"],
  ])("%s", async (_, files, expected) => {
    expect((await open(stored(files))).chatTemplate).toBe(expected);
  });

  it("is part of the hash, and of the stored files", async () => {
    const plain = await open(stored(tinyModel()));
    const opened = await open(stored({ ...tinyModel(), ...file }));
    expect((await readEverything(opened)).hash).not.toBe((await readEverything(plain)).hash);
    expect((await open(modelFromSources("copy", opened.files))).chatTemplate).toBe("{{ 'é' }}");
  });

  it("is refused where it is no text", async () => {
    const files = { ...tinyModel(), "chat_template.jinja": Uint8Array.of(0xff, 0xfe, 0x00) };
    expect(await refusal(open(stored(files)))).toMatch(/chat_template\.jinja is not UTF-8 text/);
  });
});
