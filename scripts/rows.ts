/**
 * `npm run rows -- [--seeds N] [--pairs N] [--share F] [--epochs N] [--json FILE]`: how well losses find wrong rows. Trains Seedling on a set
 * of which a share has wrong answers, and sorts its rows by their losses under the base and the tuned model.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { defaultRecipe } from "../src/run/recipe.ts";
import { areaUnderCurve, markedInTop, measureOf, rowMeasures, rowsOfLosses } from "../src/run/rowLosses.ts";
import { seedlingRecipe } from "../src/store/seedling.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { createProgress } from "./harness/progress.ts";
import { openLaboratory } from "./seedling/laboratory.ts";
import { openWorld, type Pair } from "./seedling/pairs.ts";
import { spoil } from "./seedling/spoilt.ts";
import { projectRoot } from "./setup.mjs";

/** As the page's demo data. */
const worldSeed = 20;

function readArguments() {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      pairs: { type: "string" },
      share: { type: "string", default: String(1 / 3) },
      epochs: { type: "string" },
      json: { type: "string" },
    },
  });
  const share = Number(values.share);
  if (!(share > 0 && share < 1)) throw new Error(`--share must be between 0 and 1, not ${values.share}.`);
  return {
    seeds: count("seeds", values.seeds) ?? 3,
    pairs: count("pairs", values.pairs) ?? 600,
    epochs: count("epochs", values.epochs),
    share,
    json: values.json,
  };
}

/** Pairs of different questions: a repeated question would show the model both answers. */
const differing = (pairs: readonly Pair[]) => [...new Map(pairs.map((pair) => [pair.instruction, pair])).values()];

const percent = (part: number, all: number) => `${((100 * part) / all).toFixed(1)} %`;

async function main() {
  const { seeds, pairs: wanted, epochs, share, json } = readArguments();
  const bar = createProgress("rows");
  const laboratory = await openLaboratory(join(projectRoot, "public", "models", "seedling"), "Seedling", {
    emit: (event) => event.type === "progress" && bar(event.done, event.total ?? event.done, event.task),
  });
  console.log(laboratory.reason);
  const results = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const pairs = differing(openWorld(worldSeed + seed).pairs({ count: wanted }));
    const rows = spoil(pairs, share, seed);
    const usual = seedlingRecipe(defaultRecipe("lora"));
    const recipe = {
      ...usual,
      seed,
      maxLength: 128,
      validationShare: 0,
      samplePrompts: 0,
      watchEvery: null,
      ...(epochs !== null && { stages: usual.stages.map((stage) => ({ ...stage, epochs })) }),
    };
    const run = await laboratory.train(rows, recipe);
    const found = rowsOfLosses(await laboratory.engine.measureRowLosses(run.id, null));
    const marked = found.map(({ row }) => rows[row] !== pairs[row]);
    const wrong = marked.filter(Boolean).length;
    const top = Math.round(found.length / 3);
    const measures = Object.fromEntries(
      rowMeasures.map((measure) => {
        const scores = found.map((row) => measureOf(row, measure));
        return [measure, { inTop: markedInTop(scores, marked, top), area: areaUnderCurve(scores, marked) }];
      }),
    );
    const mean = (of: boolean, measure: "base" | "tuned") => {
      const own = found.filter((_, i) => marked[i] === of);
      return own.reduce((sum, row) => sum + measureOf(row, measure), 0) / own.length;
    };
    const means = {
      wrong: { base: mean(true, "base"), tuned: mean(true, "tuned") },
      right: { base: mean(false, "base"), tuned: mean(false, "tuned") },
    };
    console.log(
      `\nSeed ${seed}: ${found.length} rows, ${wrong} wrong; top third: ${top} rows; ${run.step} steps in ${run.seconds.toFixed(0)} s`,
    );
    for (const [name, { inTop, area }] of Object.entries(measures)) {
      const label = { tuned: "tuned loss", base: "base loss", drop: "difference, base − tuned" }[name];
      console.log(
        `  ${(label ?? name).padEnd(26)} ${inTop} of ${wrong} wrong rows in the top third (${percent(inTop, wrong)}), area ${area.toFixed(3)}`,
      );
    }
    console.log(
      `  mean loss, wrong rows: base ${means.wrong.base.toFixed(2)}, tuned ${means.wrong.tuned.toFixed(2)}; ` +
        `right rows: base ${means.right.base.toFixed(2)}, tuned ${means.right.tuned.toFixed(2)}`,
    );
    results.push({ seed, rows: found.length, wrong, top, steps: run.step, measures, means });
  }
  writeJson(json, { share, results });
}

runCommand(main);
