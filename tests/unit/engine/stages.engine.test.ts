/**
 * A run in two stages on wasm, from rows to record. Oracles: the validation loss of text before and after the first stage,
 * that of chats before and after the second; for a pause at the stage boundary, the run without it, bit for bit.
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

/** Steps of a run's checkpoints, newest first, and which is the best. */
const kinds = async (runId: string) => (await engine.checkpointsOf(runId)).map(({ step, best }) => ({ step, best }));

describe("a run in two stages", () => {
  test("records objective, steps and examples of each stage", () => {
    expect([whole.status, whole.reason]).toEqual(["finished", null]);
    // 16 of 20 rows of each source, four to a step.
    expect(whole.stages.map(({ objective, steps, examples }) => ({ objective, steps, examples }))).toEqual([
      { objective: "text", steps: 32, examples: 16 },
      { objective: "chat", steps: 24, examples: 16 },
    ]);
    expect(whole.totalSteps).toBe(56);
    expect(whole.examples).toEqual({ training: 32, validation: 8 });
    // The planned tokens of a stage are those of one epoch.
    const supervised = (from: number, to: number) =>
      curves.steps.supervisedTokens.slice(from, to).reduce((sum, tokens) => sum + tokens, 0);
    expect(supervised(0, 32)).toBe(8 * (whole.stages[0]?.supervisedTokens ?? 0));
    expect(supervised(32, 56)).toBe(6 * (whole.stages[1]?.supervisedTokens ?? 0));
  });

  test("the first stage lowers the loss of text, the second that of chats", () => {
    expect(curves.evaluations.map(({ step }) => step)).toEqual([0, 32, 56]);
    const [base, boundary, end] = curves.evaluations.map(({ loss, sets }) => ({
      loss,
      text: sets["validation of text"] ?? 0,
      chat: sets["validation of chats"] ?? 0,
    }));
    if (!base || !boundary || !end) throw new Error("three validations were expected");
    expect(base.text).toBeGreaterThan(4.5);
    expect(boundary.text).toBeLessThan(0.5 * base.text);
    expect(end.chat).toBeLessThan(0.5 * boundary.chat);
    // The loss of all held-out rows lies between those of the two kinds.
    for (const { loss, text: ofText, chat } of [base, boundary, end]) {
      expect(loss).toBeGreaterThan(Math.min(ofText, chat));
      expect(loss).toBeLessThan(Math.max(ofText, chat));
    }
  });

  test("at the stage boundary the rate warms up again, to the chats' own peak", () => {
    const rates = curves.steps.learningRate;
    expect(Math.max(...rates.slice(0, 32))).toBe(2e-2);
    expect(Math.max(...rates.slice(32))).toBe(1e-2);
    // Three steps of warm-up in the second stage: the first takes a quarter of the peak.
    expect(rates[32]).toBeCloseTo(1e-2 / 4, 12);
  });

  test.each([31, 32, 33])(
    "paused after step %i and resumed, it equals the run without a pause",
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

  test("a best checkpoint in the first stage stays, answers, and survives a pause and an export", async () => {
    // The chats' rate is so high that the validation loss never falls as low again.
    const wild = recipeWith(recipe, {
      bestBy: "text",
      learningRate: 1,
      epochs: 4,
      evaluateEvery: 8,
      checkpointEvery: 8,
      keepLast: 1,
    });
    const request = { name: "wild", modelHash, sources: [text, chats], recipe: wild };
    const boundary = 32;
    const run = await engine.startRun(request);
    expect([run.status, run.reason, run.totalSteps]).toEqual(["finished", null, boundary + 16]);
    const { evaluations } = await engine.curvesOf(run.id);
    expect(evaluations.map(({ step }) => step)).toEqual([0, 8, 16, 24, 32, 40, 48]);
    const textLoss = ({ sets }: (typeof evaluations)[number]) => sets["validation of text"] ?? Number.NaN;
    const [best] = evaluations.toSorted((a, b) => textLoss(a) - textLoss(b));
    expect(best?.step).toBeGreaterThan(0);
    expect(best?.step).toBeLessThanOrEqual(boundary);
    expect(run.best).toEqual(best);
    const stored = [
      { step: run.totalSteps, best: false },
      { step: best?.step, best: true },
    ];
    expect(await kinds(run.id)).toEqual(stored);

    const answerOf = async (runId: string, checkpoint: number | null) => {
      const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 8, seed: 1 };
      const messages = [{ role: "user", content: "Say 1." }] as const;
      const { text: said, step } = await engine.answer({
        ...{ requestId: "", modelHash, runId, checkpoint, template: wild.template, systemPrompt: null },
        ...{ messages, sampling },
      });
      return { said, step };
    };
    const early = await answerOf(run.id, best?.step ?? 0);
    expect(early.step).toBe(best?.step);
    expect(early.said).not.toBe((await answerOf(run.id, null)).said);

    // Paused in the second stage, long after the best step.
    const stopListening = onEvent((event) => {
      if (event.type === "step" && event.metrics.step === boundary + 5) void engine.pauseRun();
    });
    const paused = await engine.startRun({ ...request, name: "paused" });
    stopListening();
    expect([paused.status, paused.step]).toEqual(["paused", boundary + 5]);
    expect(await kinds(paused.id)).toEqual([{ step: paused.step, best: false }, stored[1]]);
    expect((await engine.resumeRun(paused.id)).best).toEqual(best);
    expect(await kinds(paused.id)).toEqual(stored);

    const { archive } = await engine.exportRun(run.id);
    const file = new File([await archive.arrayBuffer()], "wild.zip");
    await engine.deleteRun(run.id);
    const { record } = await engine.importRun(file);
    expect(record.best).toEqual(best);
    expect(await kinds(record.id)).toEqual(stored);
    expect(await answerOf(record.id, best?.step ?? 0)).toEqual(early);
  });

  test.each([
    ["last", "validation of chats"],
    ["text", "validation of text"],
  ] as const)("its best by %j is the lowest %s, in its record and among its checkpoints", async (bestBy, set) => {
    const staged = recipeWith(recipe, { bestBy, evaluateEvery: 8, checkpointEvery: 8, keepLast: 1 });
    const run = await engine.startRun({ name: bestBy, modelHash, sources: [text, chats], recipe: staged });
    const { evaluations } = await engine.curvesOf(run.id);
    const [best] = evaluations.toSorted((a, b) => (a.sets[set] ?? Number.NaN) - (b.sets[set] ?? Number.NaN));
    expect(run.best).toEqual(best);
    expect((await engine.checkpointsOf(run.id)).find((stored) => stored.best)?.step).toBe(best?.step);
    // The text's lowest loss is below any of the chats', and in the text's own stage.
    const lowest = (name: string) => Math.min(...evaluations.map(({ sets }) => sets[name] ?? Number.NaN));
    expect(lowest("validation of text")).toBeLessThan(lowest("validation of chats"));
    expect((best?.step ?? 0) > 32).toBe(bestBy === "last");
  });

  test("text alone is refused with the way out, and leaves no record", async () => {
    const before = (await engine.listRuns()).length;
    await expect(engine.startRun({ name: "no", modelHash, sources: [text], recipe })).rejects.toThrow(
      "trains on chats, but none of the 16 training examples is that: choose a source of it as well",
    );
    expect(await engine.listRuns()).toHaveLength(before);
  });
});
