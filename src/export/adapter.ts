/**
 * Writes a LoRA adapter in the layout of PEFT (github.com/huggingface/peft): `adapter_config.json`, and
 * `adapter_model.safetensors`, whose keys name the adapted modules.
 */

import { linearsOf, parametersOf, unknownTarget } from "../artifacts/method.ts";
import { writeSafetensors } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import type { AdapterTensors, LoraMethod } from "./combinePairs.ts";
import { ExportError, jsonFile, type OutFile } from "./files.ts";
import { configName } from "./peftConfig.ts";
import { weightsName } from "./readAdapter.ts";

/** PEFT's key of a tensor: its name in the model that transformers opens, after PEFT's prefix. */
export const keyOf = ({ enclosing }: ModelDefinition, name: string) =>
  `base_model.model.${enclosing ? name.replace(/^model(?=\.)/, enclosing.path) : name}`;

/** The tensors of an adapter, by Hone's names. Throws when the model has no linear layer with a target's name. */
export function adapterTensors(model: ModelDefinition, method: LoraMethod): { name: string; shape: Shape }[] {
  const unknown = unknownTarget(model, method.targets);
  if (unknown !== undefined) {
    throw new ExportError(
      `${configName}: target_modules names "${unknown}", but this model's layers for an adapter are ` +
        `${linearsOf(model)
          .map(({ name }) => name)
          .join(", ")}: choose an adapter that was trained on this model.`,
    );
  }
  return parametersOf(model, method)
    .filter(({ source }) => source.kind !== "checkpoint")
    .map(({ name, shape }) => ({ name, shape }));
}

/**
 * Whether the weights of an adapter's layers stand as [in, out] in the model's files. PEFT names that fan_in_fan_out; both
 * matrices of an adapter have the same shapes either way.
 */
export const hasConv1D = (model: ModelDefinition): boolean =>
  parametersOf(model, null).some(({ source }) => source.kind === "checkpoint" && source.tensor.transposed);

export interface AdapterToWrite {
  readonly method: LoraMethod;
  readonly tensors: AdapterTensors;
  readonly model: ModelDefinition;
  readonly baseModel: string;
}

/** Both files. Throws when a tensor is missing or its size does not match the method. */
export function writeAdapter({ model, method, baseModel, tensors }: AdapterToWrite): OutFile[] {
  const stored = adapterTensors(model, method).map(({ name, shape }) => {
    const data = tensors.get(name);
    if (data?.length === sizeOf(shape)) return { name: keyOf(model, name), dtype: "F32" as const, shape, data };
    throw new ExportError(
      `The adapter has ${data ? `${data.length} numbers` : "no tensor"} for ${name}, whose shape is [${shape.join(", ")}]: ` +
        "resume the run until its next checkpoint, then export it.",
    );
  });
  return [
    jsonFile(configName, {
      alpha_pattern: {},
      auto_mapping: null,
      base_model_name_or_path: baseModel,
      bias: "none",
      exclude_modules: model.enclosing?.others ?? null,
      fan_in_fan_out: hasConv1D(model),
      inference_mode: true,
      init_lora_weights: true,
      layers_pattern: null,
      layers_to_transform: null,
      lora_alpha: method.alpha,
      lora_dropout: 0,
      modules_to_save: null,
      peft_type: "LORA",
      r: method.rank,
      rank_pattern: {},
      revision: null,
      target_modules: method.targets,
      task_type: "CAUSAL_LM",
      use_dora: false,
      use_rslora: false,
    }),
    { name: weightsName, content: new Blob([writeSafetensors(stored, { format: "pt" })]) },
  ];
}
