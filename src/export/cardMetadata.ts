/** The YAML metadata of a model card, as the Hugging Face Hub defines it (hub-docs, modelcard.md). */

import type { ExamResult } from "../run/results.ts";
import type { CardParts } from "./card.ts";
import { yamlText } from "./cardText.ts";

/** The Hub's identifiers (hub-docs, repositories-licenses) of the licences in the catalogue. */
export const hubLicences: Readonly<Record<string, string>> = {
  "Apache-2.0": "apache-2.0",
  MIT: "mit",
  "Gemma Terms of Use": "gemma",
  "Llama 3.2 Community License": "llama3.2",
};

/**
 * Language and datasets are left out: Hone does not know the language of rows, and a file has no id on the Hub.
 */
export function cardMetadata({ form, run, baseId, licence, step, exams, type }: CardParts): string {
  const isAdapter = form === "adapter" || form === "gguf-adapter";
  const library = form === "adapter" ? ["library_name: peft"] : form === "model" ? ["library_name: transformers"] : [];
  const known = licence === null ? undefined : hubLicences[licence];
  const tags = [
    "hone",
    ...(run.recipe.method === "lora" ? ["lora"] : []),
    ...(form.startsWith("gguf") ? ["gguf"] : []),
  ];
  // The exam was taken with weights of 16 or 32 bits, which a file of fewer bits does not have.
  const exact = type !== "Q8_0" && type !== "Q4_0";
  const own = exact ? newest(exams.filter((exam) => exam.runId === run.id && exam.step === step)) : [];
  return [
    "---",
    ...(baseId === null
      ? []
      : [`base_model: ${yamlText(baseId)}`, `base_model_relation: ${isAdapter ? "adapter" : "finetune"}`]),
    ...library,
    "pipeline_tag: text-generation",
    ...(known === undefined ? [] : [`license: ${known}`]),
    "tags:",
    ...tags.map((tag) => `- ${tag}`),
    ...modelIndex(run.name || "A run without a name", own),
    "---",
  ].join("\n");
}

/** The last result of each exam. */
const newest = (exams: readonly ExamResult[]) => [
  ...new Map(
    exams.toSorted((a, b) => a.takenAt.localeCompare(b.takenAt)).map((result) => [result.exam.hash, result]),
  ).values(),
];

/** "unknown" is the Hub's usual type of a dataset without an id. */
function modelIndex(name: string, exams: readonly ExamResult[]): string[] {
  const results = exams.flatMap(({ exam, correct, textLoss }) => {
    const metrics = [
      ...(exam.questions === 0 ? [] : [metric("exact_match", "right answers", correct / exam.questions)]),
      ...(textLoss === null ? [] : [metric("loss", "loss on general text", textLoss)]),
    ];
    if (metrics.length === 0) return [];
    return [
      "  - task:",
      "      type: text-generation",
      "    dataset:",
      "      type: unknown",
      `      name: ${yamlText(exam.name || "exam")}`,
      "    metrics:",
      ...metrics.flat(),
    ];
  });
  return results.length === 0 ? [] : ["model-index:", `- name: ${yamlText(name)}`, "  results:", ...results];
}

const metric = (type: string, name: string, value: number) => [
  `    - type: ${type}`,
  `      value: ${Number(value.toFixed(6))}`,
  `      name: ${name}`,
];
