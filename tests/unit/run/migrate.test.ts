/**
 * Records of version 1, read as current ones. Oracle: records and states of version 1, written by hand, and their
 * meaning.
 */

import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { columnsOf } from "../../../src/run/curves.ts";
import { bestOf, bestSetOf, patienceSetOf, validationOf } from "../../../src/run/heldOut.ts";
import { RunSchema, wholeRecord } from "../../../src/run/record.ts";
import { readState } from "../../../src/training/state.ts";

/** The smallest old record: from before stages, notes, snapshots and slowdowns. */
const oldest = {
  id: "r",
  name: "a run",
  createdAt: "2025-01-01T00:00:00.000Z",
  updatedAt: "2025-01-02T00:00:00.000Z",
  status: "paused",
  reason: null,
  model: { name: "tiny", hash: "m", parameters: 10 },
  sources: [
    { name: "a.json", hash: "a", mapping: null, lambda: 1, excluded: [3] },
    { name: "b.txt", hash: "b", mapping: { format: "text", columns: {} }, lambda: 0.5, excluded: [] },
  ],
  recipe: {
    method: "lora",
    lora: { rank: 4, alpha: 8, targets: ["q_proj", "down_proj"] },
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    mask: "last",
    truncation: "left",
    packing: true,
    mixture: "sampling",
    learningRate: 2e-4,
    schedule: "linear",
    warmupRatio: 0.1,
    epochs: 3,
    steps: 12,
    batchSize: 4,
    accumulation: 1,
    maxLength: 128,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    maxGradNorm: null,
    validationShare: 0.1,
    evaluateEvery: 10,
    checkpointEvery: 10,
    keepLast: 2,
    patience: null,
    samplePrompts: 1,
    seed: 0,
  },
  provider: "wasm",
  trainable: 4,
  examples: { training: 9, validation: 1 },
  totalSteps: 12,
  step: 4,
  seconds: 1.5,
  metrics: [{ step: 1, loss: 5, gradientNorm: 1, learningRate: 1e-4, tokens: 9, supervisedTokens: 3, seconds: 0.5 }],
  evaluations: [
    { step: 0, loss: 5 },
    { step: 4, loss: Number.NaN },
  ],
  best: { step: 0, loss: 5 },
  samples: [],
};
const empty = { steps: columnsOf([]), evaluations: [] };
/** The record with its curves as plain lists. */
const read = (stored: unknown) => {
  const { record, curves } = v.parse(RunSchema, stored);
  return wholeRecord(record, curves ?? empty);
};
const stage = {
  preference: null,
  sources: [
    { source: 0, lambda: 1 },
    { source: 1, lambda: 0.5 },
  ],
  mixture: "sampling",
  schedule: "linear",
  warmupRatio: 0.1,
  replay: 0,
};

describe("a record of version 1", () => {
  test("from before stages is a run in one stage", () => {
    const { mixture, learningRate, schedule, warmupRatio, epochs, steps, ...recipe } = oldest.recipe;
    const { lambda: _lambda, ...first } = oldest.sources[0] as (typeof oldest.sources)[number];
    expect(read(oldest)).toEqual({
      ...oldest,
      note: "",
      sources: [first, { name: "b.txt", hash: "b", mapping: { format: "text", columns: {} }, excluded: [] }],
      recipe: {
        ...recipe,
        watchEvery: null,
        bestBy: null,
        forgetting: null,
        // Runs from before these fields multiplied in float32, in one graph.
        weights: "float32",
        compute: "float32",
        program: "whole",
        stages: [{ ...stage, objective: "mixed", learningRate: 2e-4, epochs: 3, steps: 12 }],
      },
      stages: [{ objective: "mixed", steps: 12, examples: 9, supervisedTokens: null }],
      evaluations: [
        { step: 0, loss: 5, sets: { validation: 5 } },
        { step: 4, loss: Number.NaN, sets: { validation: Number.NaN } },
      ],
      best: { step: 0, loss: 5, sets: { validation: 5 } },
      watch: null,
      resumeFrom: null,
      slowdowns: [],
    });
  });

  test.each([
    [null, 2e-4],
    [1e-5, 1e-5],
  ])("in two stages, with the text's rate %j, has its text at %f", (textLearningRate, rate) => {
    const staged = {
      ...oldest,
      recipe: { ...oldest.recipe, watchEvery: 5, stages: "text-first", textEpochs: 1.5, textLearningRate },
      stages: [
        { kind: "text", steps: 5, examples: 6, supervisedTokens: 300 },
        { kind: "chat", steps: 12, examples: 3, supervisedTokens: 60 },
      ],
      evaluations: [
        { step: 0, loss: 5, byKind: { text: 4, chat: 6 } },
        { step: 5, loss: 4, byKind: { chat: 4 } },
      ],
      best: { step: 5, loss: 4, byKind: { chat: 4 } },
    };
    const record = read(staged);
    expect(record.recipe.stages).toEqual([
      { ...stage, objective: "text", learningRate: rate, epochs: 1.5, steps: null },
      { ...stage, objective: "chat", learningRate: 2e-4, epochs: 3, steps: 12 },
    ]);
    expect(record.recipe.watchEvery).toBe(5);
    // Its best was by all held-out rows, its early stopping by the last stage.
    expect([bestSetOf(record.recipe), patienceSetOf(record.recipe)]).toEqual([null, validationOf("chat")]);
    expect(bestOf(record)).toEqual({ step: 5, loss: 4, set: null });
    expect(record.stages).toEqual([
      { objective: "text", steps: 5, examples: 6, supervisedTokens: 300 },
      { objective: "chat", steps: 12, examples: 3, supervisedTokens: 60 },
    ]);
    expect(record.evaluations).toEqual([
      { step: 0, loss: 5, sets: { "validation of text": 4, "validation of chats": 6 } },
      { step: 5, loss: 4, sets: { "validation of chats": 4 } },
    ]);
    expect(record.best).toEqual({ step: 5, loss: 4, sets: { "validation of chats": 4 } });
  });

  test("reads again unchanged", () => {
    const once = read(oldest);
    expect(read(JSON.parse(JSON.stringify({ ...once, evaluations: [] })))).toEqual({ ...once, evaluations: [] });
  });

  test.each<[string, object, string]>([
    ["a recipe without a rate", { recipe: { ...oldest.recipe, learningRate: "fast" } }, "recipe.stages.0.learningRate"],
    ["an unknown order of stages", { recipe: { ...oldest.recipe, stages: "chats-first" } }, "recipe.stages"],
    ["no recipe", { recipe: 3 }, "recipe"],
    ["a source without λ", { sources: [{ hash: "a" }] }, "sources.0.name"],
    ["an evaluation without a loss", { evaluations: [{ step: 1, loss: null }] }, "evaluations.0.loss"],
    ["no stage", { recipe: { ...oldest.recipe, stages: [] } }, "recipe"],
  ])("%s is refused, naming the field", (_, change, path) => {
    const parsed = v.safeParse(RunSchema, { ...oldest, ...change });
    expect(parsed.success).toBe(false);
    expect(parsed.issues?.map((issue) => v.getDotPath(issue)?.startsWith(path))).toContain(true);
  });
});

test("a source has its options and edits where it had them, and is as it was stored where it had none", () => {
  const { lambda: _lambda, ...plain } = oldest.sources[0] as (typeof oldest.sources)[number];
  const edited = { ...plain, options: { tools: "[]" }, edits: [{ row: 2, value: '{"n": 12.0}' }] };
  const wanted = [plain, edited, { ...plain, options: {}, edits: [] }];
  const { sources } = read({ ...oldest, sources: wanted.map((source) => ({ ...source, lambda: 1 })) });
  expect(JSON.stringify(sources)).toBe(JSON.stringify(wanted));
});

describe("a checkpoint's state of version 1", () => {
  const state = {
    step: 7,
    updates: 6,
    sampler: { epoch: 1, cursor: 2, random: [1, 2, 3, 4], passes: [{ pass: 2, position: 7, random: [5, 6, 7, 8] }] },
    metrics: [],
    evaluations: [{ step: 0, loss: 5 }],
    best: { step: 0, loss: 5 },
    samples: [],
  };

  test("of one stage has `drawn` equal to its steps", () => {
    const sets = { validation: 5 };
    const { state: now, curves } = readState(state, null);
    expect(now).toMatchObject({
      step: 7,
      updates: 6,
      sampler: { ...state.sampler, drawn: 7, stages: 1 },
      best: { step: 0, loss: 5, sets },
      moments: [],
      samples: [],
    });
    expect(curves?.evaluations).toEqual([{ step: 0, loss: 5, sets }]);
  });

  test("of two stages has its own `drawn`", () => {
    const two = { ...state, sampler: { ...state.sampler, drawn: 7 } };
    const { state: now } = readState(two, null);
    expect(now.sampler).toEqual({ ...state.sampler, drawn: 7, stages: 2 });
    expect(readState(JSON.parse(JSON.stringify(now)), null).state).toEqual(now);
  });
});
