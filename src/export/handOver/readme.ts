/** The zip's README: what it contains, the commands of each trainer, every setting beside Hone's, and what was run. */

import {
  baseOf,
  checkpointFolder,
  type HandOverFacts,
  type StageFacts,
  stageFolder,
  startFolder,
  templatePath,
} from "./facts.ts";
import { preparedFolder } from "./llamaFactory.ts";
import { settingRows, trainers } from "./settings.ts";

/** The versions whose sources gave the keys of the configs. */
export const versions = {
  TRL: "trl 1.13.0, transformers 5.18.0, peft 0.21.0, accelerate 1.15.0, datasets 5.0.1",
  Axolotl: "axolotl 0.18.0 (trl 1.8.0, transformers 5.14.1, peft 0.19.1)",
  "LLaMA-Factory": "llamafactory 0.9.6.dev0 (transformers up to 5.8, trl up to 0.24)",
  Unsloth: "unsloth with trl 0.24.0 (transformers up to 5.5)",
} as const;

const code = (lines: readonly string[]) => ["```", ...lines, "```"].join("\n");

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const short = (text: string) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);

const startOf = ({ recipe }: HandOverFacts) =>
  recipe.method === "lora"
    ? "the adapter as the run begins it, with Hone's own first numbers (PEFT)."
    : "the model as the run begins it.";

function contents(facts: HandOverFacts): string {
  const { recipe, step, template, stages } = facts;
  const lines = [
    "- `stage-N/rows`: the rows as JSON Lines of `messages` (or `text`), with the edits applied and without the excluded rows.",
    "- `stage-N/tokens`: the same rows as `input_ids`, `attention_mask` and `labels`: exactly what Hone trains on. Both files have the order in which the run first draws the rows. `validation.jsonl` has the held-out rows.",
    "- `stage-N/order.jsonl`: the micro-batches of every step, as line numbers (from 0) of `stage-N/tokens/train.jsonl`.",
    ...(template
      ? [`- \`${templatePath}\`: the chat template, with the system prompt of the run and \`{% generation %}\` tags.`]
      : []),
    ...(facts.hasStart ? [`- \`${startFolder}\`: ${startOf(facts)}`] : []),
    ...(step === null ? [] : [`- \`${checkpointFolder(recipe)}\`: the weights of step ${step}, to go on from.`]),
    "- `recipe.json`: the recipe. `first_batch.json` and `check_batch.py`: the check below.",
  ];
  const forms = stages.map(({ nth, planned, sequences, heldOut, objective, reason }) => {
    const form =
      reason === null ? "TRL tokenises the messages by the template." : `TRL reads the tokens, because ${reason}.`;
    return `- Stage ${nth} (${objective}): ${planned} steps on ${sequences} rows, ${heldOut} held out. ${form}`;
  });
  return [...lines, "", ...forms].join("\n");
}

function commands(facts: HandOverFacts): string {
  const each = (line: (stage: StageFacts) => string | readonly string[]) => code(facts.stages.flatMap(line));
  const { step } = facts;
  return [
    "## TRL with Accelerate",
    "",
    each(({ nth }) => `accelerate launch --config_file trl/accelerate/one_gpu.yaml trl/train.py --stage ${nth}`),
    "",
    "`several_gpus.yaml`, `several_machines.yaml`, `fsdp.yaml` and `deepspeed.yaml` take the place of `one_gpu.yaml`. Set `num_processes` to your number of GPUs, on several machines also `num_machines`, `main_process_ip` and, on each machine, `machine_rank`. `train.py` divides the micro-batches of each step among the processes, so the steps stay Hone's.",
    ...goingOn(facts),
    "",
    "## Axolotl",
    "",
    each((stage) => [
      `axolotl preprocess axolotl/${stageFolder(stage)}.yaml`,
      `axolotl train axolotl/${stageFolder(stage)}.yaml`,
    ]),
    "",
    "## LLaMA-Factory",
    "",
    code([
      "python llamafactory/prepare.py",
      ...facts.stages.map((stage) => `llamafactory-cli train llamafactory/${stageFolder(stage)}.yaml`),
    ]),
    "",
    `\`prepare.py\` writes the rows into \`${preparedFolder({ nth: 1 })}\` as datasets that LLaMA-Factory loads.`,
    "",
    "## Unsloth",
    "",
    each(({ nth }) => `python unsloth/train.py --stage ${nth}`),
    ...(step === null
      ? []
      : [
          "",
          `Axolotl, LLaMA-Factory and Unsloth begin at \`${facts.hasStart ? startFolder : baseOf(facts.base)}\`. To go on from the checkpoint, put \`${checkpointFolder(facts.recipe)}\` there in their configs; their order and rates then begin anew.`,
        ]),
  ].join("\n");
}

/** The commands that go on from the checkpoint in the zip. */
function goingOn({ stages, step, recipe }: HandOverFacts): string[] {
  if (step === null) return [];
  const launch = "accelerate launch --config_file trl/accelerate/one_gpu.yaml trl/train.py";
  const folder = checkpointFolder(recipe);
  const ends = stages.map((_, i) => stages.slice(0, i + 1).reduce((sum, { planned }) => sum + planned, 0));
  const next = stages[ends.findIndex((end) => step < end)];
  if (!next) {
    const text = `The run has ended: \`${folder}\` has its weights of step ${step}. To train on from them, with the order and the rates from the beginning:`;
    return ["", text, "", code([`${launch} --stage ${stages.length} --start ${folder}`])];
  }
  const text = `To go on from step ${step} with the weights in \`${folder}\` (AdamW's moments start anew):`;
  return ["", text, "", code([`${launch} --stage ${next.nth} --from-step ${step}`])];
}

function settings(facts: HandOverFacts, stage: StageFacts): string {
  const rows = settingRows(facts, stage);
  const table = rows.map(
    ({ label, value, there }) =>
      `| ${[label, short(JSON.stringify(value)), ...trainers.map((trainer) => short(there[trainer]))].map(cell).join(" | ")} |`,
  );
  const notes = rows.flatMap(({ label, note }) => (note === null ? [] : [`- ${label}: ${note}`]));
  return [
    `### Stage ${stage.nth}`,
    "",
    `| setting | Hone | ${trainers.join(" | ")} |`,
    `|---|---|${trainers.map(() => "---").join("|")}|`,
    ...table,
    "",
    ...notes,
  ].join("\n");
}

export function readme(facts: HandOverFacts): string {
  const { name, base } = facts;
  const dropouts =
    base.dropouts.length === 0
      ? []
      : [
          `- Dropout: Hone applies none. config.json has ${base.dropouts.join(", ")} above 0; trl/train.py and Axolotl's config set it to 0. LLaMA-Factory and Unsloth have no setting for it: set it to 0 in the base model's config.json.`,
        ];
  return [
    `# ${name}: continue elsewhere`,
    "",
    `Written by Hone. The run trains on ${base.name}${base.revision === null ? "" : `, commit ${base.revision}`}.`,
    ...(base.id === null
      ? ["", "Hone knows no address of this base model: put its files into the folder `base` beside this file."]
      : []),
    "",
    "Run every command in this folder.",
    "",
    "## Contents",
    "",
    contents(facts),
    "",
    "## Check the first batch",
    "",
    "The script prints the SHA-256 of the tokens and of the masks of the first micro-batch, in Hone and here, and ends with 1 where they differ. With `--prepared` it reads a dataset that Axolotl or LLaMA-Factory prepared.",
    "",
    code([
      "python check_batch.py",
      "python trl/train.py --stage 1 --check",
      `python check_batch.py --prepared ${preparedFolder({ nth: 1 })}`,
    ]),
    "",
    commands(facts),
    "",
    "## Back to Hone",
    "",
    "Open the trained folder in Hone under Runs. A run's zip has `hone.json`, which names the run: Compare then shows both side by side. `trl/train.py` and `unsloth/train.py` copy it beside the trained weights; copy it yourself after Axolotl or LLaMA-Factory.",
    "",
    "## Settings",
    "",
    "Every setting is written out, also where it is the trainer's default. In brackets: where it is applied otherwise.",
    "",
    ...facts.stages.map((stage) => `${settings(facts, stage)}\n`),
    "Of the whole:",
    "",
    "- The optimizer's moments are not in the zip: AdamW begins with zeros.",
    "- Hone lowers the rate by itself after numbers that are not finite; the trainers do not.",
    ...dropouts,
    "",
    "## Versions, and what was run",
    "",
    ...trainers.map((trainer) => `- ${trainer}: written for ${versions[trainer]}.`),
    "",
    "Hone's own checks run zips like this one in TRL on the processor: the first batch, the first ten losses, training from Hone's weights, and two processes (DDP). Several GPUs, several machines, FSDP and DeepSpeed were not run. The configs of Axolotl and LLaMA-Factory and the script of Unsloth were not run: their keys and types were checked against the sources of these versions.",
    "",
  ].join("\n");
}
