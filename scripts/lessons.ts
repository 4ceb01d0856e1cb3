/**
 * `npm run lessons -- [--only N] [--seeds N] [--json FILE]`: runs the lessons of the page on its own engine and Seedling, and prints each
 * arm's measures as mean ± half the distance between the seeds' extremes; exit 1 where a lesson's claim does not show.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Lesson, lessonSeeds } from "../src/lessons/lesson.ts";
import { lessons } from "../src/lessons/lessons.ts";
import { type LessonParts, meansOf, runLesson, spreadOf } from "../src/lessons/runLesson.ts";
import { defaultRecipe } from "../src/run/recipe.ts";
import type { SourceChoice } from "../src/run/source.ts";
import { seedlingRecipe } from "../src/store/seedling.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { openSeedling } from "./seedling/laboratory.ts";
import { projectRoot } from "./setup.mjs";

const fileOf = (name: string) => new File([readFileSync(join(projectRoot, "public/lessons", name))], name);

async function openParts(): Promise<LessonParts> {
  const { engine, data, model, reason, open } = await openSeedling();
  console.log(reason);
  const opened = new Map<string, Promise<SourceChoice>>();
  return {
    engine,
    modelHash: model.hash,
    usual: seedlingRecipe(defaultRecipe("lora")),
    openRows(name) {
      const found = opened.get(name) ?? open(fileOf(name));
      opened.set(name, found);
      return found;
    },
    openExam: (names) => data.exam(names.map(fileOf)),
  };
}

function print(lesson: Lesson, results: Awaited<ReturnType<typeof runLesson>>) {
  console.log(`| ${["arm", ...lesson.measures.map(({ label }) => label)].join(" | ")} |`);
  console.log(`|---|${lesson.measures.map(() => "---|").join("")}`);
  for (const { name } of lesson.arms) {
    const cells = lesson.measures.map((measure) => {
      const found = spreadOf(results, name, measure);
      return found ? `${found.mean.toFixed(measure.digits)} ± ${found.spread.toFixed(measure.digits)}` : "—";
    });
    console.log(`| ${[name, ...cells].join(" | ")} |`);
  }
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: "string" }, seeds: { type: "string" }, json: { type: "string" } },
  });
  const only = count("only", values.only);
  const seeds = lessonSeeds.slice(0, count("seeds", values.seeds) ?? lessonSeeds.length);
  const parts = await openParts();
  const records: unknown[] = [];
  for (const [index, lesson] of lessons.entries()) {
    if (only !== null && only !== index + 1) continue;
    console.log(`\n${index + 1}. ${lesson.title}: ${lesson.claim}\n`);
    const startedAt = performance.now();
    const results = await runLesson(lesson, parts, { seeds });
    const seconds = (performance.now() - startedAt) / 1000;
    const shown = lesson.shows(meansOf(results));
    print(lesson, results);
    console.log(`\n${shown ? "Shown" : "NOT shown"} in ${seconds.toFixed(0)} s.`);
    if (!shown) process.exitCode = 1;
    records.push({
      lesson: lesson.id,
      claim: lesson.claim,
      arms: lesson.arms.flatMap(({ name }) =>
        lesson.measures.flatMap((measure) => {
          const found = spreadOf(results, name, measure);
          return found ? [{ name, measure: measure.label, ...found }] : [];
        }),
      ),
      shown,
      seconds,
    });
  }
  writeJson(values.json, records);
}

runCommand(main);
