/**
 * `adapter_config.json` of an adapter that another tool wrote, as PEFT 0.21 reads it: which layers it names, and the scale of
 * each. Fields with which PEFT computes more than LoRA are refused by name.
 */

import { isObject } from "../hub/bytes.ts";
import { isTarget } from "../nn/scope.ts";
import { quote } from "../tensor/quote.ts";
import { ExportError } from "./files.ts";

export const configName = "adapter_config.json";

type Json = Readonly<Record<string, unknown>>;

export interface PeftConfig {
  /** Whether PEFT puts an adapter on the module of this path; null where Hone does not evaluate its pattern. */
  names(path: string): boolean | null;
  /** Names of `target_modules`; null for a pattern or "all-linear". */
  readonly targets: readonly string[] | null;
  /** The rank and the scale of a module: alpha / r, or alpha / √r with rsLoRA. Both are of its own patterns. */
  rankOf(path: string): number;
  scaleOf(path: string): number;
  /** Name or address of its base model; null where it names none. */
  readonly baseModel: string | null;
  /** For the user, a sentence each. */
  readonly notes: readonly string[];
}

/** The end of each refusal of more than LoRA. */
export const wayOut = "merge it in PEFT (merge_and_unload) and open the saved model here";

/** Fields with which PEFT computes something else, unless they are off. */
const beyondLora = [
  "alora_invocation_tokens",
  "arrow_config",
  "kasa_config",
  "layer_replication",
  "lora_bias",
  "megatron_config",
  "monteclora_config",
  "target_parameters",
  "trainable_token_indices",
  "use_bdlora",
  "use_dora",
  "use_qalora",
  "velora_config",
];

/** Fields of the same form that change only the start or the speed. */
const harmless = ["corda_config", "eva_config", "loftq_config", "lora_ga_config", "runtime_config", "use_rslora"];

/** The first field that is on, and by its name may change the mathematics in a PEFT after 0.21. */
const newerField = (json: Json) =>
  Object.keys(json).find((field) => /^use_|_config$/.test(field) && !harmless.includes(field) && !isOff(json[field]));

/** Starts that leave the base model's weights unchanged; the others subtract a part that the adapter's files do not have. */
const harmlessStarts: readonly unknown[] = [undefined, null, true, false, "gaussian", "eva", "orthogonal", "mica"];

const isOff = (value: unknown) =>
  value === undefined ||
  value === null ||
  value === false ||
  value === "none" ||
  (typeof value === "object" && Object.keys(value).length === 0);

const refuse = (json: Json, field: string, wanted: string, way = "train or save the adapter that way") =>
  new ExportError(
    `${configName}: ${field} is ${field in json ? quote(json[field]) : "missing"}, but must be ${wanted}: ${way}.`,
  );

/** Reads the fields. Throws ExportError with the field, both values and the way out. */
export function readPeftConfig(json: Json): PeftConfig {
  if (json.peft_type !== "LORA") {
    const mlx = "fine_tune_type" in json || "lora_parameters" in json;
    throw refuse(
      json,
      "peft_type",
      '"LORA"',
      mlx ? "MLX writes its own form: convert the adapter to PEFT's" : undefined,
    );
  }
  if (json.task_type !== "CAUSAL_LM" && !isOff(json.task_type)) throw refuse(json, "task_type", '"CAUSAL_LM"');
  for (const field of beyondLora) {
    if (!isOff(json[field])) throw refuse(json, field, "off: Hone trains LoRA alone", wayOut);
  }
  const newer = newerField(json);
  if (newer !== undefined) throw refuse(json, newer, "off: Hone does not know this field of a newer PEFT", wayOut);
  const start = json.init_lora_weights;
  if (!harmlessStarts.includes(start)) {
    throw refuse(
      json,
      "init_lora_weights",
      'true, false, "gaussian", "eva", "orthogonal" or "mica"',
      "it also changes the base model: save it with path_initial_model_for_weight_conversion, or merge it in PEFT",
    );
  }
  const { base_model_name_or_path: baseModel, lora_dropout: dropout } = json;
  const ranks = patternOf(json, "rank_pattern");
  const alphas = patternOf(json, "alpha_pattern");
  const rank = json.r ?? 8;
  const alpha = json.lora_alpha ?? 8;
  if (typeof rank !== "number" || !isRank(rank)) throw refuse(json, "r", "a whole number from 1");
  if (typeof alpha !== "number" || !Number.isFinite(alpha)) throw refuse(json, "lora_alpha", "a number");
  const rankOf = (path: string) => ranks(path) ?? rank;
  const { targets, names } = targetsOf(json);
  return {
    targets,
    names,
    rankOf,
    scaleOf: (path) => (alphas(path) ?? alpha) / (isOff(json.use_rslora) ? rankOf(path) : Math.sqrt(rankOf(path))),
    baseModel: typeof baseModel === "string" && baseModel !== "" ? baseModel : null,
    notes:
      typeof dropout === "number" && dropout > 0
        ? [`It was trained with a dropout of ${dropout}, which answers do not have. Hone trains without dropout.`]
        : [],
  };
}

const isRank = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;

/** The number of the first pattern that matches a path, as PEFT finds it; null without one. */
function patternOf(json: Json, field: "rank_pattern" | "alpha_pattern"): (path: string) => number | null {
  const given = json[field];
  if (isOff(given)) return () => null;
  if (!isObject(given)) throw refuse(json, field, "an object of names and numbers");
  const rows = Object.entries(given).map(([pattern, value]): [RegExp, number] => {
    const fits = field === "rank_pattern" ? isRank(value) : typeof value === "number" && Number.isFinite(value);
    const expression = safePattern(pattern, "(?:.*\\.)?");
    if (fits && expression) return [expression, value as number];
    throw new ExportError(
      `${configName}: ${field} has ${quote(pattern)}: ${quote(value)}, but Hone reads a module's name, or a simple pattern, and ` +
        "a number: write out the modules' names.",
    );
  });
  return (path) => rows.find(([expression]) => expression.test(path))?.[1] ?? null;
}

/** Whether PEFT adapts a path, by `target_modules`, `exclude_modules`, `layers_to_transform` and `layers_pattern`. */
function targetsOf(json: Json): Pick<PeftConfig, "targets" | "names"> {
  const { target_modules: wanted, exclude_modules: excluded, layers_to_transform: indices, layers_pattern: at } = json;
  const isNames = (value: unknown): value is readonly string[] =>
    Array.isArray(value) && value.every((name) => typeof name === "string");
  if (wanted !== undefined && wanted !== null && typeof wanted !== "string" && !isNames(wanted)) {
    throw refuse(json, "target_modules", "a list of layer names, a pattern, or left out");
  }
  if (typeof excluded !== "string" && !isOff(excluded) && !isNames(excluded)) {
    throw refuse(json, "exclude_modules", "a list of layer names or a pattern");
  }
  const layers = typeof indices === "number" ? [indices] : isOff(indices) ? null : indices;
  if (layers !== null && !(Array.isArray(layers) && layers.every((layer) => Number.isSafeInteger(layer)))) {
    throw refuse(json, "layers_to_transform", "a list of layer numbers");
  }
  const containers = typeof at === "string" ? [at] : isNames(at) && at.length > 0 ? at : null;
  const matches = (value: unknown, path: string): boolean | null => {
    if (isNames(value)) return isTarget(path, value);
    if (value === "all-linear" || typeof value !== "string") return null;
    return safePattern(value)?.test(path) ?? null;
  };
  const layerOf = (path: string) =>
    containers
      ? containers.map((name) => path.match(new RegExp(`\\.${escaped(name)}\\.(\\d+)\\.`))?.[1]).find(Boolean)
      : path.match(/\.[^.]*\.(\d+)\./)?.[1];
  return {
    targets: isNames(wanted) ? wanted : null,
    names(path) {
      if (!isOff(excluded) && matches(excluded, path)) return false;
      const named = matches(wanted, path);
      // With a pattern PEFT refuses layers_to_transform.
      if (named !== true || layers === null || !isNames(wanted) || wanted.includes(path)) return named;
      return layers.includes(Number(layerOf(path)));
    },
  };
}

const escaped = (name: string) => name.replace(/[^\w]/g, "\\$&");

/** Repeated groups, flags, look-around, and escapes other than of a character, a class of characters or a word's end. */
const unsafe = /\)[*+?{]|\(\?[^:]|\\[^.dwsb\\/_\-()[\]{}^$*+?|]/;
const mostRepetitions = 3;

/**
 * The expression of a foreign pattern for a whole path, after `before`; null for one that could take long, or that JavaScript
 * may read otherwise than Python.
 */
function safePattern(pattern: string, before = ""): RegExp | null {
  const repetitions = pattern.match(/[*+{]/g)?.length ?? 0;
  if (pattern.length > 1000 || repetitions > mostRepetitions || unsafe.test(pattern)) return null;
  try {
    return new RegExp(`^${before}(?:${pattern})$`);
  } catch {
    return null;
  }
}
