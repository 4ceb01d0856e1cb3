/**
 * `npm run exams -- [--steps A,B,…] [--same N] [--seeds N] [--report FOLDER] [--json FILE]`: trains runs on Seedling that differ in their length
 * and runs that differ in their seed alone, examines every checkpoint, and prints curves with intervals and all paired tests.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createDatasetService } from "../src/datasets/datasets.ts";
import type { ExamRequest } from "../src/protocol/engine.ts";
import { type ExamFigure, figureOf, pairedTests } from "../src/run/comparison.ts";
import { intervalText, percentOf, spreadText, verdictText } from "../src/run/comparisonText.ts";
import { htmlReport, markdownReport } from "../src/run/examReport.ts";
import { defaultRecipe } from "../src/run/recipe.ts";
import type { WholeExamResult } from "../src/run/results.ts";
import { inEveryStage } from "../src/run/stage.ts";
import { openStorage } from "../src/storage/storage.ts";
import { demoExam, seedlingRecipe } from "../src/store/seedling.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { createProgress } from "./harness/progress.ts";
import { openLaboratory } from "./seedling/laboratory.ts";
import type { Pair } from "./seedling/pairs.ts";
import { readRows } from "./seedling/samples.ts";
import { projectRoot } from "./setup.mjs";

const usage = "npm run exams -- [--steps A,B,…] [--same N] [--seeds N] [--report FOLDER] [--json FILE]";

interface Taken {
  readonly name: string;
  /** By checkpoint, each with one result for each seed; the base model has one at step 0. */
  readonly points: readonly { readonly step: number; readonly results: readonly WholeExamResult[] }[];
}

const figureText = (figure: ExamFigure) =>
  [percentOf(figure.share), spreadText(figure), `(${intervalText(figure)})`].filter(Boolean).join(" ");

async function main() {
  const { values } = parseArgs({
    options: {
      steps: { type: "string", default: "20,60,180" },
      same: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      report: { type: "string" },
      json: { type: "string" },
    },
  });
  const lengths = values.steps.split(",").map((part) => {
    const steps = count("steps", part.trim());
    if (steps === null) throw new Error(`--steps is a list of whole numbers: ${usage}`);
    return steps;
  });
  const same = count("same", values.same) ?? 1;
  const seeds = count("seeds", values.seeds) ?? 1;
  const longest = Math.max(...lengths);
  const trials = [
    ...lengths.map((steps) => ({ name: `${steps} steps`, steps, seed: 42 })),
    ...Array.from({ length: same }, (_, i) => ({
      name: `${longest} steps, seed ${43 + i}`,
      steps: longest,
      seed: 43 + i,
    })),
  ];

  const samples = join(projectRoot, "public", "samples");
  const bar = createProgress("exams");
  const { engine, model, train, reason } = await openLaboratory(
    join(projectRoot, "public", "models", "seedling"),
    "Seedling",
    { emit: (event) => event.type === "step" && bar(event.metrics.step, longest, "steps") },
  );
  console.log(`${reason}\n`);
  const data = createDatasetService(await openStorage(), () => undefined).during("");
  const exam = await data.exam(demoExam.slice(0, 1).map((name) => new File([readFileSync(join(samples, name))], name)));
  const rows = readRows<Pair>(join(samples, "small-world.jsonl"));

  const usual = seedlingRecipe({ ...defaultRecipe("lora"), maxLength: model.contextLength });
  const take = async (runId: string | null, checkpoint: number | null) => {
    const results: WholeExamResult[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const request: ExamRequest = {
        ...{ modelHash: model.hash, runId, checkpoint, exam },
        ...{ template: usual.template, systemPrompt: usual.systemPrompt },
        ...(seeds > 1 && { sampling: { temperature: 0.7, topK: null, topP: null, seed } }),
      };
      results.push(await engine.takeExam(request));
    }
    return results;
  };

  const taken: Taken[] = [{ name: "base model", points: [{ step: 0, results: await take(null, null) }] }];
  for (const { name, steps, seed } of trials) {
    const every = Math.max(1, Math.ceil(steps / 4));
    const recipe = { ...inEveryStage(usual, { steps }), seed, checkpointEvery: every, keepLast: 10, samplePrompts: 0 };
    const started = performance.now();
    const run = await train(rows, { ...recipe, evaluateEvery: every });
    const checkpoints = [...(await engine.checkpointsOf(run.id))].sort((a, b) => a.step - b.step);
    const points: Taken["points"][number][] = [];
    for (const { step } of checkpoints) points.push({ step, results: await take(run.id, step) });
    console.log(`\n${name}: ${((performance.now() - started) / 1000).toFixed(0)} s with ${points.length} exams`);
    for (const { step, results } of points) console.log(`  step ${step}: ${figureText(figureOf(results))}`);
    taken.push({ name, points });
  }

  const contestants = taken.map(({ name, points }) => ({ name, results: points.at(-1)?.results ?? [] }));
  const names = contestants.map(({ name }) => name);
  const tests = pairedTests(contestants);
  console.log(`\nLast checkpoints, ${exam.questions.length} questions:`);
  for (const { name, results } of contestants) console.log(`  ${name}: ${figureText(figureOf(results))}`);
  console.log(`\n${tests.length} paired tests, corrected by Holm:`);
  for (const test of tests) {
    const { finding, figures } = verdictText(test, names);
    console.log(`  ${finding} ${figures}`);
  }
  if (values.report) {
    const lines = taken.map(({ name, points }) => ({ name, points, last: points.at(-1)?.results ?? [] }));
    const report = { exam: exam.name, model: model.name, lines, tests };
    mkdirSync(values.report, { recursive: true });
    writeFileSync(join(values.report, "exam-report.html"), htmlReport(report));
    writeFileSync(join(values.report, "exam-report.md"), markdownReport(report));
  }
  writeJson(values.json, {
    questions: exam.questions.length,
    runs: taken.map(({ name, points }) => ({
      name,
      points: points.map(({ step, results }) => ({ step, ...figureOf(results) })),
    })),
    tests: tests.map((test) => ({ ...test, first: names[test.first], second: names[test.second] })),
  });
}

runCommand(main);
