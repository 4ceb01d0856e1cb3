/**
 * A run on a small folder in the form of each model of the catalogue: its family, its own template where it has one, its
 * tokenizer's form, seeded weights. Oracle: two LoRA steps on wasm, and full ones, lower the loss of the same rows.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { type CatalogueModel, catalogue } from "../../../src/models/catalogue.ts";
import { defineModel } from "../../../src/models/define.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { type CatalogueForm, formOf, suggestedFor, templateOf } from "../../support/catalogueForms.ts";
import { engineHere, type Here, takeIn } from "../../support/engineHere.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, type ModelFiles } from "../../support/tinyLlama.ts";

const timeout = 120_000;
/** As some published models have more rows in the embedding than tokens. */
const spareRows = 3;

/** The published config with small sizes, and the window so short that rows reach beyond it. */
function shrunken({ config }: CatalogueModel, vocabulary: number): Record<string, unknown> {
  const layers = 2;
  const list = (field: string) => {
    const { [field]: values } = config;
    return Array.isArray(values) ? { [field]: values.slice(-layers) } : {};
  };
  if (config.model_type === "gpt2") {
    return { ...config, vocab_size: vocabulary, n_embd: 16, n_layer: layers, n_head: 2, n_positions: 256 };
  }
  const heads = {
    num_attention_heads: 4,
    num_key_value_heads: config.num_key_value_heads === undefined ? undefined : 2,
  };
  return {
    ...config,
    ...heads,
    vocab_size: vocabulary,
    hidden_size: 32,
    intermediate_size: 24,
    ...("shared_intermediate_size" in config && { shared_intermediate_size: 24 }),
    num_hidden_layers: layers,
    ...("head_dim" in config && { head_dim: 16 }),
    max_position_embeddings: 256,
    ...(typeof config.sliding_window === "number" && { sliding_window: 8 }),
    ...list("layer_types"),
    ...list("no_rope_layers"),
  };
}

function folderOf(model: CatalogueModel, form: CatalogueForm): ModelFiles {
  const { tokenizer } = suggestedFor(form);
  const config = shrunken(model, tokenizer.size + spareRows);
  const random = createRandom(16);
  const tensors = checkpointTensors(defineModel(config)).map(({ name, shape }): StoredTensor => {
    const isNorm = shape.length === 1 && name.endsWith("weight");
    const data = Float32Array.from({ length: sizeOf(shape) }, () => (isNorm ? 1 : 0) + 0.1 * random.normal());
    return { name, shape, dtype: "F32", data };
  });
  const template = templateOf(form);
  return {
    "config.json": JSON.stringify(config),
    "tokenizer.json": JSON.stringify(form.tokenizer.json),
    "tokenizer_config.json": JSON.stringify(form.tokenizer.config),
    "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
    ...(template !== null && { "chat_template.jinja": template }),
  };
}

/** Chats in OpenAI's form, with a system message in some. */
const rows = Array.from({ length: 8 }, (_, i) => ({
  messages: [
    ...(i % 2 === 0 ? [{ role: "system", content: "Be brief." }] : []),
    { role: "user", content: `Name bird ${"la ".repeat(i % 3)}${i}.` },
    { role: "assistant", content: "A wren." },
  ],
}));

let here: Here;

beforeAll(async () => {
  here = await engineHere(nodeEntries);
  await here.engine.start("wasm");
}, timeout);

describe.each(catalogue)("$id", (model) => {
  test.each(["lora", "full"] as const)("opens, passes the checks, and %s trains", { timeout }, async (method) => {
    const { engine, data } = here;
    const form = formOf(model.id);
    const { hash } = await engine.openModel({ kind: "files", files: asFiles(folderOf(model, form)), name: model.id });
    const { linears } = await engine.modelDetails(hash);
    const source = await takeIn(data, rows, "chats.json");
    const recipe = recipeOf(method, {
      template: suggestedFor(form).choice,
      ...(method === "lora" && { lora: { rank: 4, alpha: 8, targets: linears } }),
      learningRate: 0.02,
      schedule: "constant",
      warmupRatio: 0,
      batchSize: 8,
      maxLength: 200,
      steps: 2,
      validationShare: 0,
      samplePrompts: 1,
      watchEvery: null,
    });
    const record = await engine.startRun({ name: model.id, modelHash: hash, sources: [source], recipe });
    expect(record.status).toBe("finished");
    const { steps } = await engine.curvesOf(record.id);
    const losses = [...steps.loss];
    expect(losses).toHaveLength(2);
    for (const value of [...losses, ...steps.gradientNorm]) expect(Number.isFinite(value) && value > 0).toBe(true);
    expect(losses[1]).toBeLessThan(losses[0] ?? 0);
    expect(record.samples.length).toBeGreaterThan(0);
  });
});
