/**
 * Adapters of every family: the layers that their targets name, and their files. Oracles: PEFT's rule for targets and its
 * keys, written by hand for the families whose layers have names of their own; W + (α/r)·B·A, by hand for GPT-2's [in, out].
 */

import { describe, expect, test } from "vitest";
import { linearsOf, type Method, parametersOf, tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { checkRecipe } from "../../../src/engine/prepare.ts";
import { writeAdapter } from "../../../src/export/adapter.ts";
import { exportAdapter } from "../../../src/export/exportAdapter.ts";
import { jsonFile, type OutFile, reopened } from "../../../src/export/files.ts";
import { exportMerged } from "../../../src/export/merged.ts";
import { noBase, readAdapter } from "../../../src/export/readAdapter.ts";
import { bytesFromBlob } from "../../../src/hub/bytes.ts";
import { modelFromFiles } from "../../../src/hub/files.ts";
import { openModel } from "../../../src/hub/model.ts";
import { readSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { recipeOf } from "../../support/recipe.ts";
import { smallFamilies, smallFolder } from "../../support/smallFamilies.ts";
import { templateWriter } from "../../support/templateWriter.ts";
import { asFiles } from "../../support/tinyLlama.ts";
import { givenBy, trainedValues } from "./made.ts";

type Lora = Extract<Method, { kind: "lora" }>;
type Config = (typeof smallFamilies)[string];

const loraOn = (targets: readonly string[]): Lora => ({ kind: "lora", rank: 2, alpha: 6, targets });
const loraOf = (config: Config) => loraOn(linearsOf(defineModel(config)).map(({ name }) => name));
const configOf = (name: string): Config => smallFamilies[name] ?? {};

function adapterOf(config: Config, method: Lora = loraOf(config)) {
  const model = defineModel(config);
  return { model, method, baseModel: "owner/base", tensors: trainedValues(model, method) };
}

async function jsonOf(files: readonly OutFile[], name: string): Promise<Record<string, unknown>> {
  const file = files.find((other) => other.name === name);
  return JSON.parse((await file?.content.text()) ?? "null");
}

const open = (files: readonly OutFile[], place = "model") => openModel(reopened(place, files), tensorsOfConfig);

const openFolder = (config: Config) => openModel(modelFromFiles(asFiles(smallFolder(config))), tensorsOfConfig);

/** The adapted modules with the shapes of A and B, from the names of the tensors that PEFT would look for. */
function modulesOf(config: Config, targets: readonly string[]) {
  const { model, method } = adapterOf(config, loraOn(targets));
  return parametersOf(model, method)
    .filter(({ source }) => source.kind !== "checkpoint")
    .map(({ name, shape }) => `base_model.model.${name} [${shape}]`);
}

const pair = (module: string, inputs: number, outputs: number) => [
  `base_model.model.${module}.lora_A.weight [2,${inputs}]`,
  `base_model.model.${module}.lora_B.weight [${outputs},2]`,
];
const layers = [0, 1];

describe("targets", () => {
  const rows: [string, string, readonly string[], (layer: number) => string[]][] = [
    [
      "GPT-2",
      "every name: c_proj stands in attn and in mlp, with different shapes",
      ["c_attn", "c_proj", "c_fc"],
      (i) => [
        ...pair(`transformer.h.${i}.attn.c_attn`, 16, 48),
        ...pair(`transformer.h.${i}.attn.c_proj`, 16, 16),
        ...pair(`transformer.h.${i}.mlp.c_fc`, 16, 64),
        ...pair(`transformer.h.${i}.mlp.c_proj`, 64, 16),
      ],
    ],
    ["GPT-2", "mlp.c_proj alone", ["mlp.c_proj"], (i) => pair(`transformer.h.${i}.mlp.c_proj`, 64, 16)],
    ["GPT-NeoX", "dense is not dense_h_to_4h", ["dense"], (i) => pair(`gpt_neox.layers.${i}.attention.dense`, 32, 32)],
    [
      "GPT-NeoX",
      "the others",
      ["query_key_value", "dense_h_to_4h", "dense_4h_to_h"],
      (i) => [
        ...pair(`gpt_neox.layers.${i}.attention.query_key_value`, 32, 96),
        ...pair(`gpt_neox.layers.${i}.mlp.dense_h_to_4h`, 32, 20),
        ...pair(`gpt_neox.layers.${i}.mlp.dense_4h_to_h`, 20, 32),
      ],
    ],
    [
      "Phi-3 with half the rotation",
      "fused layers",
      ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
      (i) => [
        ...pair(`model.layers.${i}.self_attn.qkv_proj`, 32, 64),
        ...pair(`model.layers.${i}.self_attn.o_proj`, 32, 32),
        ...pair(`model.layers.${i}.mlp.gate_up_proj`, 32, 40),
        ...pair(`model.layers.${i}.mlp.down_proj`, 20, 32),
      ],
    ],
    [
      "Gemma 3",
      "one path",
      ["model.layers.1.mlp.up_proj"],
      (i) => (i === 1 ? pair("model.layers.1.mlp.up_proj", 16, 20) : []),
    ],
  ];
  test.each(rows)("%s, %s", (name, _, targets, modules) => {
    const config = configOf(name);
    expect(modulesOf(config, targets).sort()).toEqual(layers.flatMap(modules).sort());
    const recipe = recipeOf("lora", { lora: { rank: 2, alpha: 6, targets }, maxLength: 64 });
    expect(() => checkRecipe({ definition: defineModel(config) }, recipe)).not.toThrow();
  });

  test.each([
    ["GPT-2", "proj"],
    ["GPT-2", "q_proj"],
    ["GPT-NeoX", "dense_h"],
    ["GPT-NeoX", "embed_out"],
    ["Phi-3 with half the rotation", "gate_proj"],
    ["Qwen 3", "q_norm"],
  ])("%s has no layer %s", (name, target) => {
    const config = configOf(name);
    expect(() => modulesOf(config, [target])).not.toThrow();
    expect(modulesOf(config, [target])).toEqual([]);
    const wanted = `"${target}", but this model's`;
    const adapter = adapterOf(config);
    expect(() => writeAdapter({ ...adapter, method: loraOn([target]) })).toThrow(wanted);
    const recipe = recipeOf("lora", { lora: { rank: 2, alpha: 6, targets: [target] }, maxLength: 64 });
    expect(() => checkRecipe({ definition: adapter.model }, recipe)).toThrow(wanted);
  });

  test("a name with several shapes lists each once", () => {
    expect(linearsOf(defineModel(configOf("GPT-2")))).toEqual([
      { name: "c_attn", shapes: [[48, 16]] },
      {
        name: "c_proj",
        shapes: [
          [16, 16],
          [16, 64],
        ],
      },
      { name: "c_fc", shapes: [[64, 16]] },
    ]);
  });
});

describe.each(Object.entries(smallFamilies))("%s", (_, config) => {
  const conv1D = config.model_type === "gpt2";

  test("its adapter names fan_in_fan_out for Conv1D alone, and comes back bit for bit", async () => {
    const adapter = adapterOf(config);
    const { files } = await exportAdapter({ ...adapter, trained: givenBy(adapter.tensors) });
    const json = await jsonOf(files, "adapter_config.json");
    expect(json).toMatchObject({ fan_in_fan_out: conv1D, target_modules: adapter.method.targets });
    expect((await readAdapter(reopened("adapter", files), adapter.model, noBase)).tensors).toEqual(adapter.tensors);
    // PEFT sets the field itself by the layers' kind, whatever the file has.
    const other = files.map((file) =>
      file.name === "adapter_config.json" ? jsonFile(file.name, { ...json, fan_in_fan_out: !conv1D }) : file,
    );
    const read = await readAdapter(reopened("adapter", other), adapter.model, noBase);
    expect(read.tensors).toEqual(adapter.tensors);
  });
});

test("the adapter of a text model within a multimodal one has transformers' paths, and leaves the other parts out", async () => {
  const { model_type: _, ...text } = configOf("Gemma 3");
  const config = { model_type: "gemma3", text_config: text, vision_config: {} };
  const adapter = adapterOf(config);
  const { files } = await exportAdapter({ ...adapter, trained: givenBy(adapter.tensors) });
  expect(await jsonOf(files, "adapter_config.json")).toMatchObject({ exclude_modules: ".*vision_tower.*" });
  const weights = files.find(({ name }) => name.endsWith(".safetensors"));
  if (!weights) throw new Error("The adapter has no weights.");
  const { tensors } = await readSafetensors(bytesFromBlob(weights.name, weights.content));
  const wanted = [...adapter.tensors.keys()].map((name) => `base_model.model.model.language_model.${name.slice(6)}`);
  expect([...tensors.keys()].sort()).toEqual(wanted.sort());
  expect(wanted).toContain("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight");
  expect((await readAdapter(reopened("adapter", files), adapter.model, noBase)).tensors).toEqual(adapter.tensors);

  // The text model alone has the same layers under other outer modules.
  const alone = defineModel(configOf("Gemma 3"));
  expect((await readAdapter(reopened("adapter", files), alone, noBase)).tensors).toEqual(adapter.tensors);
});

test("GPT-2's merged Conv1D stands as [in, out]: by hand", async () => {
  const config = configOf("GPT-2");
  const base = await openFolder(config);
  const adapter = adapterOf(config);
  const { files } = await exportMerged({
    opened: base,
    model: adapter.model,
    vocabulary: createTokenizer(base.tokenizerJson, base.tokenizerConfig),
    method: adapter.method,
    trained: givenBy(adapter.tensors),
    templates: templateWriter(
      { choice: { kind: "built-in", name: "hone" }, systemPrompt: null },
      { tokenizer: createTokenizer(base.tokenizerJson, base.tokenizerConfig), chatTemplate: null },
    ),
    scratch: memoryScratch(),
  });
  const [module, inputs, outputs] = ["transformer.h.1.mlp.c_proj", 64, 16];
  const [before, after] = [await base.read(`${module}.weight`), await (await open(files)).read(`${module}.weight`)];
  const [a, b] = ["A", "B"].map((side) => adapter.tensors.get(`${module}.lora_${side}.weight`) ?? []);
  const wanted = Array.from({ length: inputs * outputs }, (_, at) => {
    const [input, output] = [Math.floor(at / outputs), at % outputs];
    const low = [0, 1].map((k) => (b?.[2 * output + k] ?? Number.NaN) * (a?.[k * inputs + input] ?? Number.NaN));
    return (before[at] ?? Number.NaN) + 3 * low.reduce((sum, product) => sum + product, 0);
  });
  expect(Math.max(...wanted.map((value, at) => Math.abs(value - (after[at] ?? Number.NaN))))).toBeLessThan(1e-6);
  expect(Math.max(...wanted.map((value, at) => Math.abs(value - (before[at] ?? Number.NaN))))).toBeGreaterThan(0.1);
});
