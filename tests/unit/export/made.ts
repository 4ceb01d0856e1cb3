/** A small model in any stored type with a trained adapter, opened as a user's is. */

import { type Method, parametersOf, tensorsOfConfig } from "../../../src/artifacts/method.ts";
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
  /** A stored head of the tied model: a copy of the embedding, or one with other values. */
  readonly head?: "equal" | "other";
  /** Stands in the file where the architecture has "model.". */
  readonly prefix?: string;
  /** More files, by name. */
  readonly texts?: Readonly<Record<string, string>>;
}

/** The opened base model, and everything that its export needs. */
export async function openBase(change: Change = {}) {
  const { dtype = "F32", added = ["<|end|>"], extra = [], head, prefix = "model." } = change;
  const json = { ...tinyConfig, vocab_size: 280, ...change.config };
  const random = createRandom(3);
  const untied = head !== undefined;
  const tensors = parametersOf(defineModel(json, { untied }), null).map(({ name, shape }): StoredTensor => {
    const ones = name.includes("norm");
    const values = Float32Array.from({ length: sizeOf(shape) }, () => (ones ? 1 : 0.3 * random.normal()));
    return { name: name.replace(/^model\./, prefix), shape, dtype, data: encodeFloats(dtype, values) };
  });
  const embedding = tensors.find(({ name }) => name.endsWith("embed_tokens.weight"));
  const stored = tensors.map((tensor) =>
    embedding && head === "equal" && tensor.name === "lm_head.weight" ? { ...tensor, data: embedding.data } : tensor,
  );
  const files = byteLevelTokenizer({ added });
  const tokenizerConfig = change.tokenizerConfig === undefined ? files.config : change.tokenizerConfig;
  const bytes = (name: string, text: string) => bytesFromMemory(name, new TextEncoder().encode(text));
  const text = (name: string, value: unknown) => bytes(name, JSON.stringify(value));
  const sources = [
    text("config.json", json),
    text("tokenizer.json", files.json),
    ...(tokenizerConfig ? [text("tokenizer_config.json", tokenizerConfig)] : []),
    ...(change.generationConfig ? [text("generation_config.json", change.generationConfig)] : []),
    ...Object.entries(change.texts ?? {}).map(([name, content]) => bytes(name, content)),
    bytesFromMemory("model.safetensors", writeSafetensors([...stored, ...extra])),
  ];
  const opened = await openModel(modelFromSources("base", sources), tensorsOfConfig);
  const model = defineModel(json, { untied: opened.untied });
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const templates = (trained: TrainedTemplate) =>
    templateWriter(trained, { tokenizer, chatTemplate: opened.chatTemplate });
  return { opened, model, tokenizer, vocabulary: tokenizer, templates, json };
}
