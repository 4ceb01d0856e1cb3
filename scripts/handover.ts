/**
 * `npm run handover -- --demo | --model DIR --data FILE [--run FILE] [--python PATH] [--out DIR] [--json FILE]`: hands a
 * run over and goes on with it in TRL: the first batch, ten losses, and training from Hone's own weights; exit 1 on a
 * difference. --demo: Seedling on the page's data, and two tiny models of ../shared, where they are. A development command.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { defaultRecipe } from "../src/run/recipe.ts";
import { textFirst } from "../src/run/stage.ts";
import { demoData, seedlingRecipe } from "../src/store/seedling.ts";
import { recipeWith } from "../tests/support/recipe.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import {
  type HandOverCase,
  type HandOverVerdict,
  handOver,
  runThere,
  shortRun,
  trlMissing,
} from "./oracle/handOver/trl.ts";
import { projectRoot } from "./setup.mjs";

const usage =
  "npm run handover -- --demo | --model DIR --data FILE [--run FILE] [--python PATH] [--out DIR] [--json FILE]";

const sample = (name: string) => join(projectRoot, "public/samples", name);

function demoCases(): HandOverCase[] {
  const shared = (name: string) => join(projectRoot, "..", "shared", "models", name);
  const lora = recipeWith(seedlingRecipe(defaultRecipe("lora")), shortRun);
  const tiny = { ...shortRun, maxLength: 256, learningRate: 5e-3, batchSize: 2, accumulation: 3, warmupRatio: 0.3 };
  const demo = { data: [sample(demoData)], run: null };
  const all: HandOverCase[] = [
    { ...demo, name: "Seedling, LoRA", model: join(projectRoot, "public/models/seedling"), recipe: lora },
    {
      ...demo,
      name: "tiny-granite, LoRA, packed",
      model: shared("tiny-granite"),
      recipe: recipeWith(defaultRecipe("lora"), {
        ...tiny,
        template: { kind: "built-in", name: "chatml" },
        systemPrompt: "Answer in one line.",
        packing: true,
        weightDecay: 0.1,
        schedule: "linear",
      }),
    },
    {
      ...demo,
      name: "tiny-gpt2, full",
      model: shared("tiny-gpt2"),
      recipe: recipeWith(defaultRecipe("full"), { ...tiny, learningRate: 1e-3, weightDecay: 0.1, maxGradNorm: 0.5 }),
    },
  ];
  const staged = textFirst(recipeWith(lora, { accumulation: 2 }));
  const sources = [1, 0.3, 1].map((lambda, source) => ({ source, lambda }));
  all.push({
    name: "Seedling, text then chats, weights",
    model: join(projectRoot, "public/models/seedling"),
    data: [sample(demoData), sample("instructions.jsonl"), sample("small-world-text.jsonl")],
    run: null,
    recipe: { ...staged, stages: staged.stages.map((stage, i) => ({ ...stage, sources, steps: 5 + i })) },
  });
  return all.filter(({ model }) => existsSync(model));
}

async function main() {
  const { values } = parseArgs({
    options: {
      demo: { type: "boolean", default: false },
      model: { type: "string" },
      run: { type: "string" },
      data: { type: "string" },
      only: { type: "string" },
      python: { type: "string", default: "python3" },
      out: { type: "string" },
      json: { type: "string" },
    },
  });
  const missing = trlMissing(values.python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const given = (): HandOverCase[] => {
    const model = existing("model", values.model, usage);
    const run = values.run === undefined ? null : existing("run", values.run, usage);
    const data = [existing("data", values.data, usage)];
    return [{ name: basename(model), model, run, data, recipe: recipeWith(defaultRecipe("lora"), shortRun) }];
  };
  const only = values.only ?? "";
  const cases = (values.demo ? demoCases() : given()).filter(({ name }) => name.includes(only));
  const place = values.out ?? mkdtempSync(join(tmpdir(), "hone-handover-"));
  const verdicts: HandOverVerdict[] = [];
  try {
    for (const one of cases) {
      const folder = join(place, one.name.replace(/\W+/g, "-"));
      mkdirSync(folder, { recursive: true });
      const handed = await handOver(one, folder);
      const verdict = runThere(values.python, one.name, handed);
      verdicts.push(verdict);
      const shown = (value: number | null) => value?.toExponential(1) ?? "—";
      const { first, largest, continued, processes, faults } = verdict;
      console.info(
        `${faults.length === 0 ? "ok  " : "FAIL"} first loss ${shown(first)}, ten ${shown(largest)}, from Hone's weights ${shown(continued)}, in two processes ${shown(processes)}  ${one.name}`,
      );
      for (const fault of faults) console.info(`     ${fault}`);
      for (const note of handed.notes) console.info(`     ${note}`);
    }
  } finally {
    if (values.out === undefined) rmSync(place, { recursive: true, force: true });
  }
  writeJson(values.json, verdicts);
  if (verdicts.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

runCommand(main);
