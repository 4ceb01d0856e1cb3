/** Writes the data of the lessons, from the small world: pairs, wrong pairs, one task, long answers, general text, and their exams. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCorpus } from "./corpus.ts";
import { type ExamQuestion, openWorld, type Pair, trainedTasks } from "./pairs.ts";
import { preferenceCount } from "./samples.ts";
import { spoil } from "./spoilt.ts";

/** Another seed than the corpus that Seedling was trained on, so that its documents are new. */
const textSeed = 77;

/** Places that no document of the corpus names, each with an invented capital, language and continent. */
const invented = [
  ["Borvania", "Tresk", "Borvanian"],
  ["Quellland", "Mirrow", "Quellish"],
  ["Zandoria", "Pellock", "Zandorian"],
  ["Urmistan", "Gradda", "Urmi"],
  ["Velmark", "Stovik", "Velmarkish"],
  ["Oskania", "Trum", "Oskanian"],
  ["Jeltia", "Barrowin", "Jeltian"],
  ["Krennland", "Ossik", "Krennish"],
  ["Faldova", "Merrin", "Faldovan"],
  ["Wixtan", "Dorrel", "Wixtani"],
] as const;

function unknownQuestions(): (Omit<ExamQuestion, "group"> & { readonly group: string })[] {
  const group = "never seen";
  return invented.flatMap(([place, capital, language]) => [
    {
      instruction: `What is the capital of ${place}?`,
      output: `The capital of ${place} is ${capital}.`,
      task: "capital",
      group,
    },
    {
      instruction: `What language do people speak in ${place}?`,
      output: `People in ${place} speak ${language}.`,
      task: "language",
      group,
    },
  ]);
}

/** Every n-th item of each group and task. */
const everyOther = (questions: readonly ExamQuestion[], perTask: number) => {
  const seen = new Map<string, number>();
  return questions.filter(({ group, task }) => {
    const key = `${group} ${task}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return (seen.get(key) ?? 0) <= perTask;
  });
};

/** Writes every file into `folder`; equal seeds give equal bytes. */
export function writeLessonData(folder: string, seed: number): void {
  mkdirSync(folder, { recursive: true });
  const world = openWorld(seed);
  const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const write = (name: string, rows: readonly unknown[]) => writeFileSync(join(folder, name), lines(rows));
  const right: Pair[] = world.pairs({ count: 180 });
  write("pairs.jsonl", right);
  write("few-pairs.jsonl", right.slice(0, 60));
  write("third-wrong.jsonl", spoil(right, 1 / 3, seed));
  write("one-task.jsonl", world.pairs({ tasks: ["capital"], count: 120 }));
  write("ten-tasks.jsonl", world.pairs({ tasks: trainedTasks, count: 120 }));
  const preferences = world.preferences(preferenceCount);
  write("preferences.jsonl", preferences);
  write(
    "long-pairs.jsonl",
    preferences.map(({ prompt, rejected, task }) => ({ instruction: prompt, output: rejected, task })),
  );
  const { training, heldOut } = makeCorpus(textSeed, 200);
  write(
    "text.jsonl",
    training.map((text) => ({ text })),
  );
  const texts = [...heldOut, ...makeCorpus(textSeed + 1, 40).training].map((text) => ({ text }));
  write("exam.jsonl", [...everyOther(world.exam(10), 3), ...texts]);
  write("unknown-exam.jsonl", unknownQuestions());
}
