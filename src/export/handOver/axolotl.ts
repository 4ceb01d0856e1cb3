/** The config of Axolotl 0.18 for each stage: rows as tokens and labels, in the order of Hone's first epoch. */

import {
  beginsWith,
  type HandOverFacts,
  type StageFacts,
  saveEvery,
  schedulerOf,
  stageFolder,
  startFolder,
  templatePath,
  warmupSteps,
} from "./facts.ts";
import { attentionOf } from "./trl.ts";
import type { Config } from "./values.ts";

const output = "out/axolotl";

export function axolotlConfig(facts: HandOverFacts, stage: StageFacts): Config {
  const { recipe, base, template } = facts;
  const { lora, method, packing } = recipe;
  const before = stage.nth > 1 ? `${output}/stage-${stage.nth - 1}` : null;
  const tokens = (split: string) => [
    { path: `${stageFolder(stage)}/tokens/${split}.jsonl`, ds_type: "json", type: null },
  ];
  const whole = beginsWith(facts, before);
  const validates = stage.heldOut > 0;
  return {
    base_model: whole,
    ...(base.revision !== null && whole === base.id && { revision_of_model: base.revision }),
    ...(base.dropouts.length > 0 && {
      overrides_of_model_config: Object.fromEntries(base.dropouts.map((name) => [name, 0])),
    }),
    trust_remote_code: false,
    strict: true,
    ...(template && { chat_template: "jinja", chat_template_jinja: templatePath }),
    datasets: tokens("train"),
    ...(validates && { test_datasets: tokens("validation").map((one) => ({ ...one, split: "train" })) }),
    dataset_prepared_path: `${output}/prepared/${stageFolder(stage)}`,
    val_set_size: 0,
    shuffle_merged_datasets: false,
    curriculum_sampling: true,
    train_on_inputs: recipe.mask === "everything",
    sequence_len: recipe.maxLength,
    excess_length_strategy: "raise",
    sample_packing: packing,
    eval_sample_packing: false,
    pad_to_sequence_len: false,
    ...(method === "lora" && {
      adapter: "lora",
      lora_model_dir: before ?? startFolder,
      lora_r: lora.rank,
      lora_alpha: Math.round(lora.alpha),
      lora_dropout: 0,
      lora_target_modules: lora.targets,
      lora_target_linear: false,
      lora_fan_in_fan_out: base.fanInFanOut,
      peft_use_dora: false,
      peft_use_rslora: false,
    }),
    load_in_8bit: false,
    load_in_4bit: false,
    micro_batch_size: recipe.batchSize,
    eval_batch_size: recipe.batchSize,
    gradient_accumulation_steps: recipe.accumulation,
    num_epochs: stage.epochs,
    max_steps: stage.planned,
    learning_rate: stage.learningRate,
    lr_scheduler: schedulerOf[stage.schedule],
    warmup_steps: warmupSteps(stage),
    optimizer: "adamw_torch",
    adam_beta1: recipe.beta1,
    adam_beta2: recipe.beta2,
    adam_epsilon: recipe.epsilon,
    weight_decay: recipe.weightDecay,
    max_grad_norm: recipe.maxGradNorm ?? 0,
    seed: recipe.seed,
    bf16: false,
    fp16: false,
    tf32: false,
    float32: true,
    // Packed rows are apart only in FlashAttention.
    attn_implementation: packing ? "flash_attention_2" : attentionOf(base),
    gradient_checkpointing: false,
    group_by_length: false,
    logging_steps: 1,
    ...(validates ? { eval_steps: recipe.evaluateEvery } : { eval_strategy: "no" }),
    save_steps: saveEvery(recipe, stage),
    save_total_limit: recipe.keepLast,
    load_best_model_at_end: validates,
    metric_for_best_model: "eval_loss",
    greater_is_better: false,
    ...(recipe.patience !== null && validates && { early_stopping_patience: recipe.patience }),
    output_dir: `${output}/${stageFolder(stage)}`,
  };
}
