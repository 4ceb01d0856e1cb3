/**
 * `npm run synthesize -- [--attempts N] [--passages N] [--json FILE]`: makes rows with Seedling, tuned to write questions, from 40
 * examples and from texts; then trains Seedling on the examples alone and with the made rows, and compares the exam.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  answerPrompt,
  examplePrompt,
  type MadeOutcome,
  makeFromExamples,
  makeFromPassages,
  passagePrompt,
  type Teacher,
} from "../src/generation/make/make.ts";
import { passagesOf } from "../src/records/documents/passages.ts";
import { readDocument } from "../src/records/documents/read.ts";
import type { MadeRow } from "../src/run/made.ts";
import { defaultRecipe, type Recipe } from "../src/run/recipe.ts";
import type { RunRecord } from "../src/run/record.ts";
import { seedlingRecipe } from "../src/store/seedling.ts";
import { bytesFromMemory } from "../src/tensor/bytes.ts";
import { createRandom } from "../src/tensor/random.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { createProgress } from "./harness/progress.ts";
import { type Laboratory, openLaboratory, questionsOf } from "./seedling/laboratory.ts";
import { type ExamQuestion, groups, openWorld, type Pair } from "./seedling/pairs.ts";
import { readRows } from "./seedling/samples.ts";
import { projectRoot } from "./setup.mjs";

/** As the page's demo data. */
const worldSeed = 20;
const examplesGiven = 40;
const samples = join(projectRoot, "public", "samples");

const pairOf = (instruction: string, output: string): Pair => ({ instruction, output, task: "teacher" });
const passage = (text: string) => ({ document: "lesson", text, page: null, heading: null });

/** Rows that teach Seedling the prompts of the maker; a text is the statement of one answer among two others. */
function lessons(pairs: readonly Pair[]): Pair[] {
  const random = createRandom(1);
  const any = () => pairs[random.below(pairs.length)] as Pair;
  return pairs.flatMap((pair) => {
    const text = [pair, any(), any()].map(({ output }) => output).join(" ");
    return [
      pair,
      pairOf(examplePrompt([any(), any(), any()]), pair.instruction),
      pairOf(passagePrompt(passage(text)), pair.instruction),
      pairOf(answerPrompt(pair.instruction, passage(text)), pair.output),
    ];
  });
}

const recipeOf = (changes: Partial<Recipe>, steps: number): Recipe => {
  const usual = seedlingRecipe(defaultRecipe("lora"));
  const stages = usual.stages.map((stage) => ({ ...stage, steps }));
  return { ...usual, maxLength: 256, validationShare: 0, samplePrompts: 0, watchEvery: null, ...changes, stages };
};

function teacherOf({ engine, model }: Laboratory, run: RunRecord): Teacher {
  const { template, systemPrompt } = run.recipe;
  return async (message, sampling) =>
    engine.answer({
      requestId: "synthesize",
      modelHash: model.hash,
      runId: run.id,
      checkpoint: null,
      template,
      systemPrompt,
      messages: [{ role: "user", content: message }],
      sampling,
    });
}

interface Made {
  readonly attempts: number;
  readonly rows: readonly MadeRow[];
  readonly dropped: Readonly<Record<string, number>>;
  readonly seconds: number;
}

async function collect(title: string, outcomes: AsyncGenerator<MadeOutcome>, total: number): Promise<Made> {
  const bar = createProgress(title);
  const begun = performance.now();
  const rows: MadeRow[] = [];
  const dropped: Record<string, number> = {};
  let attempts = 0;
  for await (const outcome of outcomes) {
    bar(++attempts, total, title);
    if (outcome.kind === "kept") rows.push(outcome.row);
    else {
      const reason = `${outcome.part}: ${outcome.reason}`;
      dropped[reason] = (dropped[reason] ?? 0) + 1;
    }
  }
  const seconds = (performance.now() - begun) / 1000;
  console.log(`\n${title}: ${attempts} attempts, ${rows.length} kept, in ${seconds.toFixed(0)} s`);
  for (const [reason, number] of Object.entries(dropped)) console.log(`  dropped, ${reason}: ${number}`);
  for (const { instruction, output } of rows.slice(0, 5)) console.log(`  e.g. ${instruction} → ${output}`);
  return { attempts, rows, dropped, seconds };
}

async function main() {
  const { values } = parseArgs({
    options: { attempts: { type: "string" }, passages: { type: "string" }, json: { type: "string" } },
  });
  const attempts = count("attempts", values.attempts) ?? 200;
  const mostPassages = count("passages", values.passages) ?? 60;
  const laboratory = await openLaboratory(join(projectRoot, "public", "models", "seedling"), "Seedling");
  const world = openWorld(worldSeed);
  const known = world.pairs({ count: 200 });
  const examples = known.slice(0, examplesGiven);
  const exam = readRows<ExamQuestion>(join(samples, "small-world-exam.jsonl"));

  const teacherRun = await laboratory.train(lessons(known), recipeOf({ batchSize: 8 }, 250));
  console.log(`The teacher took ${teacherRun.step} steps in ${teacherRun.seconds.toFixed(0)} s.`);
  const teacher = teacherOf(laboratory, teacherRun);
  const settings = { seed: 1, temperature: 1, samples: 2, grader: { kind: "none" } } as const;
  const byExamples = await collect(
    "From examples",
    makeFromExamples(examples, teacher, { ...settings, attempts }),
    attempts,
  );
  const text = readRows<{ text: string }>(join(samples, "small-world-text.jsonl")).map((row) => row.text);
  const document = bytesFromMemory("texts.txt", new Uint8Array(new TextEncoder().encode(text.join("\n\n"))));
  const passages = passagesOf(await readDocument(document), 160)
    .slice(0, mostPassages)
    .map((one) => ({ ...one, document: document.name }));
  const byPassages = await collect(
    "From texts",
    makeFromPassages(passages, teacher, { ...settings, perPassage: 1 }),
    passages.length,
  );

  const made = [...byExamples.rows, ...byPassages.rows].map((row) => pairOf(row.instruction, row.output));
  const steps = 160;
  const scores: Record<string, Readonly<Record<string, number>>> = {};
  const examine = async (name: string, run: RunRecord | null) => {
    const { template, systemPrompt } = teacherRun.recipe;
    const subject = {
      modelHash: laboratory.model.hash,
      runId: run?.id ?? null,
      checkpoint: null,
      template,
      systemPrompt,
    };
    const { answers } = await laboratory.engine.examine({ ...subject, questions: questionsOf(exam), texts: [] });
    const right = (group: string | null) => {
      const own = exam.flatMap((question, i) => (group === null || question.group === group ? [answers[i]] : []));
      return own.filter((answer) => answer?.correct).length / own.length;
    };
    scores[name] = { all: right(null), ...Object.fromEntries(groups.map((group) => [group, right(group)])) };
    const shown = Object.entries(scores[name] ?? {}).map(([group, share]) => `${group} ${(100 * share).toFixed(1)} %`);
    console.log(`Exam, ${name}: ${shown.join(", ")}`);
  };
  await examine("the base model", null);
  await examine("the teacher", teacherRun);
  const alone = await laboratory.train(examples, recipeOf({}, steps));
  await examine(`${examples.length} examples, ${steps} steps`, alone);
  const together = await laboratory.train([...examples, ...made], recipeOf({}, steps));
  await examine(`${examples.length} examples and ${made.length} made rows, ${steps} steps`, together);
  writeJson(values.json, { byExamples, byPassages, scores });
}

runCommand(main);
