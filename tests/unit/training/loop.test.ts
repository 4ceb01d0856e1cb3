import { describe, expect, test } from "vitest";
import { accumulatorOut } from "../../../src/artifacts/contract.ts";
import type { Batch } from "../../../src/batching/batch.ts";
import type { OrderState } from "../../../src/batching/stages.ts";
import { columnsOf, progressOf } from "../../../src/run/curves.ts";
import { type HeldOutSet, validationOf } from "../../../src/run/heldOut.ts";
import type { EvaluationMetrics, Snapshot } from "../../../src/run/metrics.ts";
import { StorageFullError } from "../../../src/storage/errors.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import type { BatchSource } from "../../../src/training/batchSource.ts";
import { createControl, nextTask } from "../../../src/training/control.ts";
import { evaluateHeldOut } from "../../../src/training/evaluate.ts";
import { type LoopEvent, trainingLoop } from "../../../src/training/loop.ts";
import { uploadParameters } from "../../../src/training/parameters.ts";
import { learningRateAt } from "../../../src/training/schedule.ts";
import {
  initialState,
  type LoopState,
  type Patience,
  readState,
  wholeState,
  withSnapshot,
} from "../../../src/training/state.ts";
import { createWholeGraph } from "../../../src/training/wholeGraph.ts";
import { originOf } from "../../support/examples.ts";
import {
  artifacts,
  batchOf,
  type Compute,
  computeBigram,
  createFakeRuntime,
  optimizerSettings,
  restoreInto,
  type SavedTensor,
  snapshotOf,
  specs,
  vocabulary,
} from "./fakeRuntime.ts";

/** What a checkpoint holds, read in full. */
interface Saved {
  readonly state: LoopState;
  readonly tensors: readonly SavedTensor[];
}

/** Micro-batches that depend on how many steps were drawn before; each third step has an empty one. */
function sourceFrom(state: OrderState, weight: (step: number) => number): BatchSource {
  let drawn = state.cursor;
  return {
    next: () => {
      drawn++;
      const random = createRandom(drawn);
      const sequence = () => Array.from({ length: 4 }, () => random.below(vocabulary));
      return [0, 1, 2].map((row) =>
        batchOf([sequence(), sequence()], [2 * row, 2 * row + 1], drawn % 3 === row ? 0 : weight(drawn)),
      );
    },
    state: () => ({ ...state, cursor: drawn }),
  };
}

interface Setting {
  readonly totalSteps?: number;
  readonly evaluateEvery?: number;
  readonly checkpointEvery?: number;
  readonly patience?: number;
  readonly patienceFrom?: number;
  /** Whose lowest loss makes a checkpoint the best; left out: everything held out. */
  readonly bestSet?: HeldOutSet;
  /** Allowed rise of the loss on the set "general"; left out: no guard. */
  readonly allowedRise?: number;
  readonly borders?: readonly number[];
  readonly questions?: readonly { prompt: string; reference: string }[];
  /** Steps between two looks; left out: none. */
  readonly watchEvery?: number;
  /** "watched" when left out. */
  readonly watchPrompt?: string;
  /** Losses of the watched row that the run is told, one look after the other; computed when left out. */
  readonly seen?: readonly number[];
  readonly validation?: readonly Batch[] | null;
  /** Validation losses that the run is told, one after the other; computed when left out. */
  readonly losses?: readonly (number | Omit<EvaluationMetrics, "step">)[];
  readonly weight?: (step: number) => number;
  readonly compute?: Compute;
  /** When a person asks: at a poll, or at a moment, which is a poll, a run of a session or a save; both from 1. */
  readonly ask?: {
    readonly poll?: number;
    readonly moment?: number;
    readonly request: "pause" | "cancel" | "save" | "skipBefore";
  };
  /** Saves that succeed before the disk is full. */
  readonly room?: number;
  readonly from?: Saved;
}

/** Runs the loop on the fake runtime; `from` goes through JSON and a fresh runtime, as after a reload. */
async function train(setting: Setting = {}) {
  const { totalSteps = 6, from, losses } = setting;
  const { compute = computeBigram, ask } = setting;
  const control = createControl();
  let moments = 0;
  const pass = () => {
    moments++;
    if (ask !== undefined && moments === ask.moment) control[ask.request]();
  };
  const runtime = createFakeRuntime((artifact, inputs) => {
    pass();
    return compute(artifact, inputs);
  });
  const random = createRandom(1);
  const parameters = await uploadParameters(runtime, specs, ({ name }) =>
    Float32Array.from({ length: name === "bias" ? vocabulary : vocabulary ** 2 }, () => random.normal()),
  );
  const { beta1, beta2 } = optimizerSettings;
  const program = createWholeGraph({ runtime, parameters, specs, artifacts, recipe: { beta1, beta2, maxGradNorm: 1 } });
  const start = initialState({ epoch: 0, cursor: 0, random: [1, 2, 3, 4], passes: [], drawn: 0, stages: 1 });
  const patience: Patience | null = setting.patience
    ? {
        validations: setting.patience,
        from: setting.patienceFrom ?? 0,
        set: validationOf("chat"),
      }
    : null;
  const state = from === undefined ? start : readState(JSON.parse(JSON.stringify(from.state)), patience).state;
  if (from !== undefined) await restoreInto(program, from.tensors);
  const { validation = [batchOf([[1, 2, 3]], [0]), batchOf([[4, 5, 6]], [1])] } = setting;
  const told = losses
    ?.slice(state.progress.evaluations?.points ?? 0)
    .map((held) => (typeof held === "number" ? { loss: held, sets: { validation: held } } : held));
  const watched = batchOf([[2, 3, 4, 5]], [0]);
  const seen = setting.seen?.slice();
  const events: LoopEvent[] = [];
  const checkpoints: Saved[] = [];
  const prompts: string[] = [];
  const respond = async (prompt: string) => {
    prompts.push(prompt);
    return `${prompt} ${(await snapshotOf(program.tensors()))[0]?.values.slice(0, 3).join(" ")}`;
  };
  let polls = 0;
  const poll = async () => {
    pass();
    polls++;
    if (ask !== undefined && polls === ask.poll) control[ask.request]();
  };
  let now = 0;
  const outcome = await trainingLoop(
    {
      recipe: {
        evaluateEvery: setting.evaluateEvery ?? 2,
        checkpointEvery: setting.checkpointEvery ?? 4,
      },
      totalSteps,
      learningRate: (step) =>
        learningRateAt({ learningRate: 0.05, schedule: "cosine", warmupRatio: 0.2 }, step, totalSteps),
      program,
      batches: sourceFrom(state.sampler, setting.weight ?? (() => 1)),
      evaluate:
        validation === null
          ? null
          : told === undefined
            ? (interrupted, onProgress) =>
                evaluateHeldOut(program, [{ ...validationOf("mixed"), batches: validation }], interrupted, onProgress)
            : async () => told.shift() ?? { loss: Number.NaN, sets: {} },
      patience,
      preferences: null,
      bestSet: setting.bestSet ?? null,
      guard:
        setting.allowedRise === undefined
          ? null
          : { allowedRise: setting.allowedRise, sets: ["general"], labels: { general: "prose.txt" } },
      boundaries: setting.borders ?? [],
      questions: setting.questions ?? [],
      answers: async (asked, signal, onAnswer) => {
        const texts: (string | null)[] = [];
        for (const prompt of asked) {
          await poll();
          const text = signal.aborted ? null : await respond(prompt);
          // A request during an answer cuts it off.
          texts.push(signal.aborted ? null : text);
          if (!signal.aborted) onAnswer();
        }
        return texts;
      },
      watch:
        setting.watchEvery === undefined
          ? null
          : {
              every: setting.watchEvery,
              capture: async (answerTo) => {
                const answer = await answerTo(setting.watchPrompt ?? "watched");
                if (answer === null) return null;
                return { answer, losses: seen ? seen.splice(0, 1) : [...(await program.tokenLosses(watched))] };
              },
            },
      saveCheckpoint: async (checkpoint) => {
        pass();
        if (checkpoints.length === setting.room) throw new StorageFullError("The checkpoint", 2e6, 1e6);
        checkpoints.push({ state: checkpoint.state, tensors: await snapshotOf(checkpoint.tensors) });
      },
      emit: (event) => events.push(event),
      control,
      clock: () => {
        now += 250;
        return now;
      },
      nextTask: poll,
    },
    state,
  );
  const metrics = events.flatMap((event) => (event.type === "step" ? [event.metrics] : []));
  const evaluations = events.flatMap((event) => (event.type === "evaluation" ? [event.metrics] : []));
  const tensors = await snapshotOf(program.tensors());
  return { ...outcome, tensors, events, metrics, evaluations, checkpoints, polls, moments, prompts };
}

const stepsOf = (events: readonly LoopEvent[], type: "evaluation" | "step") =>
  events.flatMap((event) => (event.type === type ? [event.metrics.step] : []));
const checkpointSteps = (checkpoints: readonly Saved[]) => checkpoints.map((checkpoint) => checkpoint.state.step);
const last = <T>(items: readonly T[]): T => items[items.length - 1] as T;

describe("a run", () => {
  test("evaluates before the first step, every k steps and after the last", async () => {
    const run = await train({ totalSteps: 7, evaluateEvery: 3 });
    expect(run.status).toBe("finished");
    expect(run.reason).toBeNull();
    expect(stepsOf(run.events, "evaluation")).toEqual([0, 3, 6, 7]);
    expect(stepsOf(run.events, "step")).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(run.state.step).toBe(7);
    expect(run.state.updates).toBe(7);
    expect(run.metrics.every((metrics) => metrics.seconds === 0.25 && metrics.tokens === 16)).toBe(true);
    expect(run.metrics.map((metrics) => metrics.learningRate)).toEqual(
      [1, 2, 3, 4, 5, 6, 7].map((step) =>
        learningRateAt({ learningRate: 0.05, schedule: "cosine", warmupRatio: 0.2 }, step, 7),
      ),
    );
  });

  test("the state counts what events tell", async () => {
    const run = await train({ questions: [{ prompt: "a", reference: "b" }] });
    expect(run.state.progress).toEqual(progressOf(run.metrics, run.evaluations));
    expect(run.state.seconds).toBe(6 * 0.25);
    expect(last(run.checkpoints)).toEqual({ state: run.state, tensors: run.tensors });
  });

  test("trains the same with validation, samples and checkpoints as without", async () => {
    const plain = await train({ validation: null, checkpointEvery: 100 });
    const watched = await train({ evaluateEvery: 1, checkpointEvery: 1, questions: [{ prompt: "a", reference: "b" }] });
    expect(watched.tensors).toEqual(plain.tensors);
    expect(watched.metrics).toEqual(plain.metrics);
    expect(plain.evaluations).toEqual([]);
  });

  test.each([
    ["every 2 of 6, the last one not twice", { checkpointEvery: 2 }, [2, 4, 6]],
    ["every 4 of 6 and at the end", { checkpointEvery: 4 }, [4, 6]],
    ["never before the end", { checkpointEvery: 100 }, [6]],
  ] as const)("saves %s", async (_, setting, steps) => {
    const run = await train({ ...setting, validation: null });
    expect(checkpointSteps(run.checkpoints)).toEqual(steps);
    expect(run.events.flatMap((event) => (event.type === "checkpoint" ? [event.step] : []))).toEqual(steps);
  });

  test("saves each new best, and notes it in that very checkpoint", async () => {
    const run = await train({ checkpointEvery: 100, evaluateEvery: 1, losses: [5, 6, 4, 4, 3, 7, 8] });
    expect(checkpointSteps(run.checkpoints)).toEqual([2, 4, 6]);
    expect(run.checkpoints.map((checkpoint) => checkpoint.state.best)).toEqual([
      { step: 2, loss: 4, sets: { validation: 4 } },
      { step: 4, loss: 3, sets: { validation: 3 } },
      { step: 4, loss: 3, sets: { validation: 3 } },
    ]);
  });

  describe("with a guard", () => {
    const told = (...pairs: readonly (readonly [loss: number, general: number])[]) =>
      pairs.map(([loss, general]) => ({ loss, sets: { validation: loss, general } }));

    test("pauses after the checkpoint of a rise, and goes on from the loss at the stop", async () => {
      const losses = told([5, 2], [4, 2.1], [3, 2.4], [2, 2.6], [1, 2.62]);
      const paused = await train({ totalSteps: 8, checkpointEvery: 100, allowedRise: 0.25, losses });
      expect([paused.status, paused.state.step]).toEqual(["paused", 4]);
      expect(paused.reason).toBe(
        "Step 4: the loss on prose.txt rose from 2.0000 at step 0 to 2.4000, by more than 0.25. Resume allows the same " +
          "rise again; or take the best checkpoint, of step 2.",
      );
      expect(checkpointSteps(paused.checkpoints)).toEqual([2, 4]);
      const from = last(paused.checkpoints);
      expect(from.state.guard).toEqual({ general: { step: 4, loss: 2.4 } });
      const setting = { totalSteps: 8, checkpointEvery: 100, allowedRise: 0.25, losses, from };
      const resumed = await train(setting);
      expect([resumed.status, resumed.reason, resumed.state.best?.step]).toEqual(["finished", null, 8]);
      expect(resumed.tensors).toEqual((await train({ totalSteps: 8, losses })).tensors);
    });

    test("ends with a reason where the rise is at the last step, and the best is within it", async () => {
      const losses = told([5, 2], [4, 2.1], [3, 3]);
      const run = await train({ totalSteps: 4, allowedRise: 0.25, losses });
      expect([run.status, run.state.best?.step]).toEqual(["finished", 2]);
      expect(run.reason).toMatch(
        / rose from 2\.0000 at step 0 to 3\.0000.* Within the guard: the best checkpoint, of step 2\.$/,
      );
    });

    test("names the base model where no later step is within it", async () => {
      const run = await train({ totalSteps: 4, allowedRise: 0.25, losses: told([5, 2], [4, 2.5], [3, 2.6]) });
      expect([run.status, run.state.step]).toEqual(["paused", 2]);
      expect(run.reason).toMatch(/or take the base model\.$/);
    });

    test("a pause that a person requested has no reason of the guard", async () => {
      const ask = { poll: 1, request: "cancel" } as const;
      const run = await train({ totalSteps: 4, allowedRise: 0.25, losses: told([5, 2], [4, 2.5]), ask });
      expect([run.status, run.reason]).toEqual(["cancelled", null]);
    });

    test("stops on a general loss that is no number", async () => {
      const losses = told([5, 2], [4, Number.NaN]);
      await expect(train({ totalSteps: 4, allowedRise: 0.25, losses })).rejects.toThrow(/not finite|NaN/);
    });
  });

  test("leaves after `patience` validations without a lower loss and says so", async () => {
    const run = await train({ totalSteps: 20, evaluateEvery: 2, patience: 2, losses: [5, 4, 4.5, 3, 3, 3.1, 1] });
    expect(run.status).toBe("finished");
    expect(run.state.step).toBe(10);
    expect(run.reason).toBe(
      "Stopped at step 10 of 20: 2 validations in a row without a lower loss than 3.0000 at step 6.",
    );
    expect(last(checkpointSteps(run.checkpoints))).toBe(10);
  });

  test("has patience in its last stage only, and there with what the stage learns", async () => {
    // Validations at 0, 2, …, 20; the stage begins with step 8. Of all rows the loss only rises.
    const losses = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((loss, i) => ({
      loss,
      sets: { "validation of text": loss, "validation of chats": [9, 9, 9, 9, 8, 7, 6, 6, 6][i] ?? 6 },
    }));
    const run = await train({ totalSteps: 20, evaluateEvery: 2, patience: 2, patienceFrom: 8, losses });
    expect(run.state.step).toBe(16);
    expect(run.reason).toBe(
      "Stopped at step 16 of 20: 2 validations in a row without a lower loss than 6.0000 at step 12.",
    );
    expect(run.state.best).toEqual({ step: 0, loss: 1, sets: { "validation of text": 1, "validation of chats": 9 } });
  });

  // By hand: the lowest of each column. Text is learnt first and stays lower than the chats ever are.
  test.each([
    ["the chats", validationOf("chat"), 8],
    ["the text", validationOf("text"), 4],
    ["everything held out", undefined, 4],
    ["everything, for a set that no evaluation has", validationOf("mixed"), 4],
  ])("the best of two stages is by the loss of %s", async (_, bestSet, step) => {
    const [text, chats] = [
      [5, 2, 1, 2, 3, 3],
      [9, 9, 8, 7, 6, 6.5],
    ] as const;
    const losses = text.map((loss, i) => {
      const chat = chats[i] ?? 0;
      return { loss: (3 * loss + chat) / 4, sets: { "validation of text": loss, "validation of chats": chat } };
    });
    const setting = { totalSteps: 10, evaluateEvery: 2, checkpointEvery: 100, borders: [4], losses };
    const run = await train({ ...setting, ...(bestSet && { bestSet }) });
    expect(run.state.best?.step).toBe(step);
    // It has a checkpoint of its own.
    expect(checkpointSteps(run.checkpoints)).toContain(step);
  });

  test("evaluates and saves where a stage ends", async () => {
    const run = await train({
      totalSteps: 7,
      evaluateEvery: 5,
      checkpointEvery: 100,
      borders: [3],
      losses: [1, 2, 3, 4],
    });
    expect(stepsOf(run.events, "evaluation")).toEqual([0, 3, 5, 7]);
    expect(checkpointSteps(run.checkpoints)).toEqual([3, 7]);
  });

  test("begins each stage with a fresh optimizer, as if its weights were a new run's", async () => {
    const run = await train({ totalSteps: 6, borders: [3] });
    const border = run.checkpoints.find(({ state }) => state.step === 3);
    if (!border) throw new Error("the border was not saved");
    expect(border.state.updates).toBe(3);
    const zeroed = border.tensors.map((tensor) =>
      tensor.name.includes("moment") ? { ...tensor, values: tensor.values.map(() => 0) } : tensor,
    );
    expect(zeroed).not.toEqual(border.tensors);
    const anew = await train({ totalSteps: 6, from: { state: { ...border.state, updates: 0 }, tensors: zeroed } });
    expect(run.tensors).toEqual(anew.tensors);
    expect(run.state.updates).toBe(3);
    expect((await train({ totalSteps: 6 })).tensors).not.toEqual(run.tensors);
  });

  test("answers the questions with the weights before the first and after the last step", async () => {
    const questions = [1, 2].map((n) => ({ prompt: `question ${n}`, reference: `reference ${n}` }));
    const run = await train({ questions });
    const start = await train({ totalSteps: 1, ask: { poll: 1, request: "pause" } });
    const weights = ({ tensors }: typeof run) => tensors[0]?.values.slice(0, 3).join(" ");
    expect(run.state.samples).toEqual(
      questions.map(({ prompt, reference }) => ({
        prompt,
        reference,
        before: `${prompt} ${weights(start)}`,
        after: `${prompt} ${weights(run)}`,
      })),
    );
    expect(weights(run)).not.toBe(weights(start));
  });

  test("looks at the base model, every k steps and at the end, and events tell what the state holds", async () => {
    const run = await train({ totalSteps: 7, watchEvery: 3 });
    expect(run.state.moments.map(({ step }) => step)).toEqual([0, 3, 6, 7]);
    const told = run.events.flatMap((event) => (event.type === "snapshots" ? [event.snapshots] : []));
    expect(told).toHaveLength(4);
    expect(last(told)).toEqual(run.state.moments);
    // Each look sees other weights, the last one those of the end.
    expect(run.state.moments.map(({ answer }) => answer)).toEqual([...new Set(run.state.moments.map((m) => m.answer))]);
    expect(last(run.state.moments).answer).toBe(`watched ${run.tensors[0]?.values.slice(0, 3).join(" ")}`);
    expect(run.state.moments.every(({ losses }) => losses.length === 3)).toBe(true);
  });

  test("looks once more where it stops early, and trains the same with looks as without", async () => {
    const setting = { totalSteps: 20, patience: 2, losses: [5, 4, 4.5, 3, 3, 3.1, 1] };
    const run = await train({ ...setting, watchEvery: 4 });
    expect(run.state.moments.map(({ step }) => step)).toEqual([0, 4, 8, 10]);
    expect(run.tensors).toEqual((await train(setting)).tensors);
  });

  test("answers a watched question once with the same weights", async () => {
    const questions = [1, 2].map((n) => ({ prompt: `question ${n}`, reference: "" }));
    const setting = { questions, watchEvery: 3, totalSteps: 6 };
    const run = await train({ ...setting, watchPrompt: "question 1" });
    const [before, after] = [0, 6].map((step) => run.state.moments.find((moment) => moment.step === step)?.answer);
    expect([before, after]).toEqual([run.state.samples[0]?.before, run.state.samples[0]?.after]);
    expect(run.prompts).toEqual(["question 1", "question 2", "question 1", "question 1", "question 2"]);
    const other = await train(setting);
    expect(other.prompts).toHaveLength(7);
    expect(other.state.samples).toEqual(run.state.samples);
  });

  test("goes past steps without a supervised token and tells where their rows come from", async () => {
    const run = await train({ weight: (step) => (step === 2 || step === 6 ? 0 : 1) });
    const origins = [0, 1, 2, 3, 4, 5].map((row) => originOf(row, row % 2));
    expect(run.events.filter((event) => event.type === "empty")).toEqual([
      { type: "empty", step: 2, origins },
      { type: "empty", step: 6, origins },
    ]);
    expect(run.state.step).toBe(6);
    expect(run.state.updates).toBe(4);
    expect(run.metrics.map((metrics) => metrics.step)).toEqual([1, 3, 4, 5]);
  });
});

describe("a person", () => {
  const questions = [1, 2].map((n) => ({ prompt: `question ${n}`, reference: "" }));

  test("who pauses at any moment and resumes gets the uninterrupted run, bit for bit", async () => {
    const setting = {
      questions,
      watchEvery: 2,
      totalSteps: 5,
      borders: [1, 4],
      patience: 9,
      weight: (step: number) => (step === 3 ? 0 : 1),
    };
    const whole = await train(setting);
    const told = (...runs: { readonly events: readonly LoopEvent[] }[]) =>
      runs.flatMap((run) => run.events).filter((event) => event.type !== "checkpoint" && event.type !== "before");
    expect(whole.moments).toBeGreaterThan(40);
    for (let moment = 1; moment < whole.moments; moment++) {
      const first = await train({ ...setting, ask: { moment, request: "pause" } });
      expect([moment, first.status, first.reason]).toEqual([moment, "paused", null]);
      const from = last(first.checkpoints);
      expect(from.state).toEqual(first.state);
      const second = await train({ ...setting, from });
      expect([moment, second.state]).toEqual([moment, whole.state]);
      expect([moment, second.tensors]).toEqual([moment, whole.tensors]);
      expect([moment, told(first, second)]).toEqual([moment, told(whole)]);
    }
    const late = await train({ ...setting, ask: { moment: whole.moments, request: "pause" } });
    expect([late.status, late.state]).toEqual(["finished", whole.state]);
  });

  test.each([
    ["without early stopping", undefined],
    ["with early stopping, which counts the validation", 9],
  ])("who skips what precedes the first step gets the same steps, bit for bit, %s", async (_, patience) => {
    const setting = { questions, watchEvery: 2, totalSteps: 5, ...(patience && { patience }) };
    const whole = await train(setting);
    const evaluation = (run: typeof whole) => run.evaluations.some(({ step }) => step === 0);
    const skipped = { answers: 0, validation: 0, watch: 0 };
    for (let moment = 1; moment <= whole.moments; moment++) {
      const run = await train({ ...setting, ask: { moment, request: "skipBefore" } });
      expect([moment, run.tensors]).toEqual([moment, whole.tensors]);
      expect([moment, run.metrics]).toEqual([moment, whole.metrics]);
      expect([moment, run.state.sampler, run.state.step]).toEqual([moment, whole.state.sampler, whole.state.step]);
      expect([moment, run.state.waiting]).toEqual([moment, whole.state.waiting]);
      expect([moment, run.evaluations.slice(evaluation(run) ? 1 : 0)]).toEqual([moment, whole.evaluations.slice(1)]);
      if (patience) expect(evaluation(run)).toBe(true);
      // Answers that were not given before training are still given after it.
      expect(run.state.samples.map(({ after }) => after)).toEqual(whole.state.samples.map(({ after }) => after));
      if (run.state.samples.some(({ before }) => before === null)) skipped.answers++;
      if (!evaluation(run)) skipped.validation++;
      if (run.state.moments[0]?.step !== 0) skipped.watch++;
    }
    const first = await train({ ...setting, ask: { moment: 1, request: "skipBefore" } });
    expect(first.state.samples.map(({ before }) => before)).toEqual([null, null]);
    expect(first.state.moments.map(({ step }) => step)).toEqual([2, 4, 5]);
    expect(skipped.answers).toBeGreaterThan(1);
    expect(skipped.watch).toBeGreaterThan(skipped.answers);
    expect(skipped.validation > skipped.answers).toBe(patience === undefined);
  });

  test("sees each part before the first step from 0 to its end, and none after it", async () => {
    const run = await train({ questions, watchEvery: 2, totalSteps: 3 });
    const begins = run.events.findIndex(({ type }) => type === "step");
    const parts = new Map<string, string[]>();
    for (const [at, event] of run.events.entries()) {
      if (event.type !== "before") continue;
      expect(at).toBeLessThan(begins);
      parts.set(event.task, [...(parts.get(event.task) ?? []), `${event.done}/${event.total}`]);
    }
    // By hand: two questions, two validation batches, one row; three micro-batches of one shape have one session, AdamW one.
    expect(Object.fromEntries([...parts].map(([task, seen]) => [task, [...new Set(seen)]]))).toEqual({
      answers: ["0/2", "1/2", "2/2"],
      validation: ["0/2", "1/2", "2/2"],
      watch: ["0/1", "1/1"],
      sessions: ["0/2", "1/2", "2/2"],
    });
  });

  test("who resumes from any checkpoint, not the last one only, gets the same end", async () => {
    const whole = await train({ checkpointEvery: 1, questions });
    for (const from of whole.checkpoints) {
      const resumed = await train({ checkpointEvery: 1, questions, from });
      expect([from.state.step, resumed.tensors]).toEqual([from.state.step, whole.tensors]);
      expect(resumed.state).toEqual(whole.state);
      expect(resumed.metrics).toEqual(whole.metrics.filter(({ step }) => step > from.state.step));
    }
  });

  test("who asks for a checkpoint gets one before the next step, and the run is the same", async () => {
    const setting = { checkpointEvery: 100, validation: null, totalSteps: 5 };
    const whole = await train(setting);
    const saved = new Set<number>();
    for (let poll = 1; poll <= whole.polls; poll++) {
      const run = await train({ ...setting, ask: { poll, request: "save" } });
      expect([poll, run.status, run.polls]).toEqual([poll, "finished", whole.polls]);
      expect(run.tensors).toEqual(whole.tensors);
      expect(last(checkpointSteps(run.checkpoints))).toBe(5);
      // Asked in the last step, the last checkpoint is the one.
      expect(run.checkpoints.length).toBeLessThanOrEqual(2);
      for (const { state } of run.checkpoints) saved.add(state.step);
    }
    expect([...saved].toSorted()).toEqual([1, 2, 3, 4, 5]);
  });

  test("who pauses twice at one place gets no second checkpoint of it", async () => {
    const first = await train({ ask: { poll: 12, request: "pause" } });
    const second = await train({ from: last(first.checkpoints), ask: { poll: 1, request: "pause" } });
    expect(first.checkpoints.length).toBeGreaterThan(0);
    expect(second.status).toBe("paused");
    expect(second.checkpoints).toEqual([]);
  });

  test("who cancels at any poll is heard before the next micro-batch, and gets no checkpoint that was not due", async () => {
    const whole = await train({ validation: null });
    for (let poll = 1; poll <= whole.polls; poll++) {
      const run = await train({ validation: null, ask: { poll, request: "cancel" } });
      expect([run.status, run.reason]).toEqual(["cancelled", null]);
      expect(run.polls).toBe(poll);
      expect(checkpointSteps(run.checkpoints)).toEqual(run.state.step >= 4 ? [4] : []);
    }
  });

  test("is heard through cancel after pause, not the other way round", () => {
    const control = createControl();
    expect([control.request, control.signal.aborted]).toEqual([null, false]);
    control.pause();
    expect([control.request, control.signal.aborted]).toEqual(["pause", true]);
    control.cancel();
    control.pause();
    expect(control.request).toBe("cancel");
  });

  test("is heard at all: messages that wait are handled before the next task", async () => {
    const { port1, port2 } = new MessageChannel();
    const heard = new Promise<string>((resolve) => {
      port1.onmessage = ({ data }) => resolve(data);
    });
    port2.postMessage("stop");
    let message: string | null = null;
    void heard.then((data) => {
      message = data;
    });
    for (let turn = 0; turn < 10 && message === null; turn++) await nextTask();
    expect(message).toBe("stop");
    port1.close();
  });
});

describe("trouble", () => {
  test("a full disk pauses with the reason, and the run goes on from the last whole checkpoint", async () => {
    const setting = { checkpointEvery: 2, validation: null };
    const full = await train({ ...setting, room: 1 });
    expect(full.status).toBe("paused");
    expect(full.reason).toMatch(/needs 2 MB, but this browser gives 1 MB more.*free disk space/);
    expect(checkpointSteps(full.checkpoints)).toEqual([2]);
    expect(full.state).toEqual(last(full.checkpoints).state);
    const resumed = await train({ ...setting, from: last(full.checkpoints) });
    expect(resumed.tensors).toEqual((await train(setting)).tensors);
  });

  test("any other error of a part is not swallowed", async () => {
    const compute: Compute = () => {
      throw new Error("device lost");
    };
    await expect(train({ compute, validation: null })).rejects.toThrow("device lost");
  });

  test("a gradient that is not finite ends the run, naming the step", async () => {
    let trainings = 0;
    const compute: Compute = (artifact, inputs) => {
      const results = computeBigram(artifact, inputs);
      if (artifact.kind === "training" && ++trainings > 6)
        results[accumulatorOut("table")] = new Float32Array(vocabulary ** 2).fill(Number.NaN);
      return results;
    };
    await expect(train({ compute, validation: null })).rejects.toMatchObject({
      name: "NonFiniteError",
      quantity: "gradient",
      step: 4,
    });
  });

  test("a validation loss that is not finite ends the run", async () => {
    await expect(train({ losses: [2, Number.NaN] })).rejects.toThrow("The validation loss of step 2 is NaN");
  });
});

test("a look whose numbers are not finite ends the run, for nothing could be kept of it", async () => {
  await expect(train({ watchEvery: 2, seen: [4, Number.NaN] })).rejects.toMatchObject({
    name: "NonFiniteError",
    quantity: "loss of the watched row",
    step: 2,
  });
});

test("of many looks sixty stay, the first and the newest among them, spread over the whole run", () => {
  let moments: readonly Snapshot[] = [];
  for (let step = 0; step <= 3000; step += 3) {
    moments = withSnapshot(moments, { step, answer: "", losses: [] });
    const steps = moments.map((moment) => moment.step);
    expect([steps[0], last(steps)]).toEqual([0, step]);
    const gaps = steps.slice(1).map((at, i) => at - (steps[i] ?? 0));
    // The newest gap may be new.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(4 * Math.min(...gaps.slice(0, -1), Math.max(...gaps)));
    expect(steps).toHaveLength(Math.min(60, step / 3 + 1));
  }
});

describe("a stored state", () => {
  const pass = { pass: 2, position: 7, random: [5, 6, 7, 8] } as const;
  const state = initialState({ epoch: 1, cursor: 2, random: [1, 2, 3, 4], passes: [pass], drawn: 9, stages: 2 });

  test("comes back as it was", async () => {
    const run = await train({ questions: [{ prompt: "a", reference: "b" }], watchEvery: 3 });
    expect(readState(JSON.parse(JSON.stringify(run.state)), null)).toEqual({ state: run.state, curves: null });
    expect(readState(JSON.parse(JSON.stringify(state)), null).state).toEqual(state);
    const { moments: _none, ...earlier } = state;
    expect(readState(earlier, null).state).toEqual(state);
  });

  test("of format 1 held its curves, and gives the same state and the curves", async () => {
    const losses = [5, 4, 4.5, 3, 3, 3.1, 2, 1];
    const setting = { totalSteps: 10, evaluateEvery: 2, checkpointEvery: 1, patience: 3, patienceFrom: 4, losses };
    const run = await train(setting);
    const patience: Patience = { validations: 3, from: 4, set: validationOf("chat") };
    expect(run.checkpoints).toHaveLength(10);
    for (const { state: now } of run.checkpoints) {
      const metrics = run.metrics.filter(({ step }) => step <= now.step);
      const evaluations = run.evaluations.filter(({ step }) => step <= now.step);
      const { seconds: _seconds, progress: _progress, waiting: _waiting, ...rest } = now;
      const old: unknown = JSON.parse(JSON.stringify({ ...rest, metrics, evaluations }));
      const curves = { steps: columnsOf(metrics), evaluations };
      expect(readState(old, patience)).toEqual({ state: now, curves });
      expect(readState(JSON.parse(JSON.stringify(wholeState(now, curves))), patience)).toEqual({ state: now, curves });
    }
    // It goes on from there as from its own.
    const [from] = run.checkpoints.filter(({ state: at }) => at.step === 5);
    if (!from) throw new Error("step 5 was not saved");
    expect((await train({ ...setting, from })).state).toEqual(run.state);
  });

  test("does not grow with the steps", async () => {
    const run = await train({ totalSteps: 300, evaluateEvery: 5, checkpointEvery: 10, watchEvery: 1 });
    const sizes = run.checkpoints.map(({ state: at }) => [at.step, JSON.stringify({ ...at, moments: [] }).length]);
    const of = (step: number) => sizes.find(([at]) => at === step)?.[1] ?? Number.NaN;
    // Digits, of counters and of losses.
    expect(Math.abs(of(300) - of(20))).toBeLessThan(60);
  });

  test.each([
    [{ ...state, sampler: { ...state.sampler, cursor: -1 } }, "sampler.cursor is -1, not a whole number from 0"],
    [
      { ...state, sampler: { ...state.sampler, passes: [{ ...pass, position: 0.5 }] } },
      "sampler.passes.0.position is 0.5, not a whole number",
    ],
    [{ ...state, step: "3" }, 'step is "3", not a whole number'],
    [null, "the whole is null, not an object"],
  ])("%j is refused, naming the field", (stored, message) => {
    expect(() => readState(stored, null)).toThrow(message);
  });
});
