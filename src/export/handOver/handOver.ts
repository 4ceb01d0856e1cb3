/** The files of a hand-over: rows, template, weights, and a config or script for each trainer. */

import { jsonFile, type OutFile } from "../files.ts";
import { axolotlConfig } from "./axolotl.ts";
import { checkScript } from "./checkScript.ts";
import { baseOf, checkpointFolder, type HandOverFacts, stageFolder, startFolder, templatePath } from "./facts.ts";
import { datasetInfo, llamaFactoryConfig } from "./llamaFactory.ts";
import { prepareScript, unslothScript } from "./otherScripts.ts";
import { readme } from "./readme.ts";
import type { SplitFiles, StageRowFiles } from "./rows.ts";
import { accelerateConfigs, deepspeedConfig, trlConfig, trlScriptConfig } from "./trl.ts";
import { trlScript } from "./trlScript.ts";
import { type Config, toYaml } from "./values.ts";

export interface HandOverParts {
  readonly facts: HandOverFacts;
  /** One for each stage of the facts. */
  readonly stages: readonly StageRowFiles[];
  /** Jinja; null where the facts have no template. */
  readonly template: string | null;
  /** The adapter as the run begins it; empty for full training. */
  readonly start: readonly OutFile[];
  /** The adapter or model of the checkpoint; empty without one. */
  readonly checkpoint: readonly OutFile[];
}

const textFile = (name: string, text: string): OutFile => ({ name, content: new Blob([text], { type: "text/plain" }) });

const yamlFile = (name: string, config: Config): OutFile => ({
  name,
  content: new Blob([toYaml(config)], { type: "application/yaml" }),
});

const within = (folder: string, files: readonly OutFile[]): OutFile[] =>
  files.map(({ name, content }) => ({ name: `${folder}/${name}`, content }));

const splitOf = (folder: string, split: string, { rows, tokens, weights }: SplitFiles): OutFile[] => [
  { name: `${folder}/rows/${split}.jsonl`, content: rows },
  { name: `${folder}/tokens/${split}.jsonl`, content: tokens },
  ...(weights ? [{ name: `${folder}/weights/${split}.jsonl`, content: weights }] : []),
];

/** In the order of the zip. */
export function handOverFiles({ facts, stages, template, start, checkpoint }: HandOverParts): OutFile[] {
  const { recipe, base, assistantOnly } = facts;
  const [first] = facts.stages;
  const rowFiles = facts.stages.flatMap((stage, index): OutFile[] => {
    const files = stages[index];
    const folder = stageFolder(stage);
    if (!files) return [];
    return [
      ...splitOf(folder, "train", files.train),
      ...(files.validation ? splitOf(folder, "validation", files.validation) : []),
      { name: `${folder}/order.jsonl`, content: files.order },
    ];
  });
  const firstBatch = {
    form: first?.form ?? "tokens",
    base: baseOf(base),
    template: templatePath,
    assistant_only: assistantOnly,
    max_length: recipe.maxLength,
    ...stages[0]?.firstBatch,
  };
  return [
    textFile("README.md", readme(facts)),
    jsonFile("recipe.json", recipe),
    jsonFile("first_batch.json", firstBatch),
    textFile("check_batch.py", checkScript),
    ...(template === null ? [] : [textFile(templatePath, template)]),
    textFile("trl/train.py", trlScript(trlScriptConfig(facts))),
    ...facts.stages.map((stage) => yamlFile(`trl/${stageFolder(stage)}.yaml`, trlConfig(facts, stage))),
    ...Object.entries(accelerateConfigs).map(([name, config]) => yamlFile(`trl/accelerate/${name}.yaml`, config)),
    jsonFile("trl/accelerate/zero2.json", deepspeedConfig),
    ...facts.stages.map((stage) => yamlFile(`axolotl/${stageFolder(stage)}.yaml`, axolotlConfig(facts, stage))),
    ...facts.stages.map((stage) =>
      yamlFile(`llamafactory/${stageFolder(stage)}.yaml`, llamaFactoryConfig(facts, stage)),
    ),
    jsonFile("llamafactory/dataset_info.json", datasetInfo(facts)),
    textFile("llamafactory/prepare.py", prepareScript),
    textFile("unsloth/train.py", unslothScript(facts)),
    ...within(startFolder, start),
    ...within(checkpointFolder(recipe), checkpoint),
    ...rowFiles,
  ];
}
