/**
 * `npm run pretrain -- [--out DIR] [--samples DIR] [--work DIR] [--seed N] [--documents N] [--steps N] [--fresh]`: creates
 * Seedling, the page's model, from nothing: corpus, demo data, tokenizer, and a base model trained by Hone's engine. Ctrl-C
 * saves and exits; the same command continues. Native ONNX Runtime (`npm install --no-save onnxruntime-node`) is about three
 * times as fast as WebAssembly.
 */

import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { processorEntries } from "../src/runtime/nativeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { createControl } from "../src/training/control.ts";
import type { LoopEvent } from "../src/training/loop.ts";
import { count, runCommand } from "./harness/arguments.ts";
import { createProgress } from "./harness/progress.ts";
import { writeLessonData } from "./seedling/lessonData.ts";
import { checkpointFile, pretrain } from "./seedling/pretrain.ts";
import { type PretrainRecipe, seedling } from "./seedling/recipe.ts";
import { writeSamples } from "./seedling/samples.ts";
import { prepareText } from "./seedling/text.ts";
import { projectRoot } from "./setup.mjs";

const number = (value: number) => value.toLocaleString("en-US");

/** Number of recent steps for the displayed speed and remaining time. */
const recentSteps = 20;

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      samples: { type: "string" },
      work: { type: "string", default: join(projectRoot, ".cache", "seedling") },
      seed: { type: "string" },
      documents: { type: "string" },
      steps: { type: "string" },
      fresh: { type: "boolean", default: false },
    },
  });
  const recipe: PretrainRecipe = {
    ...seedling,
    seed: count("seed", values.seed) ?? seedling.seed,
    documents: count("documents", values.documents) ?? seedling.documents,
  };
  const stopAfter = count("steps", values.steps);
  const work = resolve(values.work);
  const shipped = join(projectRoot, "public");
  const out = resolve(values.out ?? join(shipped, "models", "seedling"));
  // A run with another output folder does not overwrite the page's data.
  const samples = values.samples ?? (values.out === undefined ? join(shipped, "samples") : null);
  if (values.fresh) rmSync(join(work, checkpointFile), { force: true });

  console.log(`Writing ${number(recipe.documents)} documents and learning the tokenizer (seed ${recipe.seed}) …`);
  const text = prepareText(recipe, createProgress("tokenising"));
  if (samples !== null) {
    writeSamples(resolve(samples), recipe.seed, text.heldOutTexts);
    writeLessonData(join(resolve(samples), "..", "lessons"), recipe.seed);
  }
  console.log(`${number(text.tokens)} tokens of training, ${number(text.heldOut.length)} documents held out.`);

  const runtime = await createRuntime("wasm", { entries: await processorEntries() });
  console.log(runtime.report.reason);
  const control = createControl();
  // The first Ctrl-C takes effect between two steps. A second one ends the process; the last checkpoint stays complete.
  process.once("SIGINT", () => {
    console.error("\nSaving a checkpoint after this step …");
    control.pause();
  });
  const { state, totalSteps, heldOutLoss } = await pretrain({
    recipe,
    text,
    runtime,
    work,
    out,
    stopAfter,
    control,
    emit: createReport(),
  });
  await runtime.dispose();
  if (heldOutLoss === null) {
    console.log(`Stopped after step ${state.step} of ${totalSteps}; the same command continues there.`);
    process.exitCode = 130;
  } else {
    const stopped = state.step < totalSteps ? ` of step ${state.step} of ${totalSteps}` : "";
    console.log(`${out} holds the model${stopped}. Held-out loss ${heldOutLoss.toFixed(4)} per token.`);
  }
}

/** Shows loss, speed and remaining time of a step; without a progress bar a held-out loss gets its own line. */
function createReport(): (event: LoopEvent, totalSteps: number) => void {
  const bar = createProgress("training");
  const recent: { readonly tokens: number; readonly at: number }[] = [];
  let heldOut = "";
  return (event, totalSteps) => {
    if (event.type === "evaluation") {
      const { step, loss } = event.metrics;
      heldOut = ` · held out ${loss.toFixed(3)}`;
      if (!process.stderr.isTTY) console.error(`step ${step} of ${totalSteps}: held-out loss ${loss.toFixed(4)}`);
    }
    if (event.type !== "step") return;
    const { step, loss, tokens } = event.metrics;
    // Wall-clock time, so that evaluations and checkpoints count; the first step has no earlier time to compare with.
    recent.push({ tokens, at: performance.now() });
    if (recent.length > recentSteps + 1) recent.shift();
    const seconds = ((recent.at(-1)?.at ?? 0) - (recent[0]?.at ?? 0)) / 1000;
    const speed = recent.slice(1).reduce((sum, one) => sum + one.tokens, 0) / seconds;
    const left = ((totalSteps - step) * seconds) / (recent.length - 1);
    const pace = recent.length > 1 ? ` · ${number(Math.round(speed))} tokens/s · ${duration(left)} left` : "";
    bar(step, totalSteps, `loss ${loss.toFixed(3)}${heldOut}${pace}`);
  };
}

const duration = (seconds: number) =>
  seconds < 90
    ? `${Math.round(seconds)} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`;

runCommand(main);
