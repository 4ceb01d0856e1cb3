/** A small model in any stored type with a trained adapter, opened as a user's is. */

import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import type { TrainedTensors } from "../../../src/export/files.ts";
import type { TrainedTemplate } from "../../../src/export/template.ts";
import { encodeFloats, type FloatDType } from "../../../src/hub/elements.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { openModel } from "../../../src/hub/model.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { defineModel } from "../../../src/models/define.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { templateWriter } from "../../support/templateWriter.ts";
import { tinyConfig } from "../../support/tinyLlama.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

export const everyTarget = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
export const lora: Extract<Method, { kind: "lora" }> = { kind: "lora", rank: 4, alpha: 12, targets: everyTarget };

type Values = Map<string, Float32Array<ArrayBuffer>>;

/** Seeded values of every tensor that a method trains. */
export function trainedValues(model: ModelDefinition, method: Method, seed = 7): Values {
  const random = createRandom(seed);
  const specs = parametersOf(model, method).filter(({ trainable }) => trainable);
  return new Map(
    specs.map(({ name, shape }) => [name, Float32Array.from({ length: sizeOf(shape) }, () => 0.3 * random.normal())]),
  );
}

export const givenBy =
  (values: Values): TrainedTensors =>
  async (visit) => {
    for (const [name, data] of values) await visit(name, data);
  };

interface Change {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly dtype?: FloatDType;
  /** Special tokens of the tokenizer besides <s> and </s>. */
  readonly added?: readonly string[];
  readonly tokenizerConfig?: Readonly<Record<string, unknown>> | null;
  readonly generationConfig?: Readonly<Record<string, unknown>>;
  /** Tensors in the file besides those of the architecture. */
  readonly extra?: readonly StoredTensor[];
}

/** The opened base model, and everything that its export needs. */
export async function openBase(change: Change = {}) {
  const { dtype = "F32", added = ["<|end|>"], extra = [] } = change;
  const json = { ...tinyConfig, vocab_size: 280, ...change.config };
  const model = defineModel(json);
  const random = createRandom(3);
  const tensors = parametersOf(model, null).map(({ name, shape }): StoredTensor => {
    const ones = name.includes("norm");
    const values = Float32Array.from({ length: sizeOf(shape) }, () => (ones ? 1 : 0.3 * random.normal()));
    return { name, shape, dtype, data: encodeFloats(dtype, values) };
  });
  const files = byteLevelTokenizer({ added });
  const tokenizerConfig = change.tokenizerConfig === undefined ? files.config : change.tokenizerConfig;
  const text = (name: string, value: unknown) => bytesFromMemory(name, new TextEncoder().encode(JSON.stringify(value)));
  const sources = [
    text("config.json", json),
    text("tokenizer.json", files.json),
    ...(tokenizerConfig ? [text("tokenizer_config.json", tokenizerConfig)] : []),
    ...(change.generationConfig ? [text("generation_config.json", change.generationConfig)] : []),
    bytesFromMemory("model.safetensors", writeSafetensors([...tensors, ...extra])),
  ];
  const opened = await openModel(modelFromSources("base", sources), () => parametersOf(model, null));
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const templates = (trained: TrainedTemplate) =>
    templateWriter(trained, { tokenizer, chatTemplate: opened.chatTemplate });
  return { opened, model, tokenizer, vocabulary: tokenizer, templates, json };
}
