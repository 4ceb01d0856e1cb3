/**
 * A run in two stages on wasm, from rows to record. Oracles: the text's own validation loss before and after the first
 * stage, the chats' before and after the second; and for a pause at the border, the run without it, bit for bit.
 */

import { beforeAll, describe, expect, test } from "vitest";
import type { EngineApi } from "../../../src/protocol/engine.ts";
import { type Curves, stepsOf } from "../../../src/run/curves.ts";
import type { Recipe } from "../../../src/run/recipe.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { SourceChoice } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere, type Here, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

const recipe: Recipe = recipeWith(defaultRecipe("full"), {
  template: { kind: "built-in", name: "hone" },
  stages: "text-first",
  textEpochs: 8,
  textLearningRate: 2e-2,
  learningRate: 1e-2,
  epochs: 6,
  warmupRatio: 0.1,
  batchSize: 4,
  accumulation: 1,
  maxLength: 96,
  validationShare: 0.2,
  evaluateEvery: 1000,
  checkpointEvery: 1000,
  samplePrompts: 1,
  seed: 7,
});

let engine: EngineApi;
let modelHash: string;
let text: SourceChoice;
let chats: SourceChoice;
let whole: RunRecord;
let curves: Curves;
let onEvent: Here["onEvent"];

beforeAll(async () => {
  const here = await engineHere(nodeEntries);
  const { data } = here;
  ({ engine, onEvent } = here);
  await engine.start("wasm");
  modelHash = (await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" })).hash;
  const passages = Array.from({ length: 20 }, (_, i) => ({ text: `The fox of house ${i} runs, and the fox sleeps.` }));
  text = await takeIn(data, passages, "passages.json");
  chats = await takeIn(data, tinyRows());
  whole = await engine.startRun({ name: "whole", modelHash, sources: [text, chats], recipe });
  curves = await engine.curvesOf(whole.id);
}, 300_000);

describe("a run in two stages", () => {
  test("keeps in its record what each stage was", () => {
    expect([whole.status, whole.reason]).toEqual(["finished", null]);
    // 16 of 20 rows of each source, four to a step.
    expect(whole.stages.map(({ objective, steps, examples }) => ({ objective, steps, examples }))).toEqual([
      { objective: "text", steps: 32, examples: 16 },
      { objective: "chat", steps: 24, examples: 16 },
    ]);
    expect(whole.totalSteps).toBe(56);
    expect(whole.examples).toEqual({ training: 32, validation: 8 });
    // A stage's planned tokens are those that its passes learnt.
    const learnt = (from: number, to: number) =>
      curves.steps.supervisedTokens.slice(from, to).reduce((sum, tokens) => sum + tokens, 0);
    expect(learnt(0, 32)).toBe(8 * (whole.stages[0]?.supervisedTokens ?? 0));
    expect(learnt(32, 56)).toBe(6 * (whole.stages[1]?.supervisedTokens ?? 0));
  });

  test("the first stage lowers the loss of text, the second that of chats", () => {
    expect(curves.evaluations.map(({ step }) => step)).toEqual([0, 32, 56]);
    const [base, border, end] = curves.evaluations.map(({ loss, sets }) => ({
      loss,
      text: sets["validation of text"] ?? 0,
      chat: sets["validation of chats"] ?? 0,
    }));
    if (!base || !border || !end) throw new Error("three validations were expected");
    expect(base.text).toBeGreaterThan(4.5);
    expect(border.text).toBeLessThan(0.5 * base.text);
    expect(end.chat).toBeLessThan(0.5 * border.chat);
    // All held-out rows together lie between the kinds.
    for (const { loss, text: ofText, chat } of [base, border, end]) {
      expect(loss).toBeGreaterThan(Math.min(ofText, chat));
      expect(loss).toBeLessThan(Math.max(ofText, chat));
    }
  });

  test("the rate rises anew at the border, to the chats' own peak", () => {
    const rates = curves.steps.learningRate;
    expect(Math.max(...rates.slice(0, 32))).toBe(2e-2);
    expect(Math.max(...rates.slice(32))).toBe(1e-2);
    // Three steps of warm-up in the second stage: the first takes a quarter of the peak.
    expect(rates[32]).toBeCloseTo(1e-2 / 4, 12);
  });

  test.each([31, 32, 33])(
    "paused after step %i and resumed, it is the run without a pause",
    async (step) => {
      const stopListening = onEvent((event) => {
        if (event.type === "step" && event.metrics.step === step) void engine.pauseRun();
      });
      const paused = await engine.startRun({ name: "paused", modelHash, sources: [text, chats], recipe });
      stopListening();
      expect([paused.status, paused.step]).toEqual(["paused", step]);
      const resumed = await engine.resumeRun(paused.id);
      const shown = async ({ id, samples, stages, progress }: RunRecord) => {
        const { steps, evaluations } = await engine.curvesOf(id);
        const metrics = stepsOf(steps).map(({ seconds: _, ...rest }) => rest);
        return { metrics, evaluations, samples, stages, progress };
      };
      expect(await shown(resumed)).toEqual(await shown(whole));
    },
    120_000,
  );

  test("its best validation may lie in the first stage: it is kept, answers, and outlives pauses and a file", async () => {
    // The chats' rate is so high that nothing held out is ever predicted as well again.
    const wild = recipeWith(recipe, { learningRate: 1, epochs: 4, evaluateEvery: 8, checkpointEvery: 8, keepLast: 1 });
    const request = { name: "wild", modelHash, sources: [text, chats], recipe: wild };
    const border = 32;
    const run = await engine.startRun(request);
    expect([run.status, run.reason, run.totalSteps]).toEqual(["finished", null, border + 16]);
    const { evaluations } = await engine.curvesOf(run.id);
    expect(evaluations.map(({ step }) => step)).toEqual([0, 8, 16, 24, 32, 40, 48]);
    const [best] = evaluations.toSorted((a, b) => a.loss - b.loss);
    expect(best?.step).toBeGreaterThan(0);
    expect(best?.step).toBeLessThanOrEqual(border);
    expect(run.best).toEqual(best);
    const kept = [
      { step: run.totalSteps, best: false },
      { step: best?.step, best: true },
    ];
    expect(await engine.checkpointsOf(run.id)).toEqual(kept);

    const ask = async (runId: string, checkpoint: number | null) => {
      const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 8, seed: 1 };
      const messages = [{ role: "user", content: "Say 1." }] as const;
      const { text: said, step } = await engine.answer({
        ...{ requestId: "", modelHash, runId, checkpoint, template: wild.template, systemPrompt: null },
        ...{ messages, sampling },
      });
      return { said, step };
    };
    const early = await ask(run.id, best?.step ?? 0);
    expect(early.step).toBe(best?.step);
    expect(early.said).not.toBe((await ask(run.id, null)).said);

    // Paused behind the border, when the best is long past.
    const stopListening = onEvent((event) => {
      if (event.type === "step" && event.metrics.step === border + 5) void engine.pauseRun();
    });
    const paused = await engine.startRun({ ...request, name: "paused" });
    stopListening();
    expect([paused.status, paused.step]).toEqual(["paused", border + 5]);
    expect(await engine.checkpointsOf(paused.id)).toEqual([{ step: paused.step, best: false }, kept[1]]);
    expect((await engine.resumeRun(paused.id)).best).toEqual(best);
    expect(await engine.checkpointsOf(paused.id)).toEqual(kept);

    const { archive } = await engine.exportRun(run.id);
    const file = new File([await archive.arrayBuffer()], "wild.zip");
    await engine.deleteRun(run.id);
    const { record } = await engine.importRun(file);
    expect(record.best).toEqual(best);
    expect(await engine.checkpointsOf(record.id)).toEqual(kept);
    expect(await ask(record.id, best?.step ?? 0)).toEqual(early);
  });

  test("text alone is refused with the way out, and leaves no run", async () => {
    const before = (await engine.listRuns()).length;
    await expect(engine.startRun({ name: "no", modelHash, sources: [text], recipe })).rejects.toThrow(
      "all 16 examples to train on are plain text: choose a source of chats as well, or have everything learnt together",
    );
    expect(await engine.listRuns()).toHaveLength(before);
  });
});
