/**
 * The configs of a hand-over. Oracles: keys and types from the sources of each project (`scripts/oracle/handOver/schemas.py`),
 * PyYAML and Python's parser where they are installed, and the recipe, a row per setting.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { axolotlConfig } from "../../../../src/export/handOver/axolotl.ts";
import { checkScript } from "../../../../src/export/handOver/checkScript.ts";
import { llamaFactoryConfig } from "../../../../src/export/handOver/llamaFactory.ts";
import { prepareScript, unslothScript } from "../../../../src/export/handOver/otherScripts.ts";
import { readme } from "../../../../src/export/handOver/readme.ts";
import { settingRows } from "../../../../src/export/handOver/settings.ts";
import { accelerateConfigs, deepspeedConfig, trlConfig, trlScriptConfig } from "../../../../src/export/handOver/trl.ts";
import { trlScript } from "../../../../src/export/handOver/trlScript.ts";
import { unslothModel, unslothTraining } from "../../../../src/export/handOver/unsloth.ts";
import { type Config, toYaml } from "../../../../src/export/handOver/values.ts";
import { recipeSettings } from "../../../../src/run/recipe.ts";
import { problemsOf, schemaOf } from "../../../support/configTypes.ts";
import { kinds } from "./facts.ts";

const stages = Object.entries(kinds).flatMap(([name, facts]) => facts.stages.map((stage) => ({ name, facts, stage })));

const named = (name: string, nth: number) => `${name}, stage ${nth}`;

const configs = Object.fromEntries(
  stages.flatMap(({ name, facts, stage }): [string, { schema: string; config: Config }][] => [
    [`trl ${named(name, stage.nth)}`, { schema: "trl", config: trlConfig(facts, stage) }],
    [`axolotl ${named(name, stage.nth)}`, { schema: "axolotl", config: axolotlConfig(facts, stage) }],
    [`llamafactory ${named(name, stage.nth)}`, { schema: "llamaFactory", config: llamaFactoryConfig(facts, stage) }],
    [`unsloth model ${named(name, stage.nth)}`, { schema: "unslothModel", config: unslothModel(facts, stage) }],
    [`unsloth ${named(name, stage.nth)}`, { schema: "unslothTraining", config: unslothTraining(facts, stage) }],
  ]),
);

test.each(Object.entries(configs))("%s: every key and type is the project's own", (_, { schema, config }) => {
  expect(problemsOf(config, schemaOf(schema))).toEqual([]);
});

test.each(Object.entries(accelerateConfigs))("accelerate %s: every key and type is its own", (_, config) => {
  expect(problemsOf(config, schemaOf("accelerate"))).toEqual([]);
  expect(problemsOf((config.fsdp_config ?? {}) as Config, schemaOf("accelerateFsdp"))).toEqual([]);
});

test("axolotl's datasets have its own keys", () => {
  for (const { facts, stage } of stages) {
    const { datasets, test_datasets } = axolotlConfig(facts, stage);
    for (const one of [datasets, test_datasets ?? []].flat() as Config[])
      expect(problemsOf(one, schemaOf("axolotlDataset"))).toEqual([]);
  }
});

test("a wrong key and a wrong type are found, in every schema", () => {
  for (const { schema, config } of Object.values(configs)) {
    const types = schemaOf(schema);
    expect(problemsOf({ ...config, learnig_rate: 1 }, types)).toEqual(["learnig_rate is no key"]);
    for (const [key, value] of Object.entries(config)) {
      if (types[key] === "Any" || typeof value !== "number") continue;
      expect(problemsOf({ ...config, [key]: ["no", "number"] }, types), key).toHaveLength(1);
    }
  }
});

test("every setting of the recipe has a row, and every key that a row names is in the config", () => {
  // The form's names for values that are fields of a stage, of the forgetting meter, or of two fields.
  const sameAs: Readonly<Record<string, string>> = {
    customTemplate: "template",
    allowedRise: "forgetting",
    exam: "forgetting",
    examEvery: "forgetting",
    products: "compute",
    stages: "objective",
  };
  for (const { facts, stage } of stages) {
    const rows = settingRows(facts, stage);
    const fields = new Set<string>(rows.map(({ field }) => field));
    for (const { field, applies } of recipeSettings)
      if (applies?.(facts.recipe) ?? true) expect(fields).toContain(sameAs[field] ?? field);
    // These are left out where the recipe has no such thing: an adapter, early stopping, validation, a template.
    const optional = ["rank", "alpha", "targets", "method", "patience", "evaluateEvery", "template"];
    for (const { field, there } of rows) {
      const missing = Object.values(there).filter((text) => text === "—").length;
      if (!optional.includes(field)) expect([0, 4], field).toContain(missing);
    }
  }
});

test("the configs have the recipe's values, a row per setting", () => {
  const table = Object.fromEntries(
    stages.map(({ name, facts, stage }) => [
      named(name, stage.nth),
      settingRows(facts, stage).map(
        ({ field, value, there }) => `${field} ${JSON.stringify(value)}: ${Object.values(there).join(" | ")}`,
      ),
    ]),
  );
  expect(`${JSON.stringify(table, null, 2)}\n`).toMatchFileSnapshot("../../../golden/handOver/settings.json");
});

test("the values follow the recipe", () => {
  for (const { facts, stage } of stages) {
    const { recipe } = facts;
    const [trl, axolotl, factory, unsloth] = [
      trlConfig(facts, stage),
      axolotlConfig(facts, stage),
      llamaFactoryConfig(facts, stage),
      unslothTraining(facts, stage),
    ];
    for (const config of [
      trl,
      factory,
      unsloth,
      { ...axolotl, per_device_train_batch_size: axolotl.micro_batch_size },
    ]) {
      expect(config).toMatchObject({
        learning_rate: stage.learningRate,
        max_steps: stage.planned,
        warmup_steps: Math.ceil(stage.warmupRatio * stage.planned),
        per_device_train_batch_size: recipe.batchSize,
        gradient_accumulation_steps: recipe.accumulation,
        weight_decay: recipe.weightDecay,
        max_grad_norm: recipe.maxGradNorm ?? 0,
        adam_beta1: recipe.beta1,
        adam_beta2: recipe.beta2,
        adam_epsilon: recipe.epsilon,
        seed: recipe.seed,
        save_total_limit: recipe.keepLast,
        bf16: false,
      });
    }
    if (recipe.method === "lora") {
      expect(axolotl).toMatchObject({ lora_r: recipe.lora.rank, lora_target_modules: recipe.lora.targets });
      expect(factory).toMatchObject({ lora_rank: recipe.lora.rank, lora_target: recipe.lora.targets.join(",") });
    }
  }
});

const hasPython = (what: string) => spawnSync("python3", ["-c", what], { stdio: "ignore" }).status === 0;

test.skipIf(!hasPython("import yaml"))("PyYAML reads each config back (skipped without python3 and PyYAML)", () => {
  const texts = [...Object.values(configs).map(({ config }) => config), ...Object.values(accelerateConfigs)];
  const script =
    "import json, sys, yaml; json.dump([yaml.safe_load(text) for text in json.load(sys.stdin)], sys.stdout)";
  const { stdout } = spawnSync("python3", ["-c", script], {
    input: JSON.stringify(texts.map((one) => toYaml(one))),
    encoding: "utf8",
  });
  expect(JSON.parse(stdout)).toEqual(texts);
});

test.skipIf(!hasPython("import ast"))("Python parses each script (skipped without python3)", () => {
  const folder = mkdtempSync(join(tmpdir(), "hone-scripts-"));
  try {
    const scripts = [
      checkScript,
      prepareScript,
      ...Object.values(kinds).flatMap((facts) => [trlScript(trlScriptConfig(facts)), unslothScript(facts)]),
    ];
    const files = scripts.map((text, i) => {
      const file = join(folder, `${i}.py`);
      writeFileSync(file, text);
      return file;
    });
    const parse = "import ast, sys; [ast.parse(open(name).read()) for name in sys.argv[1:]]";
    const { status, stderr } = spawnSync("python3", ["-c", parse, ...files], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("numbers, texts and lists of YAML are those that YAML 1.1 reads", () => {
  expect(
    toYaml({ a: 1e-8, b: 2e-4, c: 1e21, d: "no", e: null, f: ["x", 1], g: { h: true }, i: [{ j: 1, k: "é\n" }] }),
  ).toBe(
    'a: 1.0e-8\nb: 0.0002\nc: 1.0e+21\nd: "no"\ne: null\nf: ["x", 1]\ng:\n  h: true\ni:\n  - j: 1\n    k: "é\\n"\n',
  );
});

test("the README names what differs, and only where it does", () => {
  const text = (name: keyof typeof kinds) => readme(kinds[name] ?? (kinds.lora as never));
  expect(text("packed")).toMatch(/Packing: Hone packs rows by best fit/);
  expect(text("lora")).not.toMatch(/Packing: Hone packs/);
  expect(text("quantised")).toMatch(/int4 in blocks of 32, which none of the four reads/);
  expect(text("quantised")).toMatch(/start\/adapter_config.json, which has 6.5/);
  expect(text("GPT-2")).toMatch(/attn_pdrop, embd_pdrop above 0/);
  expect(text("GPT-2")).toMatch(/put its files into the folder `base`/);
  expect(text("GPT-2")).toMatch(/loss weights stand in stage-N\/weights/);
  expect(text("full")).toMatch(/decay every trained tensor/);
  expect(text("full")).toMatch(/--from-step 40/);
  expect(text("two stages")).toMatch(/--stage 2/);
  expect(text("lora")).not.toMatch(/--from-step/);
});

test("DeepSpeed's file leaves the recipe's values to SFTConfig", () => {
  for (const key of [
    "gradient_accumulation_steps",
    "gradient_clipping",
    "train_batch_size",
    "train_micro_batch_size_per_gpu",
  ])
    expect(deepspeedConfig[key]).toBe("auto");
});
