/**
 * `npm run trials -- [--seeds N] [--only TEXT] [--json FILE]`: preferences on Seedling, with the page's samples: fine-tuning, then DPO or KTO
 * on 60 pairs that prefer short answers. Prints exam, length of answers and loss on general text: the mean over seeds, and
 * half the distance between the largest and the smallest.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { PreferenceLoss } from "../src/batching/preference.ts";
import { usualPreference } from "../src/batching/preference.ts";
import { meanAndSpread } from "../src/lessons/runLesson.ts";
import { defaultRecipe, type Recipe } from "../src/run/recipe.ts";
import type { WholeExamResult } from "../src/run/results.ts";
import { lastStage, type Stage } from "../src/run/stage.ts";
import { demoData, demoExam, seedlingRecipe } from "../src/store/seedling.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { openSeedling } from "./seedling/laboratory.ts";
import { readRows } from "./seedling/samples.ts";
import { projectRoot } from "./setup.mjs";

const samples = join(projectRoot, "public", "samples");
const preferenceFile = "small-world-preferences.jsonl";

/** The sources of a trial: the demo's pairs, the rejected long answers as pairs, the preferences, each answer by itself. */
const sourceNames = ["demo", "long", "pairs"] as const;
type SourceName = (typeof sourceNames)[number];

interface Trial {
  readonly name: string;
  readonly stages: readonly {
    readonly data: SourceName;
    readonly loss?: PreferenceLoss;
    readonly change?: Partial<Stage>;
  }[];
}

const rate = { learningRate: 1e-4, epochs: 3 };
const trials: readonly Trial[] = [
  { name: "fine-tuned", stages: [{ data: "demo" }] },
  { name: "fine-tuned, then DPO", stages: [{ data: "demo" }, { data: "pairs", loss: "dpo", change: rate }] },
  {
    name: "fine-tuned, then DPO at five times the rate",
    stages: [
      { data: "demo" },
      { data: "pairs", loss: "dpo", change: { ...rate, learningRate: 5 * rate.learningRate } },
    ],
  },
  { name: "fine-tuned, then KTO", stages: [{ data: "demo" }, { data: "pairs", loss: "kto", change: rate }] },
  { name: "long answers", stages: [{ data: "demo" }, { data: "long" }] },
  {
    name: "long answers, then DPO",
    stages: [{ data: "demo" }, { data: "long" }, { data: "pairs", loss: "dpo", change: rate }],
  },
  {
    name: "long answers, then KTO",
    stages: [{ data: "demo" }, { data: "long" }, { data: "pairs", loss: "kto", change: rate }],
  },
  { name: "DPO alone", stages: [{ data: "pairs", loss: "dpo", change: rate }] },
];

/** The sources that stages use, in order. */
const sourcesOf = (stages: Trial["stages"]) => sourceNames.filter((name) => stages.some(({ data }) => data === name));

function recipeOf({ stages }: Trial, seed: number): Recipe {
  const base = seedlingRecipe(defaultRecipe("lora"));
  const usual = lastStage(base);
  return {
    ...base,
    seed,
    maxLength: 256,
    validationShare: 0,
    samplePrompts: 0,
    watchEvery: null,
    checkpointEvery: 10_000,
    stages: stages.map(
      ({ data, loss, change }): Stage => ({
        ...usual,
        ...change,
        objective: loss ? "preference" : "chat",
        preference: loss ? usualPreference[loss] : null,
        sources: [{ source: sourcesOf(stages).indexOf(data), lambda: 1 }],
      }),
    ),
  };
}

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "").length;

function figuresOf({ questions, textLoss, correct }: Pick<WholeExamResult, "questions" | "textLoss" | "correct">) {
  const share = (count: number) => (100 * count) / questions.length;
  return {
    exam: share(correct),
    words: questions.reduce((sum, { answer }) => sum + words(answer), 0) / questions.length,
    ends: share(questions.filter(({ finish }) => finish === "stop").length),
    textLoss: textLoss ?? Number.NaN,
  };
}

type Figures = ReturnType<typeof figuresOf> & { readonly margin: number; readonly accuracy: number };

const columns: readonly (readonly [figure: keyof Figures, title: string, digits: number])[] = [
  ["exam", "exam, %", 1],
  ["words", "words an answer", 2],
  ["ends", "ends by itself, %", 1],
  ["textLoss", "loss of general text", 3],
  ["margin", "last margin", 2],
  ["accuracy", "pairs in order", 2],
];

async function main() {
  const { values } = parseArgs({
    options: { seeds: { type: "string" }, only: { type: "string" }, json: { type: "string" } },
  });
  const seeds = count("seeds", values.seeds) ?? 3;
  const { engine, data, model, reason, open } = await openSeedling();
  const long = readRows<{ readonly prompt: string; readonly rejected: string }>(join(samples, preferenceFile)).map(
    ({ prompt, rejected }) => ({ instruction: prompt, output: rejected }),
  );
  const files = [
    new File([readFileSync(join(samples, demoData))], demoData),
    new File([JSON.stringify(long)], "long.json"),
    new File([readFileSync(join(samples, preferenceFile))], preferenceFile),
  ];
  const sources = await Promise.all(files.map(open));
  const exam = await data.exam(demoExam.map((name) => new File([readFileSync(join(samples, name))], name)));
  console.log(`${reason} ${seeds} seeds.\n`);
  console.log(`| trial | ${columns.map(([, title]) => title).join(" | ")} |`);
  console.log(`|---|${columns.map(() => "---|").join("")}`);
  const rows: unknown[] = [];
  for (const trial of trials.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
    const found: Figures[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const recipe = recipeOf(trial, seed);
      const used = sourcesOf(trial.stages).flatMap((name) => sources[sourceNames.indexOf(name)] ?? []);
      const run = await engine.startRun({ name: trial.name, modelHash: model.hash, sources: used, recipe });
      if (run.status !== "finished") throw new Error(`${trial.name}: ${run.reason ?? run.status}`);
      const taken = await engine.takeExam({
        modelHash: model.hash,
        runId: run.id,
        checkpoint: null,
        template: recipe.template,
        systemPrompt: null,
        exam,
      });
      const { steps } = await engine.curvesOf(run.id);
      const last = (column: readonly number[] | Float64Array | undefined) => column?.at(-1) ?? Number.NaN;
      found.push({
        ...figuresOf(taken),
        margin: last(steps.margin),
        accuracy: last(steps.accuracy),
      });
    }
    const figures = Object.fromEntries(
      columns.map(([figure]) => [figure, meanAndSpread(found.map((figures) => figures[figure]))]),
    );
    const shown = columns.map(([figure, , digits]) => {
      const { mean, spread } = meanAndSpread(found.map((figures) => figures[figure]));
      return Number.isNaN(mean) ? "—" : `${mean.toFixed(digits)} ± ${spread.toFixed(digits)}`;
    });
    console.log(`| ${trial.name} | ${shown.join(" | ")} |`);
    rows.push({ trial: trial.name, seeds, ...figures });
  }
  writeJson(values.json, rows);
}

runCommand(main);
