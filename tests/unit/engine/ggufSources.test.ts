/**
 * GGUF models from folders, addresses and the hub, in one file or in parts, and what is refused by name. Oracles: the hash of the
 * same file from disk, the requests that a local server counts, and llama.cpp's own refusals.
 */

import { afterEach, describe, expect, it, vi } from "vitest";
import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { readGguf } from "../../../src/engine/gguf.ts";
import { createLibrary } from "../../../src/engine/library.ts";
import type { GgufData, TensorHead } from "../../../src/gguf/types.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { ggufChoices, partsOf } from "../../../src/hub/ggufFiles.ts";
import { openModel } from "../../../src/hub/model.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { ggufFamily, ggufFileIn, ggufParts } from "../../support/ggufFamilies.ts";
import { sha } from "../../support/hub.ts";
import { shortenPauses } from "../../support/pauses.ts";
import { asFiles, tinyModel } from "../../support/tinyLlama.ts";
import { type FakeHub, fakeHub } from "../hub/hub.ts";
import { serveFiles } from "../hub/server.ts";

shortenPauses();

type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

const open = (files: Files) =>
  openModel(
    modelFromSources(
      "folder",
      Object.entries(files).map(([name, bytes]) => bytesFromMemory(name, bytes)),
    ),
    tensorsOfConfig,
    { gguf: readGguf },
  );

const library = async () => createLibrary(await openStorage(), () => undefined);
const family = ggufFamily("llama 3.2");

let hub: FakeHub | null = null;
afterEach(async () => {
  await hub?.close();
  hub = null;
  vi.unstubAllGlobals();
});

describe("a folder", () => {
  it("with several models opens the preferred one, and says so", async () => {
    const files = {
      "small-Q4_0.gguf": await ggufFileIn(family, "Q4_0"),
      "small-Q8_0.gguf": await ggufFileIn(family, "Q8_0"),
      "mmproj-small-F16.gguf": new Uint8Array(4),
    };
    const opened = await open(files);
    expect(opened.files.map(({ name }) => name)).toEqual(["small-Q8_0.gguf"]);
    expect(opened.notes.join(" ")).toContain("Of the 2 GGUF models here, small-Q8_0.gguf is open.");
  });

  it("in Hugging Face layout opens as such, whatever GGUF is beside it", async () => {
    const tiny = await Promise.all(
      asFiles(tinyModel()).map(async (file) => [file.name, new Uint8Array(await file.arrayBuffer())] as const),
    );
    const opened = await open({ ...Object.fromEntries(tiny), "small-Q8_0.gguf": new Uint8Array(4) });
    expect(opened.files.map(({ name }) => name)).toContain("model.safetensors");
  });

  it("with one file of another name opens by its first bytes, as Ollama's files", async () => {
    const bytes = await ggufFileIn(family, "Q8_0");
    const opened = await open({ "sha256-0123abcd": bytes });
    expect(opened.files.map(({ name }) => name)).toEqual(["sha256-0123abcd"]);
    await expect(open({ "notes.txt": new TextEncoder().encode("GGU") })).rejects.toThrow("has no config.json");
  });

  it("with the parts of a model opens them as one", async () => {
    const [one, two] = await ggufParts(family, "Q8_0", { first: 5 });
    const whole = await open({ "small.gguf": await ggufFileIn(family, "Q8_0") });
    if (!one || !two) throw new Error("There are two parts.");
    const parts = { "small-00002-of-00002.gguf": two, "small-00001-of-00002.gguf": one };
    const opened = await open(parts);
    expect(opened.files.map(({ name }) => name)).toEqual(["small-00001-of-00002.gguf", "small-00002-of-00002.gguf"]);
    for (const name of whole.tensors.keys()) expect(await opened.read(name), name).toEqual(await whole.read(name));
    await expect(open({ "small-00001-of-00002.gguf": one })).rejects.toThrow(
      /lacks 1 of the 2 parts of small-00001-of-00002\.gguf \(small-00002-of-00002\.gguf\)/,
    );
    await expect(open({ "small.gguf": one })).rejects.toThrow("is one of 2 parts, but its name says 1");
  });
});

describe("choices", () => {
  it.each([
    [
      ["a-Q4_K_M.gguf", "a-Q8_0.gguf", "a-F16.gguf"],
      ["a-Q8_0.gguf", "a-F16.gguf", "a-Q4_K_M.gguf"],
    ],
    [
      ["a.IQ2_XS.gguf", "a.Q6_K.gguf", "a.Q5_K_S.gguf"],
      ["a.Q6_K.gguf", "a.Q5_K_S.gguf", "a.IQ2_XS.gguf"],
    ],
    [["README.md", "x.imatrix.gguf", "mmproj-x.gguf"], []],
    [["b-00002-of-00002.gguf", "b-00001-of-00002.gguf"], ["b-00001-of-00002.gguf"]],
  ])("of %j are %j", (listing, wanted) => {
    expect(ggufChoices(listing).map(({ name }) => name)).toEqual(wanted);
  });

  it("have a limited number of parts", () => {
    expect(partsOf("x-00001-of-00003.gguf")).toHaveLength(3);
    expect(() => partsOf("x-00001-of-99999.gguf")).toThrow("from 1 to 1000");
    expect(() => partsOf("x-00001-of-00000.gguf")).toThrow("names 0 parts");
  });
});

describe("from a network", () => {
  it("the hub lists the models; each is fetched alone and has its own copy", async () => {
    const files = {
      "README.md": new TextEncoder().encode("x"),
      "config.json": new TextEncoder().encode("{}"),
      "small-Q4_0.gguf": await ggufFileIn(family, "Q4_0"),
      "small-Q8_0.gguf": await ggufFileIn(family, "Q8_0"),
    };
    hub = await fakeHub({ "owner/name": { files } });
    const own = await library();
    const found = await own.inspect({ kind: "url", base: "owner/name" });
    expect(found.choices).toEqual(["small-Q8_0.gguf", "small-Q4_0.gguf"]);
    expect(found.source).toEqual({ kind: "hub", id: "owner/name", revision: sha, folder: "", file: "small-Q8_0.gguf" });
    expect(found.files).toEqual([{ name: "small-Q8_0.gguf", byteLength: files["small-Q8_0.gguf"].length }]);
    const other = await own.inspect({
      kind: "url",
      base: "https://huggingface.co/owner/name/blob/main/small-Q4_0.gguf",
    });
    expect(other.choices[0]).toBe("small-Q4_0.gguf");
    expect(hub.requests.some(({ path }) => path.includes("config.json"))).toBe(false);

    for (const { source, name, file } of [
      { ...found, file: "small-Q8_0.gguf" as const },
      { ...other, file: "small-Q4_0.gguf" as const },
    ]) {
      const { summary, opened } = await own.openModel(source);
      expect(name).toBe("owner/name");
      expect(summary.address).toBe(`https://huggingface.co/owner/name/resolve/${sha}/${file}`);
      expect(summary.stored).toBe(true);
      expect(opened.files.map((one) => one.name)).toEqual([file]);
      const disk = await (await library()).openModel({ kind: "files", files: [new File([files[file]], "other.gguf")] });
      expect(summary.hash).toBe(disk.summary.hash);
      expect((await own.inspect(source)).copyHash).toBe(summary.hash);
    }
  });

  it("an address names a file, and its parts lie beside it", async () => {
    const [one, two] = await ggufParts(family, "Q8_0", { first: 7 });
    if (!one || !two) throw new Error("There are two parts.");
    const server = await serveFiles({
      "small.gguf": await ggufFileIn(family, "F16"),
      "part-00001-of-00002.gguf": one,
      "part-00002-of-00002.gguf": two,
    });
    try {
      const own = await library();
      const whole = await own.openModel({ kind: "url", base: `${server.base}small.gguf` });
      expect(whole.opened.files.map(({ name }) => name)).toEqual(["small.gguf"]);
      expect(whole.summary.types).toContain("F16");
      const parts = await own.openModel({
        kind: "url",
        base: `${server.base}part-00001-of-00002.gguf`,
      });
      expect(parts.opened.files).toHaveLength(2);
    } finally {
      await server.close();
    }
  });
});

describe("refuses by name", () => {
  const text = (value: string): GgufData => ({ type: "string", value });
  const number = (value: number): GgufData => ({ type: "uint32", value });
  const only = (name: string, change: Partial<TensorHead>) => (tensor: TensorHead) =>
    tensor.name === name ? { ...tensor, ...change } : tensor;
  const gate = "blk.0.ffn_gate.weight";

  it.each<[string, NonNullable<Parameters<typeof ggufFileIn>[2]>, string]>([
    [
      "an unknown architecture",
      { keys: { "general.architecture": text("mamba") } },
      'general.architecture is "mamba", but Hone reads llama',
    ],
    ["a mixture of experts", { keys: { "llama.expert_count": number(8) } }, "llama.expert_count is 8"],
    [
      "a key that it does not read",
      { keys: { "llama.logit_scale": { type: "float32", value: 2 } } },
      "llama.logit_scale is 2, which Hone does not read",
    ],
    ["a size as a text", { keys: { "llama.block_count": text("2") } }, 'llama.block_count is "2", not a number'],
    [
      "other sizes of values",
      { keys: { "llama.attention.key_length": number(16), "llama.attention.value_length": number(8) } },
      "value_length is 8, but key_length is 16",
    ],
    [
      "partial rotation",
      { keys: { "llama.rope.dimension_count": number(8) } },
      "llama.rope.dimension_count is 8, but a head has 16",
    ],
    [
      "an encoder",
      { keys: { "llama.attention.causal": { type: "bool", value: false } } },
      "llama.attention.causal is false",
    ],
    [
      "a smaller MLP",
      { keys: { "llama.feed_forward_length": number(16) } },
      "has shape [32, 64], but the file's keys require [16, 64]",
    ],
    ["more layers", { keys: { "llama.block_count": number(3) } }, 'no tensor "blk.2.'],
    ["another tokenizer", { keys: { "tokenizer.ggml.model": text("bert") } }, 'tokenizer.ggml.model is "bert"'],
    ["an unknown pre-tokenizer", { keys: { "tokenizer.ggml.pre": text("falcon") } }, 'tokenizer.ggml.pre is "falcon"'],
    [
      "tokens that are no list",
      { keys: { "tokenizer.ggml.tokens": text("a") } },
      'the key "tokenizer.ggml.tokens" is "a", not an array',
    ],
    ["an adapter", { keys: { "general.type": text("adapter") } }, "is an adapter without its base model"],
    ["a missing tensor", { change: (tensor) => (tensor.name === gate ? null : tensor) }, `has no tensor "${gate}"`],
    ["an unknown tensor", { change: only(gate, { name: "blk.0.ffn_gate_exps.weight" }) }, `has no tensor "${gate}"`],
    [
      "one tensor more",
      { change: only("output_norm.weight", { name: "output_norm.weight" }), keys: { "llama.block_count": number(1) } },
      "has tensors that its architecture does not have (blk.1.",
    ],
    [
      "another shape",
      { change: only(gate, { shape: [64, 32] }) },
      `"${gate}" has shape [64, 32], but the file's keys require [32, 64]`,
    ],
    [
      "two scalings",
      { keys: { "llama.rope.scaling.type": text("yarn"), "llama.rope.scaling.factor": { type: "float32", value: 2 } } },
      'llama.rope.scaling.type is "yarn" beside the tensor rope_freqs.weight',
    ],
  ])("%s", async (_name, rewriting, message) => {
    const error: unknown = await open({ "small.gguf": await ggufFileIn(family, "F32", rewriting) }).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    const { message: actual } = error as Error;
    expect(actual).toContain(message);
    expect(actual).toMatch(/^small\.gguf/);
    expect(actual.length).toBeLessThan(320);
  });

  it("types of tensors that it does not decode", async () => {
    const wide = (tensor: TensorHead): TensorHead =>
      tensor.name === gate ? { ...tensor, shape: [32, 256], type: "Q2_K" } : tensor;
    await expect(open({ "small.gguf": await ggufFileIn(family, "F32", { change: wide }) })).rejects.toThrow(
      /"blk\.0\.ffn_gate\.weight" is stored as Q2_K, but Hone reads F32, F16, BF16, Q8_0, Q4_0, .* such as Q8_0/,
    );
  });

  it("a file that is no GGUF", async () => {
    await expect(open({ "small.gguf": new TextEncoder().encode("<html>") })).rejects.toThrow(
      "small.gguf is no GGUF file",
    );
  });
});
