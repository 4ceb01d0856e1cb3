/** Seedling's demo through the page's engine: training on the page's questions and answers, and the exam before and after. */

import { join } from "node:path";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import type { Recipe } from "../../../src/run/recipe.ts";
import { inEveryStage } from "../../../src/run/stage.ts";
import { defaultsFor } from "../../../src/store/recipe.ts";
import { openLaboratory, questionsOf } from "../../seedling/laboratory.ts";
import { type ExamQuestion, groups, type Pair } from "../../seedling/pairs.ts";
import { readRows } from "../../seedling/samples.ts";
import { projectRoot } from "../../setup.mjs";
import type { RunPart } from "../part.ts";
import { atMost, measured } from "../row.ts";

/** Exact match that the whole demo reaches on entities of its training rows, with room for another order of sums. */
const leastMatch = 0.8;

export const run: RunPart = async ({ entries, scale, report }) => {
  const samples = (name: string) => join(projectRoot, "public", "samples", name);
  const pairs = readRows<Pair>(samples("small-world.jsonl"));
  const asked = readRows<ExamQuestion>(samples("small-world-exam.jsonl"));
  const questions = groups.flatMap((group) =>
    asked.filter((question) => question.group === group).slice(0, scale.questions ?? asked.length),
  );
  const losses: number[] = [];
  const emit = (event: EngineEvent) => {
    if (event.type === "step") losses.push(event.metrics.loss);
  };
  const began = performance.now();
  const { engine, model, train } = await openLaboratory(join(projectRoot, "public", "models", "seedling"), "Seedling", {
    entries,
    provider: "webgpu",
    emit,
  });
  report(measured("Seedling opened", (performance.now() - began) / 1000, "s"));

  const defaults = defaultsFor({ name: "Seedling" }, "lora");
  const usual: Recipe = { ...defaults, maxLength: model.contextLength, samplePrompts: 0, watchEvery: null };
  const recipe = scale.demoSteps === null ? usual : inEveryStage(usual, { steps: scale.demoSteps });
  const subject = { modelHash: model.hash, checkpoint: null, template: recipe.template, systemPrompt: null };
  /** Right answers by group, and the seconds of the exam. */
  const examine = async (runId: string | null) => {
    const started = performance.now();
    const { answers } = await engine.examine({ ...subject, runId, questions: questionsOf(questions), texts: [] });
    const shares = groups.map((group) => {
      const own = answers.filter((_, i) => questions[i]?.group === group);
      return own.filter(({ correct }) => correct).length / Math.max(1, own.length);
    });
    return { shares, seconds: (performance.now() - started) / 1000 };
  };
  const before = await examine(null);
  report(measured(`exam of the base model, ${questions.length} questions`, before.seconds, "s"));
  const record = await train(pairs, recipe);
  report(measured(`training, ${record.step} steps of LoRA`, record.seconds, "s"));
  const after = await examine(record.id);
  report(measured(`exam of the tuned model, ${questions.length} questions`, after.seconds, "s"));
  groups.forEach((group, i) => {
    const shares = [before, after].map(({ shares }) => `${Math.round(100 * (shares[i] ?? 0))} %`).join(", then ");
    report(measured(`right answers, ${group}`, after.shares[i] ?? Number.NaN, "", shares));
  });
  const [first = Number.NaN] = losses;
  const last = losses.at(-1) ?? Number.NaN;
  report(measured("training loss of the last step", last, "nats", `${first.toFixed(3)} in the first`));
  if (scale.demoSteps === null) {
    const wrong = 1 - (after.shares[0] ?? Number.NaN);
    report(atMost(`wrong answers, ${groups[0]}`, wrong, 1 - leastMatch, ""));
  }
};
