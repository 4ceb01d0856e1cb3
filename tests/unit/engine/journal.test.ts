/** The journal of a run. Oracle: the record that each end of a run must leave. */

import { describe, expect, it, vi } from "vitest";
import { createJournal } from "../../../src/engine/journal.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import { noProgress, progressOf } from "../../../src/run/curves.ts";
import type { StepMetrics } from "../../../src/run/metrics.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { CurveWriter } from "../../../src/storage/curves.ts";
import { TrainingLockLostError } from "../../../src/storage/lock.ts";
import { NonFiniteError } from "../../../src/training/nonFinite.ts";
import { initialState, type LoopState } from "../../../src/training/state.ts";
import { originOf } from "../../support/examples.ts";

const record: RunRecord = {
  id: "run",
  name: "a run",
  note: "",
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
  status: "running",
  reason: null,
  model: { name: "model", hash: "m", parameters: 10 },
  sources: [{ name: "pairs", hash: "d", mapping: null, excluded: [] }],
  recipe: defaultRecipe("lora"),
  provider: "wasm",
  trainable: 4,
  examples: { training: 8, validation: 2 },
  stages: [{ objective: "mixed", steps: 4, examples: 8, supervisedTokens: 40 }],
  totalSteps: 4,
  step: 0,
  seconds: 0,
  progress: noProgress,
  best: null,
  samples: [],
  watch: null,
  slowdowns: [],
  resumeFrom: null,
};
const start = initialState({ epoch: 0, cursor: 0, random: [1, 2, 3, 4], passes: [], drawn: 0, stages: 1 });
const metrics = (step: number): StepMetrics => ({
  step,
  loss: 4 / step,
  gradientNorm: 1,
  learningRate: 0.1,
  tokens: 10,
  supervisedTokens: 5,
  seconds: 2,
});
const stateAfter = (steps: number): LoopState => {
  const seen = Array.from({ length: steps }, (_, i) => metrics(i + 1));
  return { ...start, step: steps, updates: steps, seconds: 2 * steps, progress: progressOf(seen, []) };
};

/** Curves that record their points. */
function noted() {
  const steps: number[] = [];
  const evaluations: number[] = [];
  let dropped = 0;
  const curves: CurveWriter = {
    addStep: ({ step }) => void steps.push(step),
    addEvaluation: ({ step }) => void evaluations.push(step),
    unwritten: () => ({ puts: [], bytes: 0, end: { chunk: 0, steps: 0, evaluations: 0 }, written: () => undefined }),
    dropUnwritten: () => void dropped++,
  };
  return { curves, steps, evaluations, dropped: () => dropped };
}

function journal() {
  const told: EngineEvent[] = [];
  return {
    told,
    noted: noted(),
    journal: createJournal(
      record,
      (event) => told.push(event),
      () => 4096,
    ),
  };
}

describe("the journal of a run", () => {
  it("gives a checkpoint the record of its own state", () => {
    const { journal: written } = journal();
    written.begin(start, noted().curves);
    expect(written.at(stateAfter(3))).toMatchObject({ step: 3, seconds: 6, status: "running" });
  });

  it("ends with the given state, though it got later events: a full disk goes back to the last checkpoint", () => {
    const { journal: written, noted: seen } = journal();
    written.begin(start, seen.curves);
    for (const step of [1, 2, 3]) written.hear({ type: "step", metrics: metrics(step) });
    expect(seen.steps).toEqual([1, 2, 3]);
    written.end(stateAfter(2), "paused", "The disk is full.");
    expect(written.record()).toMatchObject({ step: 2, seconds: 4, status: "paused", reason: "The disk is full." });
    expect(written.record().progress.steps).toMatchObject({ points: 2, last: { step: 2 } });
    expect(seen.dropped()).toBe(1);
  });

  it("ends with all its points where the state has them", () => {
    const { journal: written, noted: seen } = journal();
    written.begin(start, seen.curves);
    for (const step of [1, 2]) written.hear({ type: "step", metrics: metrics(step) });
    written.end(stateAfter(2), "cancelled", null);
    expect(seen.dropped()).toBe(0);
  });

  it("emits a record of the same size after ten steps as after ten thousand", () => {
    const { journal: written, noted: seen, told } = journal();
    written.begin(start, seen.curves);
    const size = (steps: number) => {
      for (let step = 1; step <= steps; step++) written.hear({ type: "step", metrics: metrics(step) });
      written.write({ note: "x" });
      return JSON.stringify(told.at(-1)).length;
    };
    expect(size(10_000) - size(10)).toBeLessThan(100);
  });

  it("fails with all points so far, and the reason", () => {
    const { journal: written, noted: seen } = journal();
    written.begin(start, seen.curves);
    written.hear({ type: "evaluation", metrics: { step: 0, loss: 5, sets: { validation: 5 } } });
    written.hear({ type: "step", metrics: metrics(1) });
    written.fail(new Error("The loss of step 2 is NaN."), null, []);
    expect(written.record()).toMatchObject({
      step: 1,
      seconds: 2,
      status: "failed",
      reason: "The loss of step 2 is NaN.",
      progress: {
        steps: { points: 1, last: { step: 1, loss: 4 } },
        evaluations: { points: 1, last: { step: 0, loss: 5 } },
      },
    });
    expect([seen.steps, seen.evaluations, seen.dropped()]).toEqual([[1], [0], 0]);
  });

  it.each([
    ["the newest checkpoint", [2, 1], 2],
    ["the one before, where the newest has bad weights", [3, 1], 1],
    ["the beginning, where the newest has bad weights and is the only one", [3], 0],
    ["the beginning, where there is no checkpoint", [], 0],
  ])("after a loss that is not finite, resumes with a lower rate from %s", (_, checkpoints, from) => {
    const { journal: written } = journal();
    written.begin(start, noted().curves);
    for (const step of [1, 2, 3]) written.hear({ type: "step", metrics: metrics(step) });
    written.fail(new NonFiniteError("loss", Number.NaN, 4, []), null, checkpoints);
    const { status, reason, slowdowns, resumeFrom } = written.record();
    expect([status, resumeFrom, slowdowns]).toEqual(["failed", from, [{ fromStep: from, factor: 0.1 }]]);
    expect(reason).toMatch(/^The loss of step 4 is NaN\./);
    expect(reason).toContain(
      `Resume starts from ${from > 0 ? `the checkpoint of step ${from}` : "the beginning"} with`,
    );
    // The next saved checkpoint is good, so the run resumes from the newest again.
    expect(written.at(stateAfter(2)).resumeFrom).toBeNull();
  });

  it("does not lower the rate where the loss was not finite before the first step", () => {
    const { journal: written } = journal();
    written.begin(start, noted().curves);
    written.fail(new NonFiniteError("validation loss", Number.NaN, 0, []), null, []);
    expect(written.record()).toMatchObject({ status: "failed", slowdowns: [] });
    expect(written.record().reason).not.toContain("Resume");
  });

  it("records every snapshot, and emits the watch without the record", () => {
    const watch = { prompt: "q", place: { source: 0, row: 1 }, tokens: [], moments: [] };
    const told: EngineEvent[] = [];
    const written = createJournal(
      { ...record, watch },
      (event) => told.push(event),
      () => 0,
    );
    written.begin(start, noted().curves);
    const moments = [{ step: 0, answer: "x", losses: [1] }];
    written.hear({ type: "snapshots", snapshots: moments });
    expect(told.at(-1)).toEqual({ type: "watch", runId: "run", watch: { ...watch, moments } });
    expect(written.record().watch?.moments).toEqual(moments);
    written.begin(start, noted().curves);
    expect(written.record().watch?.moments).toEqual([]);
  });

  it("names the file and the line of rows without a supervised token", () => {
    const { journal: written, told } = journal();
    written.begin(start, noted().curves);
    written.hear({ type: "empty", step: 3, origins: [originOf(4, 0), originOf(1, 1)] });
    expect(told.at(-1)).toEqual({
      type: "dropped",
      runId: "run",
      problems: [
        { source: 0, line: 14, message: "Step 3: no token of alpaca.json line 14 (row 5) is supervised." },
        { source: 1, line: 5, message: "Step 3: no token of chats.jsonl line 5 (row 2) is supervised." },
      ],
    });
  });

  it("pauses when the GPU was lost", () => {
    const { journal: written } = journal();
    written.begin(stateAfter(2), noted().curves);
    written.fail(new Error("a call was cut off"), { reason: "unknown", message: "driver reset" }, []);
    expect(written.record()).toMatchObject({ step: 2, status: "paused" });
    expect(written.record().reason).toMatch(/GPU was lost \(driver reset\)/);
  });

  it.each([
    [[], "driver reset.", "The GPU was lost (driver reset). Resume starts from the beginning."],
    [[8, 4], "", "The GPU was lost. Resume starts from the checkpoint of step 8."],
    [[4], "x".repeat(900), `The GPU was lost (${"x".repeat(60)}…). Resume starts from the checkpoint of step 4.`],
  ])("after a lost GPU, with checkpoints %j, it says where the run goes on", (steps, message, reason) => {
    const { journal: written } = journal();
    written.begin(stateAfter(2), noted().curves);
    written.fail(new Error("a call was cut off"), { reason: "unknown", message }, steps);
    expect(written.record()).toMatchObject({ status: "paused", reason });
  });

  it("pauses when another page took the lock, and says where the run goes on", () => {
    const { journal: written } = journal();
    written.begin(stateAfter(2), noted().curves);
    written.fail(new TrainingLockLostError(), null, [2]);
    expect(written.record()).toMatchObject({
      status: "paused",
      reason:
        "Another page took this tab's right to train, so the run was stopped here. Resume starts from the checkpoint of step 2.",
    });
  });

  it("keeps its dates in order where the clock is set back", () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2027-05-02T00:00:00.000Z") });
    try {
      const { journal: written } = journal();
      written.write({ name: "at midnight" });
      vi.setSystemTime(new Date("2027-05-01T00:00:00.000Z"));
      written.hear({ type: "step", metrics: metrics(1) });
      expect(written.at(stateAfter(1)).updatedAt).toBe("2027-05-02T00:00:00.000Z");
      vi.setSystemTime(new Date("2027-05-03T00:00:00.000Z"));
      written.end(stateAfter(1), "paused", null);
      expect(written.record().updatedAt).toBe("2027-05-03T00:00:00.000Z");
    } finally {
      vi.useRealTimers();
    }
  });

  it("replaces the answer before training by both answers", () => {
    const { journal: written, told } = journal();
    written.begin(start, noted().curves);
    const before = { prompt: "q", reference: "r", before: "x", after: null };
    written.hear({ type: "sample", sample: before });
    written.hear({ type: "sample", sample: { ...before, after: "y" } });
    expect(written.record().samples).toEqual([{ ...before, after: "y" }]);
    expect(told.every((event) => event.type === "run")).toBe(true);
  });
});
