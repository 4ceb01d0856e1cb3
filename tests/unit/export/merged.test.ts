/**
 * The merged model: failures 9 (a tied embedding merged twice) and 11 (it never stops) of DOMAIN.md. Oracles: the
 * base's own bytes; W + (α/r)·B·A in float64 and the nearest number of the stored type; logits of the adapted graph in
 * the float64 reference interpreter; and for every file a change that the read-back must find.
 */

import { unzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { generationPorts } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { checkpointTensors, type Method, tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { zipFiles } from "../../../src/export/archive.ts";
import { jsonFile, type OutFile, reopened } from "../../../src/export/files.ts";
import { exportMerged } from "../../../src/export/merged.ts";
import { requireModel, type WantedTensor } from "../../../src/export/readBack.ts";
import { expressTemplate } from "../../../src/export/template.ts";
import type { FloatDType } from "../../../src/hub/elements.ts";
import { sha256 } from "../../../src/hub/hash.ts";
import { openModel } from "../../../src/hub/model.ts";
import {
  readSafetensors,
  type StoredTensor,
  type TensorEntry,
  writeSafetensors,
} from "../../../src/hub/safetensors.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import type { TemplateChoice } from "../../../src/templates/choice.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { interpret, tensor } from "../../numeric/reference.ts";
import { golden } from "../templates/support.ts";
import { givenBy, lora, openBase, trainedValues } from "./made.ts";

type Base = Awaited<ReturnType<typeof openBase>>;
const hone: TemplateChoice = { kind: "built-in", name: "hone" };

/** Exports under a method, with seeded trained values by default. */
async function exported(base: Base, method: Method = lora, choice = hone, values = trainedValues(base.model, method)) {
  const template = { choice, systemPrompt: null };
  const bundle = await exportMerged({
    ...base,
    method,
    trained: givenBy(values),
    templates: base.templates(template),
    scratch: memoryScratch(),
  });
  return { ...bundle, values };
}

const bytesOf = async (files: readonly OutFile[], name: string) =>
  new Uint8Array((await files.find((file) => file.name === name)?.content.arrayBuffer()) ?? new ArrayBuffer());
const jsonOf = async (files: readonly OutFile[], name: string): Promise<Record<string, unknown>> =>
  JSON.parse(new TextDecoder().decode(await bytesOf(files, name)));
const storedOf = async (files: readonly OutFile[]) =>
  (await readSafetensors(bytesFromMemory("model.safetensors", await bytesOf(files, "model.safetensors")))).tensors;

const open = (files: readonly OutFile[]) => openModel(reopened("exported", files), tensorsOfConfig);

/** The base's tensor as it is stored. */
async function baseBytes({ opened }: Base, name: string) {
  const entry = opened.tensors.get(name);
  if (!entry) throw new Error(`The base has no ${name}.`);
  return entry.source.slice(entry.start, entry.end);
}

/** Logits after the last of some tokens, in float64. */
async function logits(base: Base, method: Method | null, read: (name: string) => Promise<Float32Array | undefined>) {
  const tokens = [3, 17, 250, 271];
  const shape = { tokens: tokens.length, capacity: 8 };
  const graph = compileGeneration(base.model, method, shape).graph();
  const given: Record<string, number[]> = {
    [generationPorts.inputIds]: tokens,
    [generationPorts.start]: [0],
    [generationPorts.logitsIndex]: [tokens.length - 1],
  };
  const feeds: [string, ReturnType<typeof tensor>][] = [];
  for (const { name, shape: dimensions } of graph.inputs) {
    const cache = /^past_/.test(name);
    const data = given[name] ?? (cache ? new Float32Array(sizeOf(dimensions)) : await read(name));
    feeds.push([name, tensor(dimensions, data ?? [])]);
  }
  return [...(interpret(graph, Object.fromEntries(feeds))[generationPorts.logits]?.data ?? [])];
}

const apart = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

const raise = (name: string): never => {
  throw new Error(`The export has no ${name}.`);
};

/** Tensors that no architecture uses, of other types too. */
const extra: (StoredTensor & { readonly data: { readonly buffer: ArrayBuffer } })[] = [
  { name: "model.layers.0.self_attn.rotary_emb.inv_freq", dtype: "F32", shape: [4], data: new Float32Array(4).fill(3) },
  { name: "vision_tower.patch.weight", dtype: "F16", shape: [2, 3], data: new Uint16Array(6).fill(0x3c01) },
  { name: "position_ids", dtype: "I64", shape: [2], data: BigInt64Array.of(1n, -1n) },
];

describe.each([
  ["tied", { tie_word_embeddings: true }],
  ["untied", { tie_word_embeddings: false, num_hidden_layers: 2, attention_bias: true }],
])("9. embedding and head, %s", (kind, config) => {
  test("each is stored once, and untouched by LoRA", async () => {
    const base = await openBase({ config });
    const { files } = await exported(base);
    const stored = await storedOf(files);
    const wanted = checkpointTensors(base.model).map(({ name }) => name);
    expect([...stored.keys()].sort()).toEqual(wanted.sort());
    expect(stored.has("lm_head.weight")).toBe(kind === "untied");
    for (const name of ["model.embed_tokens.weight", ...(kind === "untied" ? ["lm_head.weight"] : [])]) {
      const entry = stored.get(name);
      const bytes = await entry?.source.slice(entry.start, entry.end);
      expect(bytes).toEqual(await baseBytes(base, name));
    }
  });

  test("the model that is opened again has the adapter's logits", async () => {
    const base = await openBase({ config });
    const { files, values } = await exported(base);
    const opened = await open(files);
    const wanted = await logits(base, lora, async (name) => values.get(name) ?? base.opened.read(name));
    expect(apart(await logits(base, null, opened.read), wanted)).toBeLessThan(2e-6);
    expect(apart(await logits(base, null, base.opened.read), wanted)).toBeGreaterThan(0.1);
  });

  test("after full training every tensor is the trained one, the embedding once", async () => {
    const base = await openBase({ config });
    const { files, values, notes } = await exported(base, { kind: "full" });
    const opened = await open(files);
    expect([...(await storedOf(files)).keys()].sort()).toEqual([...values.keys()].sort());
    for (const [name, trained] of values) expect(await opened.read(name)).toEqual(trained);
    expect(notes).toEqual([]);
  });
});

test("9. a copy of the tied embedding is written again, with the embedding's new values", async () => {
  const equal = await openBase({ head: "equal", extra });
  const { files, values } = await exported(equal, { kind: "full" });
  const stored = await storedOf(files);
  expect([...stored.keys()].sort()).toEqual([...equal.opened.stored.keys()].sort());
  const trained = values.get("model.embed_tokens.weight");
  for (const name of ["model.embed_tokens.weight", "lm_head.weight"]) {
    const { source, start, end } = stored.get(name) ?? raise(name);
    expect(new Float32Array((await source.slice(start, end)).slice().buffer)).toEqual(trained);
  }
  expect((await open(files)).untied).toBe(false);
});

test("9. a head with other values than the tied embedding is the model's own", async () => {
  const other = await openBase({ head: "other", extra });
  expect([other.opened.untied, other.model.tiedHead]).toEqual([true, false]);
  const { files, values } = await exported(other, { kind: "full" });
  const opened = await open(files);
  expect(opened.untied).toBe(true);
  expect(await opened.read("lm_head.weight")).toEqual(values.get("lm_head.weight"));
  expect([...opened.stored.keys()].sort()).toEqual([...other.opened.stored.keys()].sort());
});

test.each(["lora", "full"] as const)("after %s, tensors that Hone does not use keep their bytes", async (kind) => {
  const base = await openBase({ extra });
  const { files } = await exported(base, kind === "full" ? { kind } : lora);
  const stored = await storedOf(files);
  for (const { name, dtype, shape, data } of extra) {
    const entry = stored.get(name) ?? raise(name);
    expect([entry.dtype, entry.shape]).toEqual([dtype, shape]);
    const bytes = await entry.source.slice(entry.start, entry.end);
    expect(bytes).toEqual(new Uint8Array(data.buffer));
  }
});

test.each(["", "module.model.", "base_model.model.model._orig_mod.", "language_model.model."])(
  "tensors keep the prefix %s of the files, and their type",
  async (prefix) => {
    const base = await openBase({ prefix, dtype: "F64", head: "equal" });
    const { files, values } = await exported(base, { kind: "full" });
    const stored = await storedOf(files);
    const described = ({ name, dtype, shape }: TensorEntry) => `${name} ${dtype}[${shape.join(", ")}]`;
    const names = [...base.opened.stored.values()].map(described);
    expect(names).toContain(`${prefix}embed_tokens.weight F64[280, 16]`);
    expect([...stored.values()].map(described).sort()).toEqual(names.sort());
    const opened = await open(files);
    for (const [name, trained] of values) expect(await opened.read(name)).toEqual(trained);
  },
);

test.each(["chat_template.jinja", "chat_template.json"])("%s of the base is replaced", async (name) => {
  const old = "{% for m in messages %}old {{ m.content }}</s>{% endfor %}";
  const json = name.endsWith(".json");
  const base = await openBase({ texts: { [name]: json ? JSON.stringify({ chat_template: old }) : old } });
  expect(base.opened.chatTemplate).toBe(old);
  const { files } = await exported(base);
  const { source } = await base.templates({ choice: hone, systemPrompt: null }).express();
  const written = new TextDecoder().decode(await bytesOf(files, name));
  expect(json ? JSON.parse(written) : written).toEqual(json ? { chat_template: source } : source);
  expect((await open(files)).chatTemplate).toBe(source);
});

test("numbers that only Python writes stay numbers", async () => {
  const generationConfig = '{"eos_token_id": 270, "temperature": NaN, "limit": -Infinity, "note": "NaN"}';
  const base = await openBase({ texts: { "generation_config.json": generationConfig } });
  const { files } = await exported(base);
  const written = new TextDecoder().decode(await bytesOf(files, "generation_config.json"));
  expect(written).toContain('"temperature": NaN,\n  "limit": -Infinity,\n  "note": "NaN"');
  expect((await open(files)).generationConfig).toMatchObject({
    temperature: Number.NaN,
    limit: Number.NEGATIVE_INFINITY,
  });
});

describe.each<[FloatDType, number]>([
  ["F32", 2 ** -24],
  ["F16", 2 ** -11],
  ["BF16", 2 ** -8],
])("a base in %s", (dtype, unit) => {
  test("keeps its type: changed numbers are the nearest, the others keep their bytes", async () => {
    const base = await openBase({ dtype });
    const { files, values } = await exported(base);
    const opened = await open(files);
    let changed = 0;
    for (const [name, entry] of opened.tensors) {
      expect(entry.dtype).toBe(dtype);
      const module = name.replace(/\.weight$/, "");
      const [down, up] = [values.get(`${module}.lora_A.weight`), values.get(`${module}.lora_B.weight`)];
      if (!down || !up) {
        expect(await entry.source.slice(entry.start, entry.end)).toEqual(await baseBytes(base, name));
        continue;
      }
      const [before, after] = [await base.opened.read(name), await opened.read(name)];
      const width = entry.shape[1] ?? 0;
      after.forEach((value, at) => {
        const [o, i] = [Math.floor(at / width), at % width];
        let sum = 0;
        for (let k = 0; k < lora.rank; k++)
          sum += (up[o * lora.rank + k] ?? Number.NaN) * (down[k * width + i] ?? Number.NaN);
        const exact = (before[at] ?? Number.NaN) + (lora.alpha / lora.rank) * sum;
        // Half a unit in the last place; F16 has a smallest step.
        expect(Math.abs(value - exact)).toBeLessThanOrEqual(
          unit * Math.abs(exact) * 1.001 + (dtype === "F16" ? 2 ** -25 : 1e-12),
        );
      });
      changed++;
    }
    expect(changed).toBe(7);
  });
});

test("a number that the base's type cannot represent is refused with its value and the way out", async () => {
  const base = await openBase({ dtype: "F16" });
  const values = trainedValues(base.model, lora);
  values.get("model.layers.0.mlp.up_proj.lora_A.weight")?.fill(1e6);
  await expect(exported(base, lora, hone, values)).rejects.toThrow(
    /merged model\.layers\.0\.mlp\.up_proj\.weight contains -?\d+.*type F16 cannot represent: export the adapter/,
  );
});

test("the notes report the share that rounding loses of small changes, and an unchanged model", async () => {
  const small = async (dtype: FloatDType, factor: number) => {
    const base = await openBase({ dtype });
    const values = trainedValues(base.model, lora);
    for (const [name, data] of values) {
      values.set(
        name,
        data.map((value) => value * factor),
      );
    }
    return (await exported(base, lora, hone, values)).notes;
  };
  expect(await small("F32", 0.02)).toEqual([]);
  expect(await small("BF16", 0.02)).toEqual([
    expect.stringMatching(/type, BF16: rounding adds an error of \d+ % of the trained change; the adapter is exact/),
  ]);
  expect(await small("BF16", 0)).toEqual(["The merged model equals its base: training has not changed a number yet."]);
});

describe("11. stop tokens", () => {
  const chatML = ["<|im_start|>", "<|im_end|>"];
  test("template and stop tokens are in every file that a program may read", async () => {
    const base = await openBase({
      added: chatML,
      generationConfig: { _from_model_config: true, eos_token_id: 0, temperature: 0.7 },
    });
    const { files } = await exported(base, lora, { kind: "built-in", name: "chatml" });
    expect(files.map(({ name }) => name)).toEqual([
      "config.json",
      "generation_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "special_tokens_map.json",
      "model.safetensors",
    ]);
    const { tokenizer } = base;
    const [end, eos] = [tokenizer.addedToken("<|im_end|>"), tokenizer.eos?.id];
    expect(await jsonOf(files, "generation_config.json")).toEqual({
      bos_token_id: tokenizer.bos?.id,
      temperature: 0.7,
      // The base stops at id 0 too.
      eos_token_id: [end, eos, 0],
    });
    const config = await jsonOf(files, "tokenizer_config.json");
    expect(config).toMatchObject({ bos_token: "<s>", eos_token: "<|im_end|>" });
    expect(config.chat_template).toContain("<|im_start|>");
    expect(await jsonOf(files, "special_tokens_map.json")).toEqual({ bos_token: "<s>", eos_token: "<|im_end|>" });
    // Opened again, it suggests and renders its own template, and stops at the trained token.
    const opened = await open(files);
    const again = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
    const template = createTemplate({ kind: "model" }, { tokenizer: again, chatTemplate: opened.chatTemplate });
    expect(template.stopIds[0]).toBe(end);
    const { segments } = template.render({ messages: [{ role: "user", content: "a" }] }, { generationPrompt: true });
    expect(segments.map(({ text }) => text).join("")).toBe("<s><|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
  });

  test("one stop token is written as a number, and config.json and tokenizer.json are the base's", async () => {
    const base = await openBase({ added: [] });
    const { files } = await exported(base, lora, { kind: "built-in", name: "zephyr" });
    expect((await jsonOf(files, "generation_config.json")).eos_token_id).toBe(base.tokenizer.eos?.id);
    expect((await jsonOf(files, "tokenizer_config.json")).eos_token).toEqual({ content: "</s>" });
    for (const name of ["config.json", "tokenizer.json"]) {
      const source = base.opened.files.find((file) => file.name === name);
      expect(await bytesOf(files, name)).toEqual(await source?.slice(0, source.byteLength));
    }
  });

  test("a template that contains eos_token keeps the tokenizer's end token", async () => {
    const source = `${golden("chatml")}{{ eos_token }}`;
    const base = await openBase({ added: chatML });
    const { files } = await exported(base, lora, { kind: "custom", source });
    const config = await jsonOf(files, "tokenizer_config.json");
    expect(config).toMatchObject({ eos_token: { content: "</s>" }, chat_template: source });
    expect((await jsonOf(files, "generation_config.json")).eos_token_id).toEqual([
      base.tokenizer.addedToken("<|im_end|>"),
      base.tokenizer.eos?.id,
    ]);
  });

  test("a base without tokenizer_config.json gets one", async () => {
    const { files } = await exported(await openBase({ tokenizerConfig: null }));
    expect(await jsonOf(files, "tokenizer_config.json")).toMatchObject({
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: "<|end|>",
      chat_template: expect.stringContaining("<|end|>"),
    });
  });

  test("without a stop token it is refused before a weight is read", async () => {
    const base = await openBase({ added: [], tokenizerConfig: null });
    const trained = () => Promise.reject(new Error("the weights were read"));
    await expect(
      exportMerged({
        ...base,
        method: lora,
        trained,
        templates: base.templates({ choice: hone, systemPrompt: null }),
        scratch: memoryScratch(),
      }),
    ).rejects.toThrow(/was not exported.*no answer could ever stop.*eos_token/);
  });
});

test("a tensor that the checkpoint lacks is named", async () => {
  const base = await openBase();
  for (const method of [lora, { kind: "full" } as const]) {
    const values = trainedValues(base.model, method);
    const [last] = [...values.keys()].filter((name) => name.includes("down_proj")).slice(-1);
    values.delete(last ?? "");
    await expect(exported(base, method, hone, values)).rejects.toThrow(
      /no values for model\.layers\.0\.mlp\.down_proj\.weight/,
    );
  }
});

test("it can be cancelled, and reports its progress", async () => {
  const base = await openBase();
  const controller = new AbortController();
  const reports: string[] = [];
  const work = exportMerged({
    ...base,
    scratch: memoryScratch(),
    method: lora,
    trained: givenBy(trainedValues(base.model, lora)),
    templates: base.templates({ choice: hone, systemPrompt: null }),
    onProgress: (done, total) => {
      reports.push(`${done}/${total}`);
      if (done === 3) controller.abort();
    },
    signal: controller.signal,
  });
  await expect(work).rejects.toThrow(/abort/i);
  expect(reports).toEqual(["1/11", "2/11", "3/11"]);
});

describe("the read-back", async () => {
  const base = await openBase();
  const { files } = await exported(base);
  const template = expressTemplate(
    { choice: hone, systemPrompt: null },
    { tokenizer: base.tokenizer, chatTemplate: null },
  );
  const tensors = new Map<string, WantedTensor>();
  for (const [name, { dtype, shape, source, start, end }] of await storedOf(files)) {
    tensors.set(name, { dtype, shape, sha256: await sha256(await source.slice(start, end)) });
  }
  const templates = base.templates({ choice: hone, systemPrompt: null });
  const { stopIds } = template;
  const wanted = { model: base.model, config: base.json, stopIds, templates, tensors };
  const all = await Promise.all(
    [...(await storedOf(files)).values()].map(async ({ name, dtype, shape, source, start, end }) => ({
      name,
      dtype,
      shape,
      data: await source.slice(start, end),
    })),
  );
  const replaced = (file: OutFile) => files.map((other) => (other.name === file.name ? file : other));
  const json = async (name: string, change: object) =>
    replaced(jsonFile(name, { ...(await jsonOf(files, name)), ...change }));
  const weights = (change: (list: typeof all) => typeof all) =>
    replaced({ name: "model.safetensors", content: new Blob([writeSafetensors(change([...all]))]) });
  const embedding = all.find(({ name }) => name.includes("embed_tokens"));
  if (!embedding) throw new Error("an embedding was expected");

  const rows: [string, () => readonly OutFile[] | Promise<readonly OutFile[]>, RegExp][] = [
    [
      "a second copy of the tied embedding",
      () => weights((list) => [...list, { ...embedding, name: "lm_head.weight" }]),
      /the list of tensors is .*lm_head/,
    ],
    ["a tensor less", () => weights((list) => list.slice(1)), /has no tensor/],
    [
      "one bit of a weight",
      () =>
        weights((list) =>
          list.map((one) =>
            one === embedding ? { ...one, data: one.data.map((byte, i) => (i === 70 ? byte ^ 1 : byte)) } : one,
          ),
        ),
      /the hash of the bytes of model\.embed_tokens\.weight is \S+ instead of/,
    ],
    [
      "two tensors that changed places",
      () => {
        const [q, o] = ["q_proj", "o_proj"].map((part) => all.find(({ name }) => name.includes(part)));
        return weights((list) =>
          list.map((one) =>
            one === q ? { ...one, data: o?.data ?? one.data } : one === o ? { ...one, data: q?.data ?? one.data } : one,
          ),
        );
      },
      /the hash of the bytes of model\.layers\.0\.self_attn/,
    ],
    ["no template", () => json("tokenizer_config.json", { chat_template: undefined }), /has no chat template/],
    [
      "another template",
      () => json("tokenizer_config.json", { chat_template: template.source.replaceAll("<|user|>", "<|human|>") }),
      /cannot use its template/,
    ],
    [
      "a template that ends no answer",
      () => json("tokenizer_config.json", { chat_template: template.source.replaceAll("<|end|>", "") }),
      /no answer could ever stop/,
    ],
    [
      "no stop tokens",
      () => json("generation_config.json", { eos_token_id: undefined }),
      /list of stop tokens is \[null\] instead/,
    ],
    [
      "a stop token less",
      () => json("generation_config.json", { eos_token_id: 270 }),
      /list of stop tokens is \[270\] instead of/,
    ],
    ["another config", () => json("config.json", { rope_theta: 5e5 }), /read back, config\.json is/],
  ];
  test.each(rows)("%s is noticed", async (_, change, message) => {
    await expect(requireModel(files, wanted)).resolves.toBeUndefined();
    await expect(requireModel(await change(), wanted)).rejects.toThrow(message);
  });

  test("the zip holds every file, byte for byte", async () => {
    const zip = await zipFiles(files, await memoryScratch().create("a zip"));
    const unzipped = unzipSync(new Uint8Array(await zip.arrayBuffer()));
    expect(Object.keys(unzipped)).toEqual(files.map(({ name }) => name));
    for (const { name } of files) expect(unzipped[name]).toEqual(await bytesOf(files, name));
  });
});
