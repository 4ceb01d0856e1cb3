/**
 * Calls that are cancelled during preparation, on wasm in Node: during tokenizing, while weights are read, and in any task.
 * Oracle: the same run, bit for bit, on an engine where nothing was cancelled.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import type { DataApi } from "../../../src/protocol/datasets.ts";
import type { EngineApi, EngineEvent, RunRequest } from "../../../src/protocol/engine.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { nextTask } from "../../../src/training/control.ts";
import { isLong } from "../../support/long.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, jsonLines, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

/** Enough rows that tokenizing takes a while. */
const rows = 1000;

/** Called during preparation; a test cancels there. */
interface Hooks {
  /** The dataset service prepares the rows. */
  tokenizing: () => void;
  /** Bytes of the weights are read. */
  reading: () => void;
  /** The engine emits an event. */
  emitting: (event: EngineEvent) => void;
}

const nothing = () => undefined;

/** An engine with a model and rows of its own. */
async function open() {
  const at: Hooks = { tokenizing: nothing, reading: nothing, emitting: nothing };
  const service = createDatasetService(await openStorage(), nothing).during("");
  const watched: DataApi = {
    ...service,
    prepare(spec, signal) {
      const preparing = service.prepare(spec, signal);
      at.tokenizing();
      return preparing;
    },
  };
  const engine = await createEngine(
    nodeEntries,
    (event) => at.emitting(event),
    async () => watched,
  );
  await engine.start("wasm");
  const files = asFiles(tinyModel()).map((file) => {
    if (!file.name.endsWith(".safetensors")) return file;
    const slice: Blob["slice"] = (...range) => {
      at.reading();
      return File.prototype.slice.apply(file, range);
    };
    return Object.assign(file, { slice });
  });
  const { hash: modelHash } = await engine.openModel({ kind: "files", files });
  const { sources } = await service.open([new File([jsonLines(tinyRows(rows))], "rows.jsonl")]);
  const recipe = recipeOf("full", {
    steps: 6,
    maxLength: 64,
    accumulation: 1,
    validationShare: 0.01,
    samplePrompts: 1,
  });
  const request: RunRequest = {
    name: "a run",
    modelHash,
    sources: sources.map(({ hash }) => wholeSource(hash)),
    recipe,
  };
  return { engine, request, at };
}

type Here = Awaited<ReturnType<typeof open>>;

/** A run's curves and answer, and the bytes of tensors at its last step. */
async function outcomeOf({ engine, request, at }: Here, run = () => engine.startRun(request)) {
  let bytes = 0;
  at.emitting = (event) => {
    if (event.type === "step") bytes = event.memory;
  };
  const { id, status, reason, samples } = await run();
  const { steps, evaluations } = await engine.curvesOf(id);
  return { status, reason, samples, evaluations, losses: [...steps.loss], norms: [...steps.gradientNorm], bytes };
}

let expected: Awaited<ReturnType<typeof outcomeOf>>;

beforeAll(async () => {
  expected = await outcomeOf(await open());
  expect(expected).toMatchObject({ status: "finished", reason: null });
}, 300_000);

/** Expects that the engine trains the same run, with no tensor more on the device. */
async function expectUnharmed(here: Here, run?: () => ReturnType<EngineApi["startRun"]>) {
  here.at.tokenizing = nothing;
  here.at.reading = nothing;
  expect(await outcomeOf(here, run)).toEqual(expected);
}

const aborted = expect.objectContaining({ name: "AbortError" });

describe("after a cancelled budget the engine works", { timeout: 300_000 }, () => {
  test("while rows are tokenized", async () => {
    const here = await open();
    const cancel = new AbortController();
    let calls = 0;
    here.at.tokenizing = () => {
      calls++;
      cancel.abort();
    };
    await expect(here.engine.budget(here.request, cancel.signal)).rejects.toEqual(aborted);
    expect(calls).toBe(1);
    await expectUnharmed(here);
  });

  test("while the weights are read", async () => {
    const here = await open();
    const cancel = new AbortController();
    let reads = 0;
    here.at.reading = () => {
      reads++;
      if (reads === 3) cancel.abort();
    };
    await expect(here.engine.budget(here.request, cancel.signal)).rejects.toEqual(aborted);
    expect(reads).toBeGreaterThanOrEqual(3);
    await expectUnharmed(here);
  });

  test("after so many tasks", async () => {
    const here = await open();
    const outcomes: string[] = [];
    for (const tasks of isLong ? [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512] : [0, 2, 16, 128]) {
      const cancel = new AbortController();
      const measuring = here.engine.budget(here.request, cancel.signal).then(
        () => "measured",
        (error: Error) => error.name,
      );
      for (let task = 0; task < tasks; task++) await nextTask();
      cancel.abort();
      outcomes.push(await measuring);
    }
    expect(outcomes).toContain("AbortError");
    expect(new Set([...outcomes, "AbortError", "measured"]).size).toBe(2);
    await expectUnharmed(here);
  });
});

describe("a run is stopped before its first step", { timeout: 300_000 }, () => {
  test("cancelled while tokenizing: it ends without a record, and another run trains", async () => {
    for (const way of ["cancelRun", "signal"] as const) {
      const here = await open();
      const before = await here.engine.listRuns();
      const cancel = new AbortController();
      let calls = 0;
      here.at.tokenizing = () => {
        calls++;
        if (way === "signal") cancel.abort();
        else void here.engine.cancelRun();
      };
      await expect(here.engine.startRun(here.request, cancel.signal)).rejects.toEqual(aborted);
      expect(calls).toBe(1);
      expect(await here.engine.listRuns()).toEqual(before);
      await expectUnharmed(here);
    }
  });

  test("cancelled while reading weights: its status is cancelled, and another run trains", async () => {
    for (const way of ["cancelRun", "signal"] as const) {
      const here = await open();
      const cancel = new AbortController();
      let calls = 0;
      here.at.reading = () => {
        calls++;
        if (calls > 1) return;
        if (way === "signal") cancel.abort();
        else void here.engine.cancelRun();
      };
      const ended = await here.engine.startRun(here.request, cancel.signal);
      expect(ended).toMatchObject({ status: "cancelled", step: 0, reason: null });
      expect(calls).toBeGreaterThan(0);
      await expectUnharmed(here);
    }
  });

  test.each(["tokenizing", "reading"] as const)(
    "paused while %s and resumed, it equals the run without a pause",
    async (hook) => {
      const here = await open();
      let calls = 0;
      here.at[hook] = () => {
        calls++;
        if (calls === 1) void here.engine.pauseRun();
      };
      const { id, status, step } = await here.engine.startRun(here.request);
      expect([status, step]).toEqual(["paused", 0]);
      await expectUnharmed(here, () => here.engine.resumeRun(id));
    },
  );
});
