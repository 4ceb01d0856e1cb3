/**
 * `npm run forgetting -- [--seeds N] [--only TEXT] [--json FILE]`: Seedling learns the demo's questions with 0, 1, 10 and 50 % of
 * general text, at the default rate and at ten times that, and with text that it wrote itself. Then the guard, with a limit of
 * 0.2. Prints the loss on general text and the exam: the mean over seeds, and half the distance of the extremes.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { meanAndSpread } from "../src/lessons/runLesson.ts";
import type { Exam } from "../src/protocol/datasets.ts";
import type { EngineApi } from "../src/protocol/engine.ts";
import { noForgetting } from "../src/run/forgetting.ts";
import { generalOf } from "../src/run/heldOut.ts";
import type { EvaluationMetrics } from "../src/run/metrics.ts";
import { defaultRecipe, type Recipe } from "../src/run/recipe.ts";
import type { RunRecord } from "../src/run/record.ts";
import { inEveryStage, lastStage, withLambdas } from "../src/run/stage.ts";
import { demoData, demoExam, seedlingRecipe } from "../src/store/seedling.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { openSeedling } from "./seedling/laboratory.ts";
import { projectRoot } from "./setup.mjs";

const samples = join(projectRoot, "public", "samples");
const allowedRise = 0.2;
const factors = [1, 10];
/** The texts that the model writes: about as many tokens as the sample of general text has. */
const ownTexts = { texts: 120, tokens: 128, seed: 1 };

interface Trial {
  readonly name: string;
  /** Times the default rate. */
  readonly factor: number;
  readonly replay: number;
  readonly text: "sample" | "own";
  readonly guard: boolean;
}

const trials: readonly Trial[] = factors.flatMap((factor) => {
  const rate = factor === 1 ? "default rate" : `${factor} times the rate`;
  return [
    ...[0, 0.01, 0.1, 0.5].map((replay): Trial => {
      return { name: `${rate}, replay ${100 * replay} %`, factor, replay, text: "sample", guard: false };
    }),
    { name: `${rate}, replay 10 % of its own text`, factor, replay: 0.1, text: "own", guard: false },
    { name: `${rate}, guard`, factor, replay: 0, text: "sample", guard: true },
  ];
});

/** Sources: the demo's rows, the sample of general text, the model's own text. The sample is measured in every trial. */
function recipeOf({ factor, replay, text, guard }: Trial, seed: number): Recipe {
  const base = seedlingRecipe(defaultRecipe("lora"));
  const recipe = inEveryStage(base, { learningRate: factor * lastStage(base).learningRate, replay });
  const sources = text === "own" ? [1, 2] : [1];
  return withLambdas(
    {
      ...recipe,
      seed,
      maxLength: 256,
      samplePrompts: 0,
      watchEvery: null,
      evaluateEvery: guard ? 10 : 20,
      checkpointEvery: 10_000,
      forgetting: { ...noForgetting, sources, allowedRise: guard ? allowedRise : null },
    },
    sources.length === 2 ? [1, 1, 1] : [1, 1],
    sources,
  );
}

const loss = ({ sets }: EvaluationMetrics) => sets[generalOf(1).name] ?? Number.NaN;

/** Figures of a run: the losses on general text and the task, and the exam. */
async function figuresOf(engine: EngineApi, run: RunRecord, exam: Exam) {
  const { evaluations } = await engine.curvesOf(run.id);
  const [first, last] = [evaluations.at(0), evaluations.at(-1)];
  if (!first || !last) throw new Error(`${run.name} has no validation.`);
  const taken = await engine.takeExam({
    ...{ modelHash: run.model.hash, runId: run.id, checkpoint: null },
    ...{ template: run.recipe.template, systemPrompt: null, exam },
  });
  return {
    steps: run.step,
    before: loss(first),
    after: loss(last),
    rise: loss(last) - loss(first),
    highest: Math.max(...evaluations.map(loss)) - loss(first),
    task: last.sets.validation ?? last.loss,
    exam: (100 * taken.correct) / taken.questions.length,
  };
}

type Figures = Awaited<ReturnType<typeof figuresOf>>;

const columns: readonly (readonly [figure: keyof Figures, title: string, digits: number])[] = [
  ["steps", "steps", 0],
  ["before", "general loss before", 3],
  ["after", "after", 3],
  ["rise", "rise", 3],
  ["highest", "highest rise", 3],
  ["task", "validation loss", 3],
  ["exam", "exam, %", 1],
];

async function main() {
  const { values } = parseArgs({
    options: { seeds: { type: "string" }, only: { type: "string" }, json: { type: "string" } },
  });
  const seeds = count("seeds", values.seeds) ?? 3;
  const { engine, data, model, reason, open } = await openSeedling();
  const sample = (name: string) => new File([readFileSync(join(samples, name))], name);
  const own = await engine.writeTexts({ modelHash: model.hash, ...ownTexts });
  const files = [
    sample(demoData),
    sample("small-world-text.jsonl"),
    new File([own.map((text) => `${JSON.stringify({ text })}\n`).join("")], "own-text.jsonl"),
  ];
  const opened = await Promise.all(files.map(open));
  const exam = await data.exam(demoExam.map(sample));
  console.log(`${reason} ${seeds} seeds. The model wrote ${own.length} texts, the first: ${own[0]?.slice(0, 200)}\n`);
  console.log(`| trial | ${columns.map(([, title]) => title).join(" | ")} |`);
  console.log(`|---|${columns.map(() => "---|").join("")}`);
  const rows: unknown[] = [];
  for (const trial of trials.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
    const found: Figures[] = [];
    const reasons: string[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const recipe = recipeOf(trial, seed);
      const sources = trial.text === "own" ? opened : opened.slice(0, 2);
      const run = await engine.startRun({ name: trial.name, modelHash: model.hash, sources, recipe });
      if (run.status !== "finished" && !trial.guard) throw new Error(`${trial.name}: ${run.reason ?? run.status}`);
      if (run.reason !== null) reasons.push(run.reason);
      found.push(await figuresOf(engine, run, exam));
    }
    const shown = columns.map(([figure, , digits]) => {
      const { mean, spread } = meanAndSpread(found.map((figures) => figures[figure]));
      return `${mean.toFixed(digits)} ± ${spread.toFixed(digits)}`;
    });
    console.log(`| ${trial.name} | ${shown.join(" | ")} |`);
    for (const each of reasons) console.log(`  ${each}`);
    const figures = Object.fromEntries(
      columns.map(([figure]) => [figure, meanAndSpread(found.map((figures) => figures[figure]))]),
    );
    rows.push({ ...trial, seeds, runs: found, reasons, ...figures });
  }
  writeJson(values.json, rows);
}

runCommand(main);
