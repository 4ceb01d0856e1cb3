/** The model card of an export: README.md with the metadata of the Hugging Face Hub, from the run alone. */

import type { WrittenType } from "../gguf/blocks.ts";
import type { EvaluationMetrics } from "../run/metrics.ts";
import { type Recipe, settingsFor } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { ExamResult } from "../run/results.ts";
import { cardMetadata } from "./cardMetadata.ts";
import { codeBlock, inline, table } from "./cardText.ts";
import { usage } from "./cardUse.ts";
import type { OutFile } from "./files.ts";
import type { ExportedTemplate } from "./template.ts";

export type CardForm = "adapter" | "model" | "gguf" | "gguf-adapter";

export interface CardParts {
  readonly form: CardForm;
  readonly run: RunRecord;
  /** The base model's id on Hugging Face; null for files from elsewhere. */
  readonly baseId: string | null;
  /** The licence of the base, an SPDX identifier or its own name; null where it is not known. */
  readonly licence: string | null;
  /** Step of the exported weights; null for a run without a checkpoint. */
  readonly step: number | null;
  readonly evaluations: readonly EvaluationMetrics[];
  /** Exams of the run and of its base model. */
  readonly exams: readonly ExamResult[];
  /** Of the GGUF file of a whole model; null for other forms. */
  readonly type: WrittenType | null;
  /** Name of the GGUF file; null for other forms. */
  readonly ggufFile: string | null;
  /** Of an adapter; null where other programs cannot use it, and for other forms. */
  readonly template: Pick<ExportedTemplate, "stopIds"> | null;
  /** What other programs do otherwise, a sentence or two each. */
  readonly notes: readonly string[];
}

const contents: Readonly<Record<CardForm, string>> = {
  adapter: "a LoRA adapter in PEFT's layout",
  model: "a whole model in the layout of transformers",
  gguf: "a whole model as a GGUF file, for llama.cpp and Ollama",
  "gguf-adapter": "a LoRA adapter as a GGUF file, for llama.cpp and Ollama",
};

/** Most evaluations in the table of the loss. */
const mostRows = 12;

export function modelCard(parts: CardParts): OutFile {
  const text = [cardMetadata(parts), ...sections(parts)].join("\n\n");
  return { name: "README.md", content: new Blob([`${text}\n`], { type: "text/markdown" }) };
}

function sections(parts: CardParts): string[] {
  const { form, run, licence, step } = parts;
  const { origin } = run;
  const weights = step === null || origin ? "" : ` The weights are those of step ${step} of ${run.totalSteps}.`;
  const maker = origin
    ? `Another tool trained it from ${inline(run.model.name)}; its file was ${inline(origin.file)}.`
    : `Hone trained it from ${inline(run.model.name)}.`;
  return [
    `# ${inline(run.name) || "A run without a name"}`,
    `This is ${contents[form]}. ${maker}${weights}`,
    "## How to use",
    usage(parts),
    ...notesOf(parts),
    ...(origin ? [] : ["## Data", dataOf(run), "## Recipe", recipeOf(run)]),
    ...lossOf(parts),
    ...examOf(parts),
    ...samplesOf(run),
    "## Licence",
    licence === null
      ? "Hone does not know the licence of the base model. Its conditions also apply to this one."
      : `The base model has the licence ${inline(licence)}. Its conditions also apply to this one.`,
    "## Limits",
    limitsOf(parts),
  ];
}

const notesOf = ({ notes }: CardParts): string[] =>
  notes.length === 0 ? [] : [notes.map((note) => `- ${inline(note)}`).join("\n")];

function limitsOf({ run, exams, evaluations, type }: CardParts): string {
  const measured = exams.length > 0 || evaluations.length > 0;
  return [
    "The model can say false things with confidence.",
    measured ? "It was measured only by the figures on this card." : "No figure on this card measures its answers.",
    ...(type === "Q8_0" || type === "Q4_0"
      ? [`These figures are of the model before its weights got ${type === "Q8_0" ? 8 : 4} bits.`]
      : []),
    ...(run.origin ? [] : [`No training row had more than ${run.recipe.maxLength} tokens.`]),
    "It has the limits of its base model, and it can repeat what its training data contains.",
  ].join(" ");
}

function dataOf({ sources, examples, stages }: RunRecord): string {
  const rows = sources.map(({ name, excluded, edits }) => [
    inline(name),
    `${excluded.length}`,
    `${edits === undefined ? 0 : Object.keys(edits).length}`,
  ]);
  const tokens = stages.map(
    ({ objective, steps, examples: count, supervisedTokens }, i) =>
      `- Stage ${i + 1} (${objective}): ${steps} steps planned, ${count} examples` +
      `${supervisedTokens === null ? "" : `, ${supervisedTokens} supervised tokens in one pass`}.`,
  );
  return [
    table(["source", "excluded rows", "edited rows"], rows),
    "",
    `${examples.training} examples for training, ${examples.validation} held out.`,
    "",
    ...tokens,
  ].join("\n");
}

function recipeOf({ recipe, provider, trainable, model, step, seconds }: RunRecord): string {
  const shown = settingsFor(recipe.stages.length).filter(({ applies }) => applies?.(recipe) ?? true);
  return [
    `${trainable} of ${model.parameters} parameters were trained, ${step} steps in ${Math.round(seconds)} s, on ${provider}.`,
    "",
    table(
      ["setting", "value"],
      shown.map((setting) => [inline(labelOf(setting)), inline(valueText(setting.value(recipe)))]),
    ),
    "",
    "The whole recipe:",
    "",
    codeBlock(wholeRecipe(recipe), "json"),
  ].join("\n");
}

const labelOf = ({ label, stage }: { readonly label: string; readonly stage?: number }) =>
  stage === undefined ? label : `stage ${stage + 1}: ${label}`;

const wholeRecipe = (recipe: Recipe) => JSON.stringify(recipe, null, 2);

const valueText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

function lossOf({ evaluations }: CardParts): string[] {
  if (evaluations.length === 0) return [];
  const every = Math.max(1, Math.ceil((evaluations.length - 1) / (mostRows - 1)));
  const shown = evaluations.filter((_, i) => i % every === 0 || i === evaluations.length - 1);
  const names = [...new Set(shown.flatMap(({ sets }) => Object.keys(sets)))];
  const rows = shown.map(({ step, loss, sets }) => [
    `${step}`,
    loss.toFixed(4),
    ...names.map((name) => sets[name]?.toFixed(4) ?? "–"),
  ]);
  return ["## Loss on held-out rows", table(["step", "all", ...names.map(inline)], rows)];
}

function examOf({ exams }: CardParts): string[] {
  if (exams.length === 0) return [];
  const rows = exams.map(({ exam, step, correct, textLoss }) => [
    inline(exam.name),
    step === null ? "base model" : `step ${step}`,
    `${correct} of ${exam.questions}`,
    textLoss?.toFixed(4) ?? "–",
  ]);
  return ["## Exam", table(["exam", "weights", "right answers", "loss on general text"], rows)];
}

function samplesOf({ samples }: RunRecord): string[] {
  const [sample] = samples;
  if (!sample || sample.after === null) return [];
  const text = [
    ["Question", sample.prompt],
    ["Before", sample.before],
    ["After", sample.after],
  ] as const;
  return [
    "## Before and after",
    ...text.flatMap(([label, value]) => (value === null ? [] : [`${label}:`, codeBlock(value)])),
  ];
}
