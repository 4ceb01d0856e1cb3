/** Quantised models, by the fields of `config.json` and by the names of their tensors: they are refused by method. */

import { cut, quote } from "../tensor/quote.ts";
import { isObject } from "./bytes.ts";
import { ModelError, tensorName } from "./error.ts";

type Json = Readonly<Record<string, unknown>>;

/** Names of the methods as their projects write them, by `quant_method`. */
const titles: Readonly<Record<string, string>> = {
  aqlm: "AQLM",
  "auto-round": "AutoRound",
  awq: "AWQ",
  bitnet: "BitNet",
  bitsandbytes: "bitsandbytes",
  "compressed-tensors": "compressed-tensors",
  eetq: "EETQ",
  fbgemm_fp8: "FBGEMM FP8",
  fp8: "FP8",
  gptq: "GPTQ",
  higgs: "HIGGS",
  hqq: "HQQ",
  modelopt: "ModelOpt",
  mxfp4: "MXFP4",
  quanto: "Quanto",
  spqr: "SpQR",
  torchao: "torchao",
  vptq: "VPTQ",
};

/** Throws a `ModelError` that names the method and what to open instead, where the config says that weights are quantised. */
export function refuseQuantised(config: Json, modelName: string | null): void {
  const parts: readonly (readonly [string, Json])[] = [
    ["", config],
    ...(isObject(config.text_config) ? [["text_config.", config.text_config] as const] : []),
  ];
  for (const [path, part] of parts) {
    const found = methodOf(part);
    if (found === null) continue;
    throw new ModelError(
      `config.json: ${path}${found.field} says that the weights are quantised (${found.method}), and quantised weights cannot be ` +
        `trained: ${remedy(config, modelName)}`,
    );
  }
}

/** The field and the method with its bits; null for weights that are not quantised. */
function methodOf(config: Json): { readonly field: string; readonly method: string } | null {
  for (const field of ["quantization_config", "compression_config"]) {
    const value = config[field] ?? null;
    if (value === null) continue;
    if (!isObject(value)) return { field, method: quote(value) };
    // transformers opens such a folder as it is: bitsandbytes is named but off.
    const isOff = value.load_in_4bit === false && value.load_in_8bit === false;
    if (value.quant_method === "bitsandbytes" && isOff) continue;
    return { field, method: named(value) };
  }
  const mlx = config.quantization ?? null;
  if (mlx === null) return null;
  return { field: "quantization", method: withBits("MLX", isObject(mlx) ? mlx.bits : undefined) };
}

function named(value: Json): string {
  const { quant_method: method, quant_algo: algorithm } = value;
  const title =
    typeof method === "string"
      ? (titles[method] ?? cut(method))
      : value.load_in_4bit !== undefined || value.load_in_8bit !== undefined
        ? "bitsandbytes"
        : "unknown method";
  if (typeof algorithm === "string") return `${title}, ${cut(algorithm)}`;
  const bits = value.load_in_4bit === true ? 4 : value.load_in_8bit === true ? 8 : null;
  return withBits(title, bits ?? value.bits ?? value.w_bit ?? value.nbits ?? value.num_bits);
}

const withBits = (title: string, bits: unknown) =>
  typeof bits === "number" ? `${title}, ${cut(String(bits))} bit` : title;

/** The part of a model's name that names its quantisation, to the end. */
const suffix =
  /[-_.](?:unsloth|bnb|mlx|gptq|awq|hqq|aqlm|exl2|fp8|mxfp4|nvfp4|int[248]|w[48]a(?:4|8|16)|[2-8][-_]?bits?|q[2-8]|quanti[sz]ed)(?:[-_.].*)?$/i;

/** The end of a sentence: the original, if config or name tell it. */
function remedy(config: Json, modelName: string | null): string {
  const { _name_or_path: path, base_model_name_or_path: base } = config;
  const ids = [base, path].filter((id) => typeof id === "string" && /^[\w-][\w.-]*\/[\w.-]+$/.test(id));
  const original = ids.find((id) => !suffix.test(String(id)));
  if (original !== undefined) return `open the original, ${cut(String(original), 100)}.`;
  const guess = [...ids, modelName]
    .map((id) => String(id ?? "").replace(/^.*\//, ""))
    .find((name) => suffix.test(name));
  if (guess === undefined) return "open the original, which is not quantised.";
  return `open the original, whose name is probably ${cut(guess.replace(suffix, ""))}.`;
}

/** Endings of the names of tensors that only one method writes. */
const marks: readonly (readonly [RegExp, string])[] = [
  [/\.(?:qweight|qzeros|g_idx)$/, "GPTQ or AWQ"],
  [/\.(?:absmax|nested_absmax|quant_map|nested_quant_map)$|\.quant_state\.bitsandbytes__/, "bitsandbytes, 4 bit"],
  [/\.(?:SCB|weight_format)$/, "bitsandbytes, 8 bit"],
  [/\.weight_scale_inv$/, "FP8"],
  [/\.weight_scale_2$/, "ModelOpt"],
  [/\.(?:weight_packed|weight_scale|weight_shape|weight_zero_point|weight_g_idx)$/, "compressed-tensors"],
  [/_(?:blocks|scales)$/, "MXFP4"],
  [/\.W_q$/, "HQQ"],
  [/\.weight\._(?:data|scale|shift)$/, "Quanto"],
  [/\.(?:codebooks|codes)$/, "AQLM"],
  [/\.scales$/, "MLX"],
];

/** Tensors that a folder has besides plain weights, and that change them. */
const adapters = /\.(?:lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|base_layer)(?:\.|$)/;

/**
 * Throws a `ModelError` where the names show that the model is quantised, or has an adapter that is not merged. Such
 * tensors change the weights, so a model without them would compute something else.
 */
export function refuseChanged(names: Iterable<string>, config: Json, modelName: string | null): void {
  for (const name of names) {
    if (adapters.test(name)) {
      throw new ModelError(
        `The files have the tensor ${tensorName(name)} of an adapter that is not merged into its weights: merge it with PEFT's ` +
          "merge_and_unload() and save the model again, or open the base model.",
      );
    }
    const method = marks.find(([mark]) => mark.test(name))?.[1];
    if (method === undefined) continue;
    throw new ModelError(
      `The files have the tensor ${tensorName(name)}, so the weights are quantised (${method}), and quantised weights cannot be ` +
        `trained: ${remedy(config, modelName)}`,
    );
  }
}
