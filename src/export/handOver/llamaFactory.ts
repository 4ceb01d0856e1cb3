/** The config of LLaMA-Factory 0.9.6 for each stage: rows as tokens and labels, in the order of Hone's first epoch. */

import { beginsWith, type HandOverFacts, type StageFacts, stageFolder, startFolder } from "./facts.ts";
import { attentionOf, trainingArguments } from "./trl.ts";
import type { Config } from "./values.ts";

const output = "out/llamafactory";

/** The folder of the rows as `prepare.py` writes them. */
export const preparedFolder = (stage: Pick<StageFacts, "nth">) => `llamafactory/tokens/${stageFolder(stage)}`;

export function llamaFactoryConfig(facts: HandOverFacts, stage: StageFacts): Config {
  const { recipe, base } = facts;
  const { lora, method } = recipe;
  const before = stage.nth > 1 ? `${output}/stage-${stage.nth - 1}` : null;
  const whole = beginsWith(facts, before);
  const validates = stage.heldOut > 0;
  const { patience } = recipe;
  return {
    model_name_or_path: whole,
    ...(base.revision !== null && whole === base.id && { model_revision: base.revision }),
    trust_remote_code: false,
    flash_attn: attentionOf(base) === "eager" ? "disabled" : "sdpa",
    stage: "sft",
    do_train: true,
    finetuning_type: method,
    ...(method === "lora" && {
      adapter_name_or_path: before ?? startFolder,
      create_new_adapter: false,
      lora_rank: lora.rank,
      lora_alpha: Math.round(lora.alpha),
      lora_dropout: 0,
      lora_target: lora.targets.join(","),
      use_rslora: false,
      use_dora: false,
    }),
    pure_bf16: false,
    // The tokens are ready: the names satisfy the parser, and `tokenized_path` gives the rows.
    dataset: "train",
    ...(validates && { eval_dataset: "validation" }),
    dataset_dir: "llamafactory",
    tokenized_path: preparedFolder(stage),
    template: "empty",
    cutoff_len: recipe.maxLength,
    train_on_prompt: recipe.mask === "everything",
    mask_history: recipe.mask === "last",
    packing: false,
    neat_packing: false,
    disable_shuffling: true,
    disable_gradient_checkpointing: true,
    ...trainingArguments(facts, stage, output),
    overwrite_output_dir: false,
    ...(patience !== null && validates && { early_stopping_steps: patience }),
  };
}

/** `dataset_info.json`, which must name every dataset of the config. */
export const datasetInfo = (facts: HandOverFacts): Config => {
  const file = (split: string) => ({
    file_name: `../${stageFolder(facts.stages[0] ?? { nth: 1 })}/rows/${split}.jsonl`,
  });
  return { train: file("train"), validation: file("validation") };
};
