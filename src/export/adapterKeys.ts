/**
 * Keys of an adapter's tensors, as tools write them. Wrappers of torch.compile, FSDP, DDP and gradient checkpointing, the name of
 * the adapter, and the outer modules of the model differ; the module below them does not.
 */

import { checkpointTensors, linearsIn, linearsOf } from "../artifacts/method.ts";
import { tensorName } from "../hub/error.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Linear } from "../nn/scope.ts";
import { cut } from "../tensor/quote.ts";
import { ExportError } from "./files.ts";
import { wayOut } from "./peftConfig.ts";

const wrappers = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module"]);
/** Names of the modules around a model's layers, embedding and last norm. */
const outer = new Set(["base_model", "model", "transformer", "gpt_neox", "language_model", "text_model"]);

/** A tensor of an adapter, by its key. */
export type AdapterKey =
  /** One of the two matrices of a module. */
  | { readonly kind: "lora"; readonly side: "A" | "B"; readonly adapter: string | null; readonly module: ModulePath }
  /** A whole tensor of the base model. */
  | { readonly kind: "whole"; readonly module: ModulePath }
  /** A second copy of a base tensor, which PEFT does not use. */
  | { readonly kind: "copy" };

export interface ModulePath {
  /** As PEFT matches it: without PEFT's prefix and without wrappers. */
  readonly inModel: string;
  /** Without the outer modules: `layers.0.self_attn.q_proj`. */
  readonly inner: string;
}

export function modulePath(path: string): ModulePath {
  const parts = path.split(".").filter((part) => !wrappers.has(part));
  const inPeft = parts[0] === "base_model" && parts[1] === "model" ? parts.slice(2) : parts;
  const first = inPeft.findIndex((part) => !outer.has(part));
  return { inModel: inPeft.join("."), inner: inPeft.slice(first < 0 ? inPeft.length : first).join(".") };
}

const lora = /^(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/;
/** Tensors of PEFT's variants of LoRA, and how a message names them. */
const variants: readonly (readonly [RegExp, string])[] = [
  [/\.lora_magnitude_vector/, "the magnitudes of DoRA"],
  [/\.lora_embedding_[AB]/, "an adapter of the embedding"],
  [/\.lora_[AB](?:\.[^.]+)?\.bias$/, "a bias of the adapter (lora_bias)"],
  [/\.trainable_tokens_/, "trained rows of the embedding (trainable_token_indices)"],
  [/\.lora_/, "a variant of LoRA"],
];

/** Throws ExportError for a tensor of a variant that Hone's LoRA does not have. */
export function readKey(file: string, key: string): AdapterKey {
  const found = lora.exec(key);
  if (found) {
    const [, path = "", side, adapter = null] = found;
    return { kind: "lora", side: side as "A" | "B", adapter, module: modulePath(path) };
  }
  const variant = variants.find(([form]) => form.test(key));
  if (variant) {
    throw new ExportError(
      `${cut(file)}: ${tensorName(key)} is ${variant[1]}, but Hone's LoRA has two matrices beside a linear layer: ${wayOut}.`,
    );
  }
  const parts = key.split(".");
  if (parts.includes("original_module")) return { kind: "copy" };
  const saved = parts.indexOf("modules_to_save");
  // The adapter's name follows, if it is there.
  const named = saved >= 0 && parts.length - saved > 2 ? 2 : 1;
  const plain = (saved < 0 ? parts : parts.toSpliced(saved, named)).filter((part) => part !== "base_layer");
  return { kind: "whole", module: modulePath(plain.join(".")) };
}

/** The model's linear layers by their paths without outer modules. */
export const innerLinears = (model: ModelDefinition): ReadonlyMap<string, Linear> =>
  new Map(linearsIn(model).map((linear) => [modulePath(linear.path).inner, linear]));

/** The error for an adapted module that the model does not have: names the layer or the module, and what there is. */
export function unknownModule(file: string, key: string, { inner }: ModulePath, model: ModelDefinition): ExportError {
  const whole = checkpointTensors(model).find(({ name }) => modulePath(name).inner === `${inner}.weight`);
  if (whole || `${inner}.weight` === modulePath(model.headTensor).inner) {
    return new ExportError(
      `${cut(file)}: ${tensorName(key)} adapts ${cut(inner)}, but Hone's LoRA is beside the linear layers within the model's layers: ${wayOut}.`,
    );
  }
  const container = modulePath(model.layerName(0)).inner.replace(/\.0$/, "");
  const [, layer, module] = new RegExp(`^${container}\\.(\\d+)\\.(.+)$`).exec(inner) ?? [];
  const count = model.layers.length;
  const choose = "choose an adapter of this base model, or open its base under Model";
  if (layer !== undefined && Number(layer) >= count) {
    return new ExportError(
      `${cut(file)}: ${tensorName(key)} is of layer ${cut(layer, 12)}, but this model has ${count} layers, from 0 to ${count - 1}: ${choose}.`,
    );
  }
  const names = linearsOf(model).map(({ name }) => name);
  return new ExportError(
    `${cut(file)}: ${tensorName(key)} adapts ${cut(module ?? inner)}, but this model's linear layers are ${names.join(", ")}: ${choose}.`,
  );
}
