/**
 * Measures the effect of fine-tuning on Seedling: `tsx bench/seedling.ts sweep|lessons [--model DIR] [--only TEXT] [--json FILE]`.
 * Every trial is a run of the page's engine under Node, from the same base model, followed by the same exam.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { openLaboratory, questionsOf } from "../scripts/seedling/laboratory.ts";
import { type ExamQuestion, groups, openWorld, type Pair, trainedTasks } from "../scripts/seedling/pairs.ts";
import { seedling } from "../scripts/seedling/recipe.ts";
import { readRows } from "../scripts/seedling/samples.ts";
import { spoil } from "../scripts/seedling/spoilt.ts";
import { projectRoot } from "../scripts/setup.mjs";
import type { Recipe } from "../src/run/recipe.ts";
import { inEveryStage, lastStage, type Stage } from "../src/run/stage.ts";
import { defaultsFor } from "../src/store/recipe.ts";

interface Trial {
  readonly name: string;
  readonly pairs: readonly Pair[];
  readonly recipe: Recipe;
}

const world = openWorld(seedling.seed);
const usual = world.pairs({ count: 200 });
const defaults = (method: Recipe["method"]) => defaultsFor({ name: "Seedling" }, method);
const lora = defaults("lora");

const rateOf = (recipe: Recipe) => lastStage(recipe).learningRate;

type Change = Partial<Recipe> & { readonly stage?: Partial<Stage> };

const trial = (name: string, { stage = {}, ...change }: Change, pairs: readonly Pair[] = usual): Trial => {
  const base = { ...defaults(change.method ?? "lora"), maxLength: 256, samplePrompts: 0, watchEvery: null };
  return { name, pairs, recipe: inEveryStage({ ...base, ...change }, stage) };
};

function sweep(): Trial[] {
  const ranks = [4, 8, 16, 32].flatMap((rank) =>
    [5e-4, 1e-3, 2e-3, 4e-3].map((learningRate) =>
      trial(`LoRA rank ${rank}, rate ${learningRate}`, {
        stage: { learningRate },
        lora: { ...lora.lora, rank, alpha: 2 * rank },
      }),
    ),
  );
  const full = [2e-4, 5e-4, 1e-3].map((learningRate) =>
    trial(`full, rate ${learningRate}`, { method: "full", stage: { learningRate } }),
  );
  const epochs = [2, 8].map((count) => trial(`LoRA as usual, ${count} epochs`, { stage: { epochs: count } }));
  const batches = [2, 8].map((batchSize) => trial(`LoRA as usual, ${batchSize} rows a step`, { batchSize }));
  return [...ranks, ...full, ...epochs, ...batches];
}

function lessons(): Trial[] {
  const many = world.pairs({ count: 2000 });
  const steps = Math.ceil(
    (usual.length * (1 - lora.validationShare) * lastStage(lora).epochs) / (lora.batchSize * lora.accumulation),
  );
  // One task has fewer entities than 200 pairs, so it repeats them in other words; eight tasks do not.
  const oneTask = world.pairs({ tasks: ["capital"], count: 200 });
  return [
    trial("as usual: 200 clean pairs of ten tasks", {}),
    trial("full training as usual", { method: "full" }),
    trial("one task, 200 pairs", {}, oneTask),
    trial("eight tasks, 200 pairs", {}, world.pairs({ tasks: trainedTasks.slice(0, 8), count: 200 })),
    trial("loss mask off: every token is supervised", { mask: "everything" }),
    trial("200 pairs, a third of the answers wrong", {}, spoil(usual, 1 / 3, 5)),
    trial("2,000 pairs, a third of the answers wrong, as many steps", { stage: { steps } }, spoil(many, 1 / 3, 5)),
    trial("2,000 pairs, a third of the answers wrong, as many passes", {}, spoil(many, 1 / 3, 5)),
    trial("LoRA at 30 times the rate", { stage: { learningRate: 30 * rateOf(lora) } }),
    trial("full training at 30 times the rate", {
      method: "full",
      stage: { learningRate: 30 * rateOf(defaults("full")) },
    }),
  ];
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: "string", default: join(projectRoot, "public", "models", "seedling") },
      only: { type: "string" },
      json: { type: "string" },
    },
  });
  const what = oneOf("what", positionals[0] ?? "", ["sweep", "lessons"]);
  const trials = (what === "sweep" ? sweep() : lessons()).filter(({ name }) => name.includes(values.only ?? ""));
  const exam: ExamQuestion[] = world.exam(10);
  const file = join(projectRoot, "public", "samples", "small-world-text.jsonl");
  const texts = readRows<{ text: string }>(file).map(({ text }) => text);
  const { engine, model, reason, train } = await openLaboratory(values.model, "Seedling");
  console.log(reason);
  const examine = async (runId: string | null, recipe: Recipe) => {
    const { template, systemPrompt } = recipe;
    const subject = { modelHash: model.hash, runId, checkpoint: null, template, systemPrompt };
    const { answers, textLoss } = await engine.examine({ ...subject, questions: questionsOf(exam), texts });
    const share = (keep: (question: ExamQuestion) => boolean) => {
      const selected = answers.filter((_, i) => keep(exam[i] as ExamQuestion));
      return selected.filter(({ correct }) => correct).length / selected.length;
    };
    const byGroup = groups.map((group) => share((question) => question.group === group));
    const tasks = [...new Set(exam.map(({ task }) => task))].map((task) => [
      task,
      share((question) => question.task === task && question.group !== "trained entities"),
    ]);
    return { byGroup, textLoss, tasks: Object.fromEntries(tasks) };
  };
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`.padStart(6);
  const row = (name: string, found: Awaited<ReturnType<typeof examine>>, more = "") =>
    console.log(`${name.padEnd(58)}${found.byGroup.map(percent).join("")}   ${found.textLoss?.toFixed(3)}${more}`);
  console.log(`${"".padEnd(58)}${groups.join(" / ")}; loss on general text; validation loss; seconds`);
  const base = await examine(null, lora);
  row("base model", base);
  const results: unknown[] = [{ name: "base model", ...base }];
  for (const { name, pairs, recipe } of trials) {
    const record = await train(pairs, recipe).catch((error: Error) => error);
    if (record instanceof Error) {
      console.log(`${name.padEnd(58)} ${record.message}`);
      results.push({ name, failed: record.message });
      continue;
    }
    const found = await examine(record.id, recipe);
    const { evaluations } = await engine.curvesOf(record.id);
    const validation = evaluations.map(({ loss }) => loss.toFixed(3)).join(" ");
    row(name, found, `   ${validation}   ${record.seconds.toFixed(1)} s, ${record.step} steps`);
    results.push({ name, ...found, validation: evaluations, seconds: record.seconds, steps: record.step });
    await engine.deleteRun(record.id);
  }
  writeJson(values.json, results);
}

runCommand(main);
