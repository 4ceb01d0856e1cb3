/**
 * Failure 8 of DOMAIN.md: adapters that load but have no effect. Oracles: PEFT's key names and fields, written by hand
 * from its documentation of the checkpoint format; and a loader that ignores unknown keys, as PEFT does.
 */

import { describe, expect, test } from "vitest";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { writeAdapter } from "../../../src/export/adapter.ts";
import { exportAdapter, requireAdapter } from "../../../src/export/exportAdapter.ts";
import { jsonFile, type OutFile, reopened } from "../../../src/export/files.ts";
import { noBase, readAdapter } from "../../../src/export/readAdapter.ts";
import { encodeFloats } from "../../../src/hub/elements.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { tinyConfig } from "../../support/tinyLlama.ts";
import { everyTarget, givenBy, lora, trainedValues } from "./made.ts";

const model = defineModel({ ...tinyConfig, num_hidden_layers: 2 });
const tensors = trainedValues(model, lora);
const adapter = { model, method: lora, baseModel: "owner/base", tensors };

/** Modules of a Llama by transformers' names, with the widths [out, in] of `model`, by hand. */
const modules: readonly (readonly [string, number, number])[] = [0, 1].flatMap((layer) => [
  [`model.layers.${layer}.self_attn.q_proj`, 16, 16] as const,
  [`model.layers.${layer}.self_attn.k_proj`, 8, 16] as const,
  [`model.layers.${layer}.self_attn.v_proj`, 8, 16] as const,
  [`model.layers.${layer}.self_attn.o_proj`, 16, 16] as const,
  [`model.layers.${layer}.mlp.gate_proj`, 32, 16] as const,
  [`model.layers.${layer}.mlp.up_proj`, 32, 16] as const,
  [`model.layers.${layer}.mlp.down_proj`, 16, 32] as const,
]);

async function bytesOf(files: readonly OutFile[], name: string) {
  const file = files.find((other) => other.name === name);
  if (!file) throw new Error(`There is no ${name}.`);
  return new Uint8Array(await file.content.arrayBuffer());
}
const jsonOf = async (files: readonly OutFile[], name: string): Promise<Record<string, unknown>> =>
  JSON.parse(new TextDecoder().decode(await bytesOf(files, name)));

async function storedOf(files: readonly OutFile[]): Promise<StoredTensor[]> {
  const bytes = await bytesOf(files, "adapter_model.safetensors");
  const { tensors: found } = await readSafetensors(bytesFromMemory("adapter_model.safetensors", bytes));
  return [...found.values()].map(({ name, dtype, shape, start, end }) => ({
    name,
    dtype,
    shape,
    data: bytes.slice(start, end),
  }));
}

interface Change {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly stored?: (tensors: StoredTensor[]) => StoredTensor[];
}

/** The adapter's files with one change. */
async function changed({ fields = {}, stored = (all) => all }: Change): Promise<OutFile[]> {
  const files = writeAdapter(adapter);
  return [
    jsonFile("adapter_config.json", { ...(await jsonOf(files, "adapter_config.json")), ...fields }),
    {
      name: "adapter_model.safetensors",
      content: new Blob([writeSafetensors(stored(await storedOf(files)), { format: "pt" })]),
    },
  ];
}
const renamed = (change: (name: string) => string) => (all: StoredTensor[]) =>
  all.map((tensor) => ({ ...tensor, name: change(tensor.name) }));
const firstKey = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

describe("writing", () => {
  const files = writeAdapter(adapter);

  test("keys, shapes and type are PEFT's, of every adapted layer and of nothing else", async () => {
    const stored = await storedOf(files);
    const wanted = modules.flatMap(([module, out, width]) => [
      [`base_model.model.${module}.lora_A.weight`, "F32", [4, width]],
      [`base_model.model.${module}.lora_B.weight`, "F32", [out, 4]],
    ]);
    expect(stored.map(({ name, dtype, shape }) => [name, dtype, shape]).sort()).toEqual(wanted.sort());
    expect(stored.map(({ name }) => name)).toContain(firstKey);
  });

  test("a loader that ignores unknown keys changes every adapted layer by (α/r)·B·A", async () => {
    const stored = new Map((await storedOf(files)).map(({ name, data }) => [name, new Float32Array(data.buffer)]));
    const { r, lora_alpha: alpha, target_modules: targets } = await jsonOf(files, "adapter_config.json");
    let bound = 0;
    for (const [module, out, width] of modules) {
      if (!(targets as string[]).some((target) => module.endsWith(target))) continue;
      const a = stored.get(`base_model.model.${module}.lora_A.weight`) ?? new Float32Array();
      const b = stored.get(`base_model.model.${module}.lora_B.weight`) ?? new Float32Array();
      expect([a.length, b.length]).toEqual([Number(r) * width, out * Number(r)]);
      // The first number of the change, against the tensors of the run.
      const own = [tensors.get(`${module}.lora_A.weight`), tensors.get(`${module}.lora_B.weight`)] as const;
      const sum = (x: Float32Array | undefined, y: Float32Array | undefined) =>
        [0, 1, 2, 3].reduce((total, k) => total + (y?.[k] ?? Number.NaN) * (x?.[k * width] ?? Number.NaN), 0);
      const change = (Number(alpha) / Number(r)) * sum(a, b);
      expect(change).toBe((lora.alpha / lora.rank) * sum(...own));
      expect(Math.abs(change)).toBeGreaterThan(0);
      bound++;
    }
    expect(bound).toBe(14);
  });

  test("adapter_config.json has the fields from which PEFT builds the adapter", async () => {
    expect(await jsonOf(files, "adapter_config.json")).toMatchObject({
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      r: 4,
      lora_alpha: 12,
      lora_dropout: 0,
      target_modules: everyTarget,
      bias: "none",
      base_model_name_or_path: "owner/base",
      inference_mode: true,
      fan_in_fan_out: false,
      use_rslora: false,
      use_dora: false,
    });
  });

  test("a tensor that is missing, or of another size, is named", () => {
    const without = new Map(tensors);
    without.delete("model.layers.1.mlp.up_proj.lora_B.weight");
    expect(() => writeAdapter({ ...adapter, tensors: without })).toThrow(
      /has no tensor for model\.layers\.1\.mlp\.up_proj\.lora_B\.weight, whose shape is \[32, 4\]: resume/,
    );
    without.set("model.layers.1.mlp.up_proj.lora_B.weight", new Float32Array(5));
    expect(() => writeAdapter({ ...adapter, tensors: without })).toThrow(/has 5 numbers for model\.layers\.1/);
  });
});

describe("reading", () => {
  const read = async (change: Change) => readAdapter(reopened("adapter", await changed(change)), model, noBase);

  test("method and tensors come back in Hone's own names, bit for bit", async () => {
    const found = await read({});
    expect(found.method).toEqual(lora);
    expect(found.baseModel).toBe("owner/base");
    expect(found.tensors).toEqual(tensors);
    const names = parametersOf(model, lora).filter(({ trainable }) => trainable);
    expect([...found.tensors.keys()].sort()).toEqual(names.map(({ name }) => name).sort());
  });

  test.each(["F16", "BF16"] as const)("also as %s", async (dtype) => {
    const stored = (all: StoredTensor[]) =>
      all.map((tensor) => ({
        ...tensor,
        dtype,
        data: encodeFloats(dtype, new Float32Array(tensor.data.buffer as ArrayBuffer)),
      }));
    const found = await read({ stored });
    for (const [name, values] of tensors) {
      const [at, wanted] = [found.tensors.get(name)?.[3] ?? Number.NaN, values[3] ?? Number.NaN];
      expect(Math.abs(at - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * 2 ** -8);
    }
  });

  const rows: [string, Change, RegExp][] = [
    [
      "one key that names another layer",
      { stored: renamed((name) => (name === firstKey ? name.replace("layers.0", "layers.2") : name)) },
      /layers\.2\.self_attn\.q_proj\.lora_A\.weight" is of layer 2, but this model has 2 layers, from 0 to 1: choose/,
    ],
    [
      "a tensor less",
      { stored: (all) => all.filter(({ name }) => name !== firstKey) },
      /lacks tensors that adapter_config\.json requires \(layers\.0\.self_attn\.q_proj\.lora_A\)/,
    ],
    ["another rank", { fields: { r: 8 } }, /has the shape \[4, 16\], but this model and r 8 .* require \[8, 16\]/],
    [
      "another width",
      {
        stored: (all) =>
          all.map((tensor) =>
            tensor.name === firstKey ? { ...tensor, shape: [4, 8], data: new Float32Array(32) } : tensor,
          ),
      },
      /q_proj\.lora_A\.weight" has the shape \[4, 8\], but .* require \[4, 16\]/,
    ],
    [
      "a target that the model lacks",
      { fields: { target_modules: [...everyTarget, "c_attn"] } },
      /names "c_attn", .* are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj/,
    ],
    ["the head as a target", { fields: { target_modules: [...everyTarget, "lm_head"] } }, /names "lm_head"/],
    [
      "a tied embedding as a target",
      { fields: { target_modules: [...everyTarget, "embed_tokens"] } },
      /"embed_tokens"/,
    ],
    [
      "fewer targets than tensors",
      { fields: { target_modules: ["q_proj"] } },
      /down_proj.*is of no layer .*PEFT ignores it/,
    ],
    [
      "a pattern of other layers",
      { fields: { target_modules: ".*layers.1.*" } },
      /layers\.0.*is of no layer .*PEFT ignores/,
    ],
    ["fewer layers than tensors", { fields: { layers_to_transform: 1 } }, /layers\.0.*is of no layer/],
    [
      "whole numbers",
      {
        stored: (all) => all.map((tensor) => (tensor.name === firstKey ? { ...tensor, dtype: "I32" } : tensor)),
      },
      /is stored as I32: save the adapter as F32, F16 or BF16/,
    ],
    [
      "a number that is none",
      {
        stored: (all) =>
          all.map((tensor) =>
            tensor.name === firstKey ? { ...tensor, data: new Float32Array(64).fill(Number.NaN, 9, 10) } : tensor,
          ),
      },
      /q_proj\.lora_A\.weight" contains NaN/,
    ],
    ["another kind", { fields: { peft_type: "IA3" } }, /peft_type is "IA3", but must be "LORA"/],
    ["another task", { fields: { task_type: "SEQ_CLS" } }, /task_type is "SEQ_CLS"/],
    ["a rank that is none", { fields: { r: 4.5 } }, /r is 4\.5, but must be a whole number/],
    ["no alpha", { fields: { lora_alpha: "16" } }, /lora_alpha is "16"/],
    ["magnitudes", { fields: { use_dora: true } }, /use_dora is true, but must be off.*merge_and_unload/],
    [
      "ranks of their own",
      { fields: { rank_pattern: { q_proj: 8 } } },
      /and r 8 of adapter_config\.json require \[8, 16\]/,
    ],
    ["a rank that is a text", { fields: { rank_pattern: { q_proj: "8" } } }, /rank_pattern has "q_proj": "8"/],
    [
      "a pattern that may never end",
      { fields: { alpha_pattern: { "(a+)+b": 8 } } },
      /alpha_pattern has "\(a\+\)\+b": 8, but Hone reads .*write out/,
    ],
    [
      "a field of the future",
      { fields: { use_xlora: true } },
      /use_xlora is true, but must be off: Hone does not know/,
    ],
    [
      "settings of the future",
      { fields: { xlora_config: { depth: 2 } } },
      /xlora_config is \{"depth":2\}, but must be off/,
    ],
    ["no effect", { fields: { lora_alpha: 0 } }, /alpha is 0, so it changes nothing/],
    [
      "an adapter of some tokens alone",
      { fields: { alora_invocation_tokens: [5] } },
      /alora_invocation_tokens is \[5\]/,
    ],
    ["a choice among adapters", { fields: { arrow_config: { top_k: 2 } } }, /arrow_config is \{"top_k":2\}/],
    ["singular values", { fields: { kasa_config: { beta: 1 } } }, /kasa_config is/],
    ["random adapters", { fields: { monteclora_config: { samples: 2 } } }, /monteclora_config is/],
    ["blocks on the diagonal", { fields: { use_bdlora: { nblocks: 2 } } }, /use_bdlora is \{"nblocks":2\}/],
    [
      "excluded modules",
      { fields: { exclude_modules: ["o_proj"] } },
      /o_proj\.lora_A.*is of no layer .*PEFT ignores it/,
    ],
    ["a start that changes the base", { fields: { init_lora_weights: "pissa" } }, /init_lora_weights is "pissa"/],
  ];
  test.each(rows)("%s: refused with name, both values and the way out", async (_, change, message) => {
    await expect(read(change)).rejects.toThrow(message);
  });
});

describe("the read-back", () => {
  test("a trained adapter is exported without a note", async () => {
    const { files, notes } = await exportAdapter({ ...adapter, trained: givenBy(tensors) });
    expect(notes).toEqual([]);
    expect((await readAdapter(reopened("adapter", files), model, noBase)).tensors).toEqual(tensors);
  });

  const rows: [string, Change, RegExp][] = [
    ["a key named wrongly", { stored: renamed((name) => name.replace("lora_A", "lora_a")) }, /is a variant of LoRA/],
    [
      "a key without PEFT's prefix",
      { stored: renamed((name) => name.replace("base_model.model.", "")) },
      /the list of keys/,
    ],
    [
      "one bit of one number",
      {
        stored: (all) => {
          const data = new Uint8Array(all[5]?.data.buffer ?? new ArrayBuffer());
          data[data.length - 4] = (data[data.length - 4] ?? 0) ^ 1;
          return all;
        },
      },
      /Nothing was exported: read back, number \d+ of model\.layers\.\S+ is \S+ instead of \S+\. Export again/,
    ],
    ["another alpha", { fields: { lora_alpha: 16 } }, /read back, alpha is 16 instead of 12/],
    [
      "another base",
      { fields: { base_model_name_or_path: "other" } },
      /base model's name is "other" instead of "owner\/base"/,
    ],
    [
      "fewer layers, in config and tensors alike",
      {
        fields: { target_modules: everyTarget.slice(1) },
        stored: (all) => all.filter(({ name }) => !name.includes("q_proj")),
      },
      /the list of adapted layers is .* instead of/,
    ],
  ];
  test.each(rows)("%s is noticed", async (_, change, message) => {
    await expect(requireAdapter(await changed({}), adapter)).resolves.toBeUndefined();
    await expect(requireAdapter(await changed(change), adapter)).rejects.toThrow(message);
  });

  test.each([
    ["everywhere", /lora_B/, "The adapter changes nothing: every B is zero, as before the first step."],
    ["in one kind of layer", /q_proj\.lora_B/, "2 of the 14 adapted layers are unchanged: their B is zero."],
  ])("a note reports a B of zeros %s", async (_, where, note) => {
    const idle = new Map(
      [...tensors].map(([name, values]) => [name, where.test(name) ? new Float32Array(values.length) : values]),
    );
    const { notes } = await exportAdapter({ ...adapter, trained: givenBy(idle) });
    expect(notes).toEqual([expect.stringContaining(note)]);
  });
});
