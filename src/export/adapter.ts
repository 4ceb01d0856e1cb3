/**
 * A LoRA adapter in the layout of PEFT (github.com/huggingface/peft): `adapter_config.json`, and
 * `adapter_model.safetensors`, whose keys name the adapted modules. PEFT ignores a key that matches no module, so an
 * adapter with wrong keys loads and has no effect; reading and writing therefore check every key against the model.
 */

import { linearsOf, type Method, parametersOf, unknownTarget } from "../artifacts/method.ts";
import { readJson } from "../hub/bytes.ts";
import { decodeFloats, isFloat } from "../hub/elements.ts";
import { listSome } from "../hub/error.ts";
import type { ModelFiles } from "../hub/files.ts";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { type Shape, sameShape, sizeOf } from "../tensor/dtype.ts";
import { ExportError, jsonFile, type OutFile } from "./files.ts";

export type LoraMethod = Extract<Method, { kind: "lora" }>;

/** Tensors by Hone's names: `model.layers.0.self_attn.q_proj.lora_A.weight`. */
export type AdapterTensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

export interface ReadAdapter {
  readonly method: LoraMethod;
  readonly tensors: AdapterTensors;
  /** Name or address of its base model; null where the adapter does not name it. */
  readonly baseModel: string | null;
}

const configName = "adapter_config.json";
const weightsName = "adapter_model.safetensors";

/** PEFT's key of a tensor: its name in the model that transformers opens, after PEFT's prefix. */
const keyOf = ({ enclosing }: ModelDefinition, name: string) =>
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

export interface AdapterToWrite extends Omit<ReadAdapter, "baseModel"> {
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

/**
 * Reads an adapter and checks everything against the model. Throws ExportError or ModelError with file, field or key,
 * both values and the way out: for settings that Hone would compute differently, keys without a layer, missing keys,
 * wrong shapes or types, and numbers that are not finite.
 */
export async function readAdapter(
  files: ModelFiles,
  model: ModelDefinition,
  signal?: AbortSignal,
): Promise<ReadAdapter> {
  const options = signal ? { signal } : {};
  const { value } = await readJson(await files.open(configName, options), signal);
  const method = methodOf(value, model);
  const wanted = new Map(adapterTensors(model, method).map((tensor) => [keyOf(model, tensor.name), tensor]));
  const stored = (await readSafetensors(await files.open(weightsName, options), signal)).tensors;

  const [example = ""] = wanted.keys();
  for (const key of stored.keys()) {
    if (wanted.has(key)) continue;
    throw new ExportError(
      `${weightsName}: the key "${key}" belongs to no adapted layer of this model, so the tensor would have no effect. ` +
        `Keys have the form "${example}": save the adapter with PEFT's save_pretrained, or choose one of this model.`,
    );
  }
  const missing = [...wanted.keys()].filter((key) => !stored.has(key));
  if (missing.length > 0) {
    throw new ExportError(
      `${weightsName} lacks ${missing.length} of the ${wanted.size} tensors that ${configName} requires (${listSome(missing)}): ` +
        "save the adapter again, or name fewer target_modules.",
    );
  }
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [key, { name, shape }] of wanted) {
    const entry = stored.get(key);
    if (entry) tensors.set(name, await readTensor(entry, shape, method.rank, signal));
  }
  const { base_model_name_or_path: baseModel } = value;
  return { method, tensors, baseModel: typeof baseModel === "string" ? baseModel : null };
}

async function readTensor(entry: TensorEntry, shape: Shape, rank: number, signal: AbortSignal | undefined) {
  const { name, dtype, source, start, end } = entry;
  if (!sameShape(entry.shape, shape)) {
    throw new ExportError(
      `${weightsName}: "${name}" has the shape [${entry.shape.join(", ")}], but this model and r ${rank} of ${configName} ` +
        `require [${shape.join(", ")}]: choose both files of one adapter that was trained on this model.`,
    );
  }
  if (!isFloat(dtype)) {
    throw new ExportError(`${weightsName}: "${name}" is stored as ${dtype}: save the adapter as F32, F16 or BF16.`);
  }
  const values = decodeFloats(dtype, await source.slice(start, end, signal), new Float32Array(sizeOf(shape)));
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new ExportError(
      `${weightsName}: "${name}" contains ${values[at]}, which would spoil every answer: go back to an earlier checkpoint.`,
    );
  }
  return values;
}

/** PEFT computes something else with these fields, unless they are off. */
const unsupported = [
  "alora_invocation_tokens",
  "alpha_pattern",
  "arrow_config",
  "bias",
  "corda_config",
  "eva_config",
  "kasa_config",
  "layer_replication",
  "layers_to_transform",
  "lora_bias",
  "lora_ga_config",
  "megatron_config",
  "modules_to_save",
  "monteclora_config",
  "rank_pattern",
  "target_parameters",
  "trainable_token_indices",
  "use_bdlora",
  "use_dora",
  "use_qalora",
  "use_rslora",
  "velora_config",
];

const isOff = (value: unknown) =>
  value === undefined ||
  value === null ||
  value === false ||
  value === "none" ||
  (typeof value === "object" && Object.keys(value).length === 0);

function methodOf(json: Readonly<Record<string, unknown>>, model: ModelDefinition): LoraMethod {
  const refuse = (field: string, wanted: string) =>
    new ExportError(
      `${configName}: ${field} is ${JSON.stringify(json[field]) ?? "missing"}, but must be ${wanted}: train or save the adapter that way.`,
    );
  if (json.peft_type !== "LORA") throw refuse("peft_type", '"LORA"');
  if (json.task_type !== "CAUSAL_LM" && !isOff(json.task_type)) throw refuse("task_type", '"CAUSAL_LM"');
  for (const field of unsupported) if (!isOff(json[field])) throw refuse(field, "off");
  const { fan_in_fan_out: fanIn, exclude_modules: excluded } = json;
  const transposed = hasConv1D(model);
  // For Conv1D layers PEFT sets it, whatever the file has.
  if (!isOff(fanIn) && !(transposed && fanIn === true)) {
    throw refuse("fan_in_fan_out", transposed ? "true or false" : "off for a model without Conv1D layers");
  }
  if (!isOff(excluded) && excluded !== model.enclosing?.others) throw refuse("exclude_modules", "off");
  // Other initializations also change the base model's weights, and the adapter does not contain that change.
  const start = json.init_lora_weights;
  if (start !== undefined && typeof start !== "boolean" && start !== "gaussian") {
    throw refuse("init_lora_weights", 'true or "gaussian"');
  }
  const { r: rank, lora_alpha: alpha, target_modules: targets } = json;
  if (typeof rank !== "number" || !Number.isSafeInteger(rank) || rank < 1) throw refuse("r", "a whole number from 1");
  if (typeof alpha !== "number" || !(alpha > 0)) throw refuse("lora_alpha", "a number above 0");
  if (!Array.isArray(targets) || targets.length === 0 || !targets.every((target) => typeof target === "string")) {
    throw refuse("target_modules", "a list of layer names");
  }
  return { kind: "lora", rank, alpha, targets };
}
