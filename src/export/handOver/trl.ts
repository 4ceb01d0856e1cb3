/** The configs of TRL 1.13: `SFTConfig` for each stage, and Accelerate's files for machines. */

import {
  baseOf,
  type HandOverFacts,
  type StageFacts,
  saveEvery,
  schedulerOf,
  stageFolder,
  templatePath,
  warmupSteps,
} from "./facts.ts";
import type { Config } from "./values.ts";

/** Settings of transformers' `TrainingArguments` that TRL, LLaMA-Factory and Unsloth share. */
export function trainingArguments({ recipe }: Pick<HandOverFacts, "recipe">, stage: StageFacts, output: string) {
  const validates = stage.heldOut > 0;
  return {
    output_dir: `${output}/${stageFolder(stage)}`,
    per_device_train_batch_size: recipe.batchSize,
    per_device_eval_batch_size: recipe.batchSize,
    gradient_accumulation_steps: recipe.accumulation,
    // `max_steps` decides; without it this many passes over the rows.
    num_train_epochs: stage.epochs,
    max_steps: stage.planned,
    learning_rate: stage.learningRate,
    lr_scheduler_type: schedulerOf[stage.schedule],
    warmup_steps: warmupSteps(stage),
    optim: "adamw_torch",
    adam_beta1: recipe.beta1,
    adam_beta2: recipe.beta2,
    adam_epsilon: recipe.epsilon,
    weight_decay: recipe.weightDecay,
    // 0 is off.
    max_grad_norm: recipe.maxGradNorm ?? 0,
    seed: recipe.seed,
    data_seed: recipe.seed,
    bf16: false,
    fp16: false,
    gradient_checkpointing: false,
    average_tokens_across_devices: true,
    logging_strategy: "steps",
    logging_steps: 1,
    eval_strategy: validates ? "steps" : "no",
    eval_steps: recipe.evaluateEvery,
    save_strategy: "steps",
    save_steps: saveEvery(recipe, stage),
    save_total_limit: recipe.keepLast,
    load_best_model_at_end: validates,
    metric_for_best_model: "eval_loss",
    greater_is_better: false,
    dataloader_num_workers: 0,
    report_to: "none",
  } as const;
}

/** `SFTConfig` of a stage. */
export function trlConfig(facts: HandOverFacts, stage: StageFacts): Config {
  const messages = stage.form === "messages";
  return {
    ...trainingArguments(facts, stage, "out/trl"),
    tf32: false,
    chat_template_path: facts.template ? templatePath : null,
    assistant_only_loss: messages && facts.assistantOnly,
    completion_only_loss: false,
    max_length: facts.recipe.maxLength,
    truncation_mode: "keep_start",
    packing: false,
    padding_free: false,
    shuffle_dataset: false,
    // TRL 1.13's default, chunked_nll, writes the head's product itself and leaves out Granite's logits_scaling.
    loss_type: "nll",
    activation_offloading: false,
    use_liger_kernel: false,
    remove_unused_columns: true,
    // Of validation: processes with unequal numbers of batches would wait for each other. `train.py` gives out those of training.
    accelerator_config: {
      split_batches: false,
      dispatch_batches: false,
      even_batches: true,
      use_seedable_sampler: true,
    },
  };
}

/** Settings of `train.py` itself. */
export function trlScriptConfig({ base, recipe, stages, hasStart }: HandOverFacts): Config {
  return {
    base: baseOf(base),
    revision: base.revision,
    dtype: "float32",
    attn_implementation: attentionOf(base),
    method: recipe.method,
    start: hasStart,
    patience: recipe.patience,
    dropouts: base.dropouts,
    stages: stages.map(({ nth, form, planned, learningRate, schedule, warmupRatio, heldOut }) => ({
      nth,
      form,
      steps: planned,
      learning_rate: learningRate,
      schedule,
      warmup_ratio: warmupRatio,
      validation: heldOut > 0,
    })),
  };
}

/** scaled_dot_product_attention has no soft caps. */
export const attentionOf = ({ softCaps }: { readonly softCaps: boolean }) => (softCaps ? "eager" : "sdpa");

const cluster = {
  compute_environment: "LOCAL_MACHINE",
  debug: false,
  enable_cpu_affinity: false,
  machine_rank: 0,
  main_training_function: "main",
  mixed_precision: "no",
  num_machines: 1,
  use_cpu: false,
} as const;

/** The numbers of processes stand for two GPUs and two machines of eight: a cluster has its own. */
export const accelerateConfigs: Readonly<Record<string, Config>> = {
  one_gpu: { ...cluster, distributed_type: "NO", num_processes: 1 },
  several_gpus: { ...cluster, distributed_type: "MULTI_GPU", num_processes: 2 },
  several_machines: {
    ...cluster,
    distributed_type: "MULTI_GPU",
    num_machines: 2,
    num_processes: 16,
    main_process_ip: "10.0.0.1",
    main_process_port: 29500,
    rdzv_backend: "static",
    same_network: true,
  },
  fsdp: {
    ...cluster,
    distributed_type: "FSDP",
    num_processes: 2,
    fsdp_config: {
      fsdp_version: 2,
      fsdp_reshard_after_forward: true,
      fsdp_auto_wrap_policy: "TRANSFORMER_BASED_WRAP",
      fsdp_cpu_ram_efficient_loading: true,
      fsdp_offload_params: false,
      fsdp_activation_checkpointing: false,
      fsdp_state_dict_type: "FULL_STATE_DICT",
    },
  },
  deepspeed: {
    ...cluster,
    distributed_type: "DEEPSPEED",
    num_processes: 2,
    deepspeed_config: { deepspeed_config_file: "trl/accelerate/zero2.json", zero3_init_flag: false },
  },
};

/** DeepSpeed's ZeRO 2; "auto" takes the value of `SFTConfig`. */
export const deepspeedConfig: Config = {
  bf16: { enabled: "auto" },
  fp16: { enabled: "auto" },
  zero_optimization: {
    stage: 2,
    overlap_comm: true,
    contiguous_gradients: true,
    allgather_partitions: true,
    reduce_scatter: true,
    allgather_bucket_size: 500000000,
    reduce_bucket_size: 500000000,
  },
  gradient_accumulation_steps: "auto",
  gradient_clipping: "auto",
  train_batch_size: "auto",
  train_micro_batch_size_per_gpu: "auto",
};
