/** Where each setting of a recipe stands in each trainer's config, and what a trainer does otherwise. */

import type { Recipe } from "../../run/recipe.ts";
import type { Stage } from "../../run/stage.ts";
import type { LoraRecipe } from "../../run/trainFields.ts";
import { axolotlConfig } from "./axolotl.ts";
import { type HandOverFacts, type StageFacts, saveEvery, warmupSteps } from "./facts.ts";
import { llamaFactoryConfig } from "./llamaFactory.ts";
import { trlConfig } from "./trl.ts";
import { unslothModel, unslothTraining } from "./unsloth.ts";
import type { Config, ConfigValue } from "./values.ts";

export const trainers = ["TRL", "Axolotl", "LLaMA-Factory", "Unsloth"] as const;

export type Trainer = (typeof trainers)[number];

/** A setting's key in each config, else where it is applied: in the rows, in `start`, in a script; null where nowhere. */
type Keys = Readonly<Record<Trainer, string | null>>;

interface Handed {
  readonly label: string;
  readonly keys: Keys;
  /** What differs, for people; null where nothing does. */
  readonly note?: (facts: HandOverFacts, stage: StageFacts) => string | null;
}

type Field = Exclude<keyof Recipe, "stages" | "lora"> | keyof LoraRecipe | keyof Stage;

const all = (key: string): Keys => ({ TRL: key, Axolotl: key, "LLaMA-Factory": key, Unsloth: key });
const inRows = all("(in the rows)");
const none: Keys = { TRL: null, Axolotl: null, "LLaMA-Factory": null, Unsloth: null };

/** The rates of the other trainers begin at 0, and Hone's at one step of the warm-up. */
const warmupNote = (_: HandOverFacts, stage: StageFacts) => {
  const steps = warmupSteps(stage);
  if (steps === 0) return null;
  return `Step s of ${steps} warm-up steps has s/${steps + 1} of the peak in Hone and in trl/train.py, (s−1)/${steps} in the others; all later rates are equal.`;
};

const epochNote = (_: HandOverFacts, { planned }: StageFacts) =>
  `The run has ${planned} optimizer steps. TRL follows stage-N/order.jsonl; the others repeat the order of the first epoch, and a short last micro-batch takes rows of the next epoch.`;

const quantNote = ({ recipe: { method, weights } }: HandOverFacts) =>
  method === "full" || weights === "auto" || weights === "float32"
    ? null
    : weights === "float16"
      ? "Hone stores frozen weights in 16 bits; here they have 32 bits, which changes nothing that Hone's 16 bits had."
      : `Hone stores frozen weights as ${weights} in blocks of 32, which none of the four reads: here they have 32 bits. The nearest setting is load_in_4bit or load_in_8bit (bitsandbytes), with other roundings.`;

const handed: Readonly<Record<Field, Handed>> = {
  method: {
    label: "Method",
    keys: { TRL: "(trl/train.py)", Axolotl: "adapter", "LLaMA-Factory": "finetuning_type", Unsloth: "full_finetuning" },
  },
  rank: {
    label: "LoRA rank",
    keys: { TRL: "(start)", Axolotl: "lora_r", "LLaMA-Factory": "lora_rank", Unsloth: "(start)" },
  },
  alpha: {
    label: "LoRA alpha",
    keys: { TRL: "(start)", Axolotl: "lora_alpha", "LLaMA-Factory": "lora_alpha", Unsloth: "(start)" },
    note: ({ recipe: { lora } }) =>
      Number.isInteger(lora.alpha)
        ? null
        : `Axolotl and LLaMA-Factory take whole numbers; both load start/adapter_config.json, which has ${lora.alpha}.`,
  },
  targets: {
    label: "LoRA targets",
    keys: { TRL: "(start)", Axolotl: "lora_target_modules", "LLaMA-Factory": "lora_target", Unsloth: "(start)" },
  },
  template: {
    label: "Template",
    keys: {
      TRL: "chat_template_path",
      Axolotl: "chat_template_jinja",
      "LLaMA-Factory": "(in the rows)",
      Unsloth: "(in the rows)",
    },
  },
  systemPrompt: { label: "System prompt", keys: { ...inRows, TRL: "(in the template)" } },
  mask: { label: "Loss mask", keys: { ...inRows, TRL: "assistant_only_loss" } },
  turns: { label: "Answers of a conversation", keys: inRows },
  reasoning: { label: "Reasoning", keys: inRows },
  maxLength: {
    label: "Maximum length",
    keys: { TRL: "max_length", Axolotl: "sequence_len", "LLaMA-Factory": "cutoff_len", Unsloth: "max_length" },
  },
  truncation: { label: "Truncation", keys: { ...inRows, TRL: "truncation_mode" } },
  packing: {
    label: "Packing",
    keys: { TRL: "packing", Axolotl: "sample_packing", "LLaMA-Factory": "packing", Unsloth: "packing" },
    note: ({ recipe: { packing } }) =>
      packing
        ? "Hone packs rows by best fit. TRL takes the rows of each packed micro-batch unpacked: the same loss and gradients, with padding. Axolotl packs in its own way and needs FlashAttention; LLaMA-Factory and Unsloth do not pack ready tokens."
        : null,
  },
  batchSize: {
    label: "Micro-batch size",
    keys: { ...all("per_device_train_batch_size"), Axolotl: "micro_batch_size" },
    note: () => "On several processes each takes this many rows.",
  },
  accumulation: {
    label: "Gradient accumulation",
    keys: all("gradient_accumulation_steps"),
    note: () =>
      "For the same steps on several processes divide it by their number. trl/train.py does so itself, and fills short steps up.",
  },
  maxGradNorm: {
    label: "Gradient clipping",
    keys: all("max_grad_norm"),
    note: ({ recipe }) => (recipe.maxGradNorm === null ? "0 is off." : null),
  },
  weightDecay: {
    label: "Weight decay",
    keys: all("weight_decay"),
    note: ({ recipe: { weightDecay, method } }) =>
      weightDecay > 0 && method === "full"
        ? "Hone and trl/train.py decay every trained tensor; the others leave out biases and norms."
        : null,
  },
  beta1: { label: "AdamW beta 1", keys: all("adam_beta1") },
  beta2: { label: "AdamW beta 2", keys: all("adam_beta2") },
  epsilon: { label: "AdamW epsilon", keys: all("adam_epsilon") },
  validationShare: { label: "Held-out share", keys: inRows },
  evaluateEvery: { label: "Validation interval", keys: all("eval_steps") },
  checkpointEvery: {
    label: "Checkpoint interval",
    keys: all("save_steps"),
    note: ({ recipe }, stage) =>
      saveEvery(recipe, stage) === recipe.checkpointEvery
        ? null
        : `Hone saves every ${recipe.checkpointEvery} steps; here every ${recipe.evaluateEvery}, because the best checkpoint must be saved where it was validated.`,
  },
  keepLast: {
    label: "Stored checkpoints",
    keys: all("save_total_limit"),
    note: () => "The best one counts among them; in Hone it is one more.",
  },
  patience: {
    label: "Early stopping",
    keys: {
      TRL: "(trl/train.py)",
      Axolotl: "early_stopping_patience",
      "LLaMA-Factory": "early_stopping_steps",
      Unsloth: "(unsloth/train.py)",
    },
  },
  bestBy: {
    label: "Best checkpoint by",
    keys: all("metric_for_best_model"),
    note: () => "The loss on the held-out rows of the stage, as the mean over batches; Hone's is the mean over tokens.",
  },
  samplePrompts: { label: "Sample prompts", keys: none },
  watchEvery: { label: "Snapshot interval", keys: none },
  forgetting: { label: "Forgetting meter", keys: none },
  seed: {
    label: "Seed",
    keys: all("seed"),
    note: () => "Split, order and first adapter weights come with the zip, because Hone's random numbers are its own.",
  },
  weights: {
    label: "Base weights",
    keys: { TRL: "(trl/train.py)", Axolotl: "float32", "LLaMA-Factory": "pure_bf16", Unsloth: "dtype" },
    note: quantNote,
  },
  compute: {
    label: "Products in",
    keys: all("bf16"),
    note: ({ recipe: { compute } }) =>
      compute === "float16"
        ? "Hone multiplies in 16 bits and sums in 32; here all is in 32 bits. The nearest setting is bf16: true."
        : "32 bits, as in Hone. bf16: true is faster, with other roundings.",
  },
  program: { label: "Compiled as", keys: none },
  objective: { label: "Objective", keys: inRows },
  preference: { label: "Preferences", keys: none },
  sources: {
    label: "Source weights λ",
    keys: none,
    note: (facts, stage) => lambdaNote(facts, stage),
  },
  mixture: { label: "Source weighting", keys: none },
  learningRate: { label: "Learning rate", keys: all("learning_rate") },
  epochs: { label: "Epochs", keys: { ...all("num_train_epochs"), Axolotl: "num_epochs" } },
  steps: { label: "Optimizer steps", keys: all("max_steps"), note: epochNote },
  schedule: { label: "Schedule", keys: { ...all("lr_scheduler_type"), Axolotl: "lr_scheduler" } },
  warmupRatio: { label: "Warm-up", keys: all("warmup_steps"), note: warmupNote },
  replay: {
    label: "Share of general text",
    keys: none,
    note: (_, { replay }) =>
      replay > 0
        ? "TRL follows Hone's draws of general text in stage-N/order.jsonl; the others take each of its rows once in an epoch."
        : null,
  },
};

function lambdaNote({ weighted }: HandOverFacts, { mixture, sources }: StageFacts): string | null {
  const differ = sources?.some(({ lambda }) => lambda !== 1) ?? false;
  if (mixture === "sampling" && differ) {
    return "λ decides how often Hone draws each row. TRL follows these draws in stage-N/order.jsonl; the others take every row once in an epoch.";
  }
  if (!weighted) return null;
  return "λ and the rows' own loss weights stand in stage-N/weights. trl/train.py uses them in training; the others take every label with weight 1.";
}

/** The configs of a stage. */
export function configsOf(facts: HandOverFacts, stage: StageFacts): Readonly<Record<Trainer, Config>> {
  return {
    TRL: trlConfig(facts, stage),
    Axolotl: axolotlConfig(facts, stage),
    "LLaMA-Factory": llamaFactoryConfig(facts, stage),
    Unsloth: { ...unslothModel(facts, stage), ...unslothTraining(facts, stage) },
  };
}

export interface SettingRow {
  readonly field: Field;
  readonly label: string;
  /** The recipe's value. */
  readonly value: ConfigValue;
  /** Each trainer's key and value as text; where it is applied otherwise; "—" where nowhere. */
  readonly there: Readonly<Record<Trainer, string>>;
  readonly note: string | null;
}

/** A row for every setting of the recipe that applies to the stage. */
export function settingRows(facts: HandOverFacts, stage: StageFacts): SettingRow[] {
  const { recipe } = facts;
  const configs = configsOf(facts, stage);
  const values: Readonly<Record<string, unknown>> = { ...recipe, ...recipe.lora, ...stage };
  const isLora = (field: string) => field === "rank" || field === "alpha" || field === "targets";
  return (Object.keys(handed) as Field[])
    .filter((field) => recipe.method === "lora" || !isLora(field))
    .filter((field) => field !== "preference" || stage.objective === "preference")
    .map((field): SettingRow => {
      const { label, keys, note } = handed[field];
      const there = (trainer: Trainer): string => {
        const key = keys[trainer];
        if (key === null || key.startsWith("(")) return key ?? "—";
        const value = configs[trainer][key];
        return value === undefined ? "—" : `${key}: ${JSON.stringify(value)}`;
      };
      return {
        field,
        label,
        value: (values[field] ?? null) as ConfigValue,
        there: {
          TRL: there("TRL"),
          Axolotl: there("Axolotl"),
          "LLaMA-Factory": there("LLaMA-Factory"),
          Unsloth: there("Unsloth"),
        },
        note: note?.(facts, stage) ?? null,
      };
    });
}
