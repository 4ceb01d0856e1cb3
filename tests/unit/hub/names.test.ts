/**
 * Names and heads of folders. Oracle: transformers 5.18.0 with torch 2.13.0, asked on 2026-11-30 with random models of
 * these families, saved with save_pretrained and edited: whether it ties, and whether the logits stay the same.
 */

import { describe, expect, it, test } from "vitest";
import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { test as withShared } from "../../support/shared.ts";
import { configs, type FolderTensor, openFolder, tensorsFor } from "./folder.ts";
import { refusal, sameBytes } from "./tiny.ts";

type Json = Readonly<Record<string, unknown>>;
type Family = keyof typeof configs;

const bases: Readonly<Record<Family, string>> = {
  llama: "model.",
  qwen2: "model.",
  gemma3: "model.",
  gpt2: "transformer.",
  neox: "gpt_neox.",
};

const renamed = <Tensor extends StoredTensor>(tensors: readonly Tensor[], rename: (name: string) => string) =>
  tensors.map((tensor) => ({ ...tensor, name: rename(tensor.name) }));

/** Fails unless the model's tensors are these, by the architecture's names. */
async function expectTensors(model: OpenModel, wanted: readonly FolderTensor[]) {
  expect([...model.tensors.keys()]).toEqual(wanted.map(({ name }) => name));
  for (const { name, data } of wanted) expect(sameBytes(await model.read(name), data)).toBe(true);
}

describe.each(Object.keys(configs) as Family[])("prefixes of %s", (family) => {
  const config = configs[family];
  const base = bases[family];
  const tensors = tensorsFor(config);
  const short = (name: string) => (name.startsWith(base) ? name.slice(base.length) : name);
  /** The second member: what transformers says. It opens the first ones alike, and fills the others with random numbers. */
  const rows: readonly (readonly [string, (name: string) => string])[] = [
    ["as transformers writes them", (name) => name],
    ["without the base model's prefix", short],
    ["base_model.model.", (name) => `base_model.model.${name}`],
    ["base_model.model., without the base model's", (name) => `base_model.model.${short(name)}`],
    ["module.", (name) => `module.${name}`],
    ["module., without the base model's", (name) => `module.${short(name)}`],
    ["_orig_mod.", (name) => `_orig_mod.${name}`],
    ["_orig_mod.module.", (name) => `_orig_mod.module.${name}`],
    ["module._orig_mod.base_model.model.", (name) => `module._orig_mod.base_model.model.${name}`],
    ["model.model., of Lightning", (name) => `model.${name}`],
    ["language_model.", (name) => `language_model.${name}`],
    ["language_model.model.", (name) => `language_model.model.${short(name)}`],
    [
      "model.language_model. with a head outside",
      (name) => (name === short(name) ? name : `model.language_model.${short(name)}`),
    ],
    [
      "compiled and checkpointed layers",
      (name) => name.replace(/(layers|h)\.(\d+)\./, "$1.$2._checkpoint_wrapped_module._orig_mod."),
    ],
    ["FSDP's", (name) => `_fsdp_wrapped_module.${name.replace(base, `${base}_fsdp_wrapped_module.`)}`],
  ];

  it.each(rows)("%s", async (_, rename) => {
    const stored = renamed(tensors, rename);
    const model = await openFolder({ config, tensors: stored });
    await expectTensors(model, tensors);
    expect([...model.stored.keys()].sort()).toEqual(stored.map(({ name }) => name).sort());
    expect(model.notes.filter((note) => !note.includes("another prefix"))).toEqual([]);
  });

  it("two prefixes in one folder are refused", async () => {
    const half = renamed(tensors, (name) => (name.includes(".0.") ? `module.${name}` : name));
    expect(await refusal(openFolder({ config, tensors: half }))).toMatch(/has no tensor|requires 2 layers/);
    const both = [
      ...renamed(tensors, (name) => `module.${name}`),
      ...renamed(tensors, (name) => `base_model.model.${name}`),
    ];
    expect(await refusal(openFolder({ config, tensors: both }))).toContain("the model's tensors twice");
  });

  it("of two complete sets the one that transformers reads is taken", async () => {
    const others = renamed(tensors, (name) => `module.${name}`).map((one) => ({
      ...one,
      data: new Float32Array(one.data.byteLength / 4).fill(7),
    }));
    const model = await openFolder({ config, tensors: [...others, ...tensors] });
    await expectTensors(model, tensors);
    expect(model.notes.join()).toContain("does not use: module.");
  });
});

describe("a multimodal checkpoint", () => {
  const text = configs.gemma3;
  const config = {
    architectures: ["Gemma3ForConditionalGeneration"],
    model_type: "gemma3",
    text_config: text,
    vision_config: {},
  };
  const tensors = tensorsFor(text);
  const others: StoredTensor[] = [
    "vision_tower.vision_model.encoder.layers.0.layer_norm1.weight",
    "vision_tower.vision_model.encoder.layers.26.mlp.fc1.weight",
    "multi_modal_projector.mm_soft_emb_norm.weight",
  ].map((name) => ({ name, dtype: "BF16", shape: [2], data: new Uint16Array(2) }));

  it.each([
    ["transformers writes now", "language_model.model.", ""],
    ["transformers 4.52 wrote", "model.language_model.", "model."],
  ])("as %s", async (_, prefix, around) => {
    const stored = renamed(tensors, (name) => name.replace("model.", prefix));
    const model = await openFolder({ config, tensors: [...stored, ...renamed(others, (name) => around + name)] });
    await expectTensors(model, tensors);
    expect(model.notes.join(" ")).toMatch(/does not use: \S*(vision_tower|multi_modal_projector)/);
  });
});

describe("tied heads", () => {
  const tied = { ...configs.llama, tie_word_embeddings: true };
  const head = (tensors: readonly FolderTensor[]) => tensors.find(({ role }) => role === "head");
  /** Family, config, head in the files, embedding in the files; "own" where transformers uses the file's head. */
  const rows: readonly (readonly [string, Json, "none" | "equal" | "other", "own" | "tied" | "refused"])[] = [
    ["llama, tied", tied, "none", "tied"],
    ["llama, tied", tied, "equal", "tied"],
    ["llama, tied", tied, "other", "own"],
    ["llama, untied", { ...tied, tie_word_embeddings: false }, "equal", "own"],
    ["llama, untied", { ...tied, tie_word_embeddings: false }, "other", "own"],
    ["llama, untied", { ...tied, tie_word_embeddings: false }, "none", "refused"],
    ["llama, no field", { ...tied, tie_word_embeddings: undefined }, "none", "refused"],
    ["qwen2, tied", configs.qwen2, "other", "own"],
    ["gemma3, no field", configs.gemma3, "none", "tied"],
    ["gemma3, no field", configs.gemma3, "equal", "tied"],
    ["gemma3, no field", configs.gemma3, "other", "own"],
    ["gpt2, no field", configs.gpt2, "none", "tied"],
    ["gpt2, no field", configs.gpt2, "equal", "tied"],
    ["gpt2, no field", configs.gpt2, "other", "own"],
    ["gpt2, untied", { ...configs.gpt2, tie_word_embeddings: false }, "none", "refused"],
    ["neox, untied", configs.neox, "none", "refused"],
    ["neox, tied", { ...configs.neox, tie_word_embeddings: true }, "equal", "tied"],
    ["neox, tied", { ...configs.neox, tie_word_embeddings: true }, "other", "own"],
    ["neox, tied", { ...configs.neox, tie_word_embeddings: true }, "none", "tied"],
  ];

  it.each(rows)("%s, %j, with %s head: %s", async (_, config, stored, expected) => {
    const all = tensorsFor(config, true);
    const embedding = all.find(({ role }) => role === "embedding");
    const tensors = all.flatMap((tensor) => {
      if (tensor.role !== "head") return [tensor];
      return stored === "none"
        ? []
        : [stored === "equal" ? { ...tensor, data: embedding?.data ?? tensor.data } : tensor];
    });
    if (expected === "refused") {
      const message = await refusal(openFolder({ config, tensors }));
      expect(message).toMatch(
        /tie_word_embeddings is (false|missing, which means false), but the model has no tensor "\w+\.weight"/,
      );
      return;
    }
    const model = await openFolder({ config, tensors });
    const name = head(all)?.name ?? "";
    expect(model.tensors.has(name)).toBe(expected === "own");
    expect(model.untied).toBe(expected === "own" && head(tensorsFor(config)) === undefined);
    expect([...model.copies.keys()]).toEqual(expected === "tied" && stored === "equal" ? [embedding?.name] : []);
    if (expected === "own")
      expect(sameBytes(await model.read(name), head(tensors)?.data ?? new Uint8Array())).toBe(true);
  });

  test.each(["llama", "gemma3", "gpt2"] as const)("%s: the head alone is the embedding too", async (family) => {
    const config = configs[family];
    const all = tensorsFor(config, true);
    const stored = all.filter(({ role }) => role !== "embedding");
    const model = await openFolder({ config, tensors: stored });
    const embedding = all.find(({ role }) => role === "embedding")?.name ?? "";
    expect(model.untied).toBe(false);
    expect(sameBytes(await model.read(embedding), head(all)?.data ?? new Uint8Array())).toBe(true);
    expect(model.notes.join()).toContain("only as lm_head.weight");
  });

  test("equal numbers in other types, and zeros of both signs, are equal; the last of many numbers can differ", async () => {
    const config = { ...configs.llama, vocab_size: 70_000 };
    const all = tensorsFor(config, true);
    const embedding = all.find(({ role }) => role === "embedding");
    const values = new Float32Array(70_000 * 16).map((_, i) => (i % 64) / 64);
    const withHead = (headTensor: Pick<StoredTensor, "dtype" | "data">) =>
      openFolder({
        config,
        tensors: all.map((tensor) => {
          if (tensor === embedding) return { ...tensor, data: values };
          return tensor.role === "head" ? { ...tensor, ...headTensor } : tensor;
        }),
      });
    const half = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
    expect((await withHead({ dtype: "BF16", data: half })).untied).toBe(false);
    const negative = values.map((value) => (value === 0 ? -0 : value));
    expect((await withHead({ dtype: "F32", data: negative })).untied).toBe(false);
    const last = values.slice();
    last[last.length - 1] = 5;
    expect((await withHead({ dtype: "F32", data: last })).untied).toBe(true);
  });

  test("transformers 5 names NeoX's head lm_head.weight", async () => {
    const all = tensorsFor(configs.neox);
    const stored = renamed(all, (name) => name.replace("embed_out", "lm_head"));
    await expectTensors(await openFolder({ config: configs.neox, tensors: stored }), all);
  });
});

describe("an index of shards", () => {
  const config = { ...configs.llama, tie_word_embeddings: true };
  const tensors = tensorsFor(config);
  const shardOf = (i: number) => `model-0000${(i % 2) + 1}-of-00002.safetensors`;
  const placed = Object.fromEntries(tensors.map(({ name }, i) => [name, shardOf(i)]));
  const plain = (index: Json) => {
    const texts = {
      "config.json": JSON.stringify(config),
      "tokenizer.json": "{}",
      "model.safetensors.index.json": JSON.stringify(index),
    };
    const shards = [0, 1].map((shard) =>
      bytesFromMemory(shardOf(shard), writeSafetensors(tensors.filter((_, i) => i % 2 === shard))),
    );
    const files = Object.entries(texts).map(([name, text]) => bytesFromMemory(name, new TextEncoder().encode(text)));
    return openModel(modelFromSources("sharded", [...files, ...shards]), tensorsOfConfig);
  };

  it.each<[string, Json, RegExp | null]>([
    ["with a total_size", { metadata: { total_size: 5 }, weight_map: placed }, null],
    ["without a total_size", { metadata: {}, weight_map: placed }, null],
    // transformers 5.18 stops with a KeyError here.
    ["without metadata", { weight_map: placed }, null],
    [
      "that names a tied head",
      { weight_map: { ...placed, "lm_head.weight": shardOf(0) } },
      /names and no file has: lm_head\.weight\./,
    ],
    [
      "that names a buffer",
      { weight_map: { ...placed, "model.rotary_emb.inv_freq": shardOf(1) } },
      /no file has: model\.rotary/,
    ],
    [
      "that lacks a tensor",
      { weight_map: Object.fromEntries(Object.entries(placed).slice(1)) },
      /does not name: model\.embed_tokens\.weight/,
    ],
  ])("%s", async (_, index, note) => {
    const model = await plain(index);
    await expectTensors(model, tensors);
    const notes = model.notes.filter((one) => !one.includes("tokenizer_config.json"));
    if (note === null) expect(notes).toEqual([]);
    else expect(notes).toEqual([expect.stringMatching(note)]);
  });

  it("that names a shard without a file is refused", async () => {
    const index = { weight_map: { ...placed, "lm_head.weight": "model-00003-of-00003.safetensors" } };
    expect(await refusal(plain(index))).toContain("lacks 1 of the 3 files");
  });
});

describe("tensors that no architecture uses", () => {
  const buffer = (name: string): StoredTensor => ({ name, dtype: "U8", shape: [3], data: new Uint8Array(3) });
  it.each<[Family, string]>([
    ["llama", "model.layers.0.self_attn.rotary_emb.inv_freq"],
    ["llama", "model.rotary_emb.inv_freq"],
    ["gpt2", "transformer.h.0.attn.bias"],
    ["gpt2", "transformer.h.1.attn.masked_bias"],
    ["neox", "gpt_neox.layers.0.attention.masked_bias"],
    ["neox", "gpt_neox.layers.1.attention.rotary_emb.inv_freq"],
    ["qwen2", "score.weight"],
    ["gemma3", "model.layers.0.self_attn.attn_logit_softcap"],
  ])("%s with %s", async (family, name) => {
    const config = configs[family];
    const tensors = tensorsFor(config);
    const model = await openFolder({ config, tensors: [...tensors, buffer(name)] });
    await expectTensors(model, tensors);
    expect(model.notes).toEqual([`Tensors of the files that this architecture does not use: ${name}.`]);
    const plain = await openFolder({ config, tensors });
    expect(await model.readAll()).toBe(await plain.readAll());
  });

  it.each([
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight",
    "base_model.model.model.layers.1.mlp.up_proj.base_layer.weight",
    "base_model.model.model.layers.1.mlp.up_proj.lora_magnitude_vector.default.weight",
  ])("an adapter that is not merged is refused: %s", async (name) => {
    const tensors = renamed(tensorsFor(configs.llama), (other) => `base_model.model.${other}`);
    const message = await refusal(openFolder({ config: configs.llama, tensors: [...tensors, buffer(name)] }));
    expect(message).toContain("of an adapter that is not merged into its weights: merge it with PEFT's");
  });
});

withShared("a published layout: every tiny model opens with its names and without a note", async ({ shared }) => {
  for (const name of ["gemma3", "gpt2", "granite", "neox", "olmo2", "qwen2", "qwen3", "smollm3"]) {
    const folder = `models/tiny-${name}`;
    const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
    const sources = await Promise.all(
      files.map(async (file) => bytesFromMemory(file, await shared.bytes(`${folder}/${file}`))),
    );
    const model = await openModel(modelFromSources(name, sources), tensorsOfConfig);
    expect([name, model.notes, model.untied]).toEqual([name, [], false]);
    expect(model.tensors.size).toBe(model.stored.size);
  }
});
