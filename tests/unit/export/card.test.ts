/**
 * Model cards of every form. Oracles: huggingface_hub's ModelCard for the metadata, Python's compiler for the code, and
 * markdown-it for the texts (HONE_PYTHON names their Python; skipped where it lacks them). Seed 18.
 */

import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CardParts, modelCard } from "../../../src/export/card.ts";
import { hubLicences } from "../../../src/export/cardMetadata.ts";
import { inline } from "../../../src/export/cardText.ts";
import { catalogue } from "../../../src/models/catalogue.ts";
import { noProgress } from "../../../src/run/curves.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { ExamResult } from "../../../src/run/results.ts";
import { recipeWith } from "../../support/recipe.ts";

const python = process.env.HONE_PYTHON ?? "python3";
const isMissing = spawnSync(python, ["-c", "import huggingface_hub, markdown_it"]).status !== 0;

const recipe = recipeWith(defaultRecipe("lora"), { maxLength: 256, systemPrompt: 'Say "```" & <b>:\n---\n# x' });

const run: RunRecord = {
  ...{
    id: "run",
    name: "Tuned",
    note: "",
    createdAt: "2026-12-01T00:00:00.000Z",
    updatedAt: "2026-12-01T00:00:00.000Z",
  },
  ...{ status: "finished", reason: null, model: { name: "Small", hash: "00".repeat(32), parameters: 1000 } },
  ...{
    sources: [{ name: "rows_1.jsonl", hash: "11".repeat(32), mapping: null, excluded: [3] }],
    recipe,
    provider: "wasm",
  },
  ...{ trainable: 10, examples: { training: 5, validation: 1 }, totalSteps: 4, step: 4, seconds: 2 },
  stages: [{ objective: "chat", steps: 4, examples: 5, supervisedTokens: 50 }],
  ...{ progress: noProgress, best: null, samples: [], watch: null, slowdowns: [], resumeFrom: null },
};

const exam: ExamResult = {
  ...{ id: "exam", modelHash: run.model.hash, runId: "run", step: 4, template: recipe.template, systemPrompt: null },
  exam: { name: "Exam: 1", hash: "22".repeat(32), questions: 8, texts: 2 },
  ...{ takenAt: "2026-12-01T00:00:00.000Z", seconds: 1, correct: 6, textLoss: 1.25 },
};

const parts: CardParts = {
  ...{ form: "adapter", run, baseId: "HuggingFaceTB/SmolLM2-135M", licence: "Apache-2.0", step: 4, evaluations: [] },
  ...{ exams: [exam], type: null, ggufFile: null, template: { stopIds: [2, 0] }, notes: ["Answers end with <|end|>."] },
};

const odd = [
  ...[
    "yes",
    "1e3",
    "a: b",
    "---",
    "``` x",
    "```\n---\n",
    "$x$",
    "_a_ *b* [c](d) ![e](f) <b> &amp; ~~g~~ | h \\ # i",
    "",
  ],
  ...[
    "https://a.b www.a.b a@b.c",
    "1. x",
    "- y",
    "+ z",
    "> q",
    "[^1]",
    "\\(x\\)",
    "a__b__c _d e_ f_",
    "trailing #",
    "\ud83d",
  ],
  ...fc.sample(fc.string({ unit: "binary", maxLength: 30 }), { numRuns: 100, seed: 18 }),
  ...fc.sample(fc.string({ unit: fc.constantFrom(..."\\`*_{}[]()<>#+-.!|~&^=:$@ ab1é"), maxLength: 12 }), {
    ...{ numRuns: 300, seed: 18 },
  }),
];

const forms: readonly Partial<CardParts>[] = [
  {},
  { template: null },
  { baseId: null, licence: null },
  { form: "model", template: null },
  { form: "gguf", template: null, type: "F16", ggufFile: "Tuned-F16.gguf" },
  { form: "gguf", template: null, type: "Q4_0", ggufFile: "Tuned-Q4_0.gguf" },
  { form: "gguf-adapter", template: null, ggufFile: "Tuned.gguf" },
  { licence: "Gemma Terms of Use", baseId: "google/gemma-3-1b-it" },
  { step: 2 },
];

const cards = forms.map((change) => ({ ...parts, ...change }));
const oddCards = odd.map((name, i): CardParts => {
  const named = { ...run, name, model: { ...run.model, name }, sources: run.sources.map((one) => ({ ...one, name })) };
  const form = (["adapter", "model", "gguf", "gguf-adapter"] as const)[i % 4] ?? "model";
  const exams = [{ ...exam, exam: { ...exam.exam, name } }];
  return { ...parts, form, run: named, baseId: null, exams, ggufFile: "x.gguf", notes: [name] };
});

interface ReadCards {
  readonly cards: readonly {
    readonly data: Readonly<Record<string, unknown>>;
    readonly text: string;
    readonly errors: readonly string[];
  }[];
  readonly lines: readonly (readonly unknown[][])[];
}

async function readByOthers(all: readonly CardParts[], lines: readonly string[]): Promise<ReadCards> {
  const texts = await Promise.all(all.map((one) => modelCard(one).content.text()));
  const input = JSON.stringify({ cards: texts, lines });
  const { stdout, stderr } = spawnSync(python, ["scripts/oracle/cards.py"], {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (stdout === "") throw new Error(stderr.slice(-500));
  return JSON.parse(stdout);
}

describe.skipIf(isMissing)("others read", { timeout: 60_000 }, () => {
  it("the metadata and the code of every form", async () => {
    const { cards: read } = await readByOthers(cards, []);
    const index = [
      {
        name: "Tuned",
        results: [
          {
            task: { type: "text-generation" },
            dataset: { type: "unknown", name: "Exam: 1" },
            metrics: [
              { type: "exact_match", value: 0.75, name: "right answers" },
              { type: "loss", value: 1.25, name: "loss on general text" },
            ],
          },
        ],
      },
    ];
    const base = { base_model: "HuggingFaceTB/SmolLM2-135M", license: "apache-2.0", pipeline_tag: "text-generation" };
    const lora = { ...base, base_model_relation: "adapter", library_name: "peft", tags: ["hone", "lora"] };
    const gguf = { ...base, base_model_relation: "finetune", tags: ["hone", "lora", "gguf"] };
    const { base_model: _, base_model_relation: __, license: ___, ...unknown } = lora;
    expect(read.map(({ data }) => data)).toEqual([
      { ...lora, "model-index": index },
      { ...lora, "model-index": index },
      { ...unknown, "model-index": index },
      { ...lora, base_model_relation: "finetune", library_name: "transformers", "model-index": index },
      { ...gguf, "model-index": index },
      // No figure of other weights.
      gguf,
      { ...gguf, base_model_relation: "adapter", "model-index": index },
      { ...lora, base_model: "google/gemma-3-1b-it", license: "gemma", "model-index": index },
      lora,
    ]);
    expect(read.flatMap(({ errors }) => errors)).toEqual([]);
    expect(read[0]?.text).toContain("eos_token_id=[2, 0]");
    expect(read[4]?.text).toContain('llama-cli -m "Tuned-F16.gguf" -cnv');
    expect(read[5]?.text).toContain("before its weights got 4 bits");
  });

  it("any name as it is, in cells, headings and sentences, and in the metadata", async () => {
    const { cards: read, lines } = await readByOthers(oddCards, odd.map(inline));
    lines.forEach(([cell, heading, sentence], i) => {
      // CommonMark shows U+0000 as U+FFFD.
      const text = (odd[i] ?? "").replace(/\p{Surrogate}/gu, "\ufffd");
      const shown = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
      if (shown === "") return;
      expect([cell, heading, sentence], shown).toEqual([[shown], [shown], [`It is ${shown}.`]]);
    });
    expect(read.flatMap(({ errors }) => errors)).toEqual([]);
    read.forEach(({ data }, i) => {
      const wanted = (odd[i] ?? "").replace(/\p{Surrogate}/gu, "\ufffd") || "A run without a name";
      expect(data["model-index"]).toMatchObject([{ name: wanted }]);
    });
  });
});

it("every licence of the catalogue has an identifier of the Hub", () => {
  for (const { id, licence } of catalogue) expect(hubLicences[licence], id).toBeDefined();
});

it("an imported run has no data, no recipe and no claim about its rows", async () => {
  const origin = { format: "peft", file: "a.zip", hash: "33".repeat(32), baseModel: null, notes: [] } as const;
  const text = await modelCard({ ...parts, run: { ...run, origin }, exams: [] }).content.text();
  expect(text).not.toMatch(/## Data|## Recipe|training row|model-index/);
  expect(text).toContain("No figure on this card measures its answers.");
});
