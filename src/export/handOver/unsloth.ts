/** The settings of Unsloth's script for each stage; Unsloth trains with TRL 0.24. */

import { beginsWith, type HandOverFacts, type StageFacts, startFolder } from "./facts.ts";
import { trainingArguments } from "./trl.ts";
import type { Config } from "./values.ts";

const output = "out/unsloth";

/** Arguments of `FastLanguageModel.from_pretrained`. */
export function unslothModel(facts: HandOverFacts, stage: StageFacts): Config {
  const { recipe, base } = facts;
  const before = stage.nth > 1 ? `${output}/stage-${stage.nth - 1}` : null;
  const lora = recipe.method === "lora";
  const whole = lora ? (before ?? startFolder) : beginsWith(facts, before);
  return {
    model_name: whole,
    max_seq_length: recipe.maxLength,
    dtype: "float32",
    load_in_4bit: false,
    load_in_8bit: false,
    full_finetuning: !lora,
    use_gradient_checkpointing: false,
    random_state: recipe.seed,
    max_lora_rank: recipe.lora.rank,
    trust_remote_code: false,
    ...(whole === base.id && base.revision !== null && { revision: base.revision }),
  };
}

/** Arguments of `SFTConfig` of TRL 0.24. */
export function unslothTraining(facts: HandOverFacts, stage: StageFacts): Config {
  return {
    ...trainingArguments(facts, stage, output),
    max_length: facts.recipe.maxLength,
    packing: false,
    padding_free: false,
    completion_only_loss: false,
    assistant_only_loss: false,
    remove_unused_columns: false,
    dataset_kwargs: { skip_prepare_dataset: true },
  };
}
