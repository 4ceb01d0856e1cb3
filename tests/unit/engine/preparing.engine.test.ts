/**
 * Calls that are cancelled while they prepare, on wasm in Node: while rows become tokens, while weights are read, at any moment.
 * Oracle: the same run on an engine where nothing was cancelled, to the last bit and byte.
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

/** So many that they take a while to become tokens. */
const rows = 1000;

/** What a test does at a moment. */
interface Moments {
  /** Rows were asked for, and are under way. */
  tokenising: () => void;
  /** Bytes of the model's weights are read. */
  reading: () => void;
  /** The engine tells something. */
  telling: (event: EngineEvent) => void;
}

const nothing = () => undefined;

/** An engine with a model and rows of its own. */
async function open() {
  const at: Moments = { tokenising: nothing, reading: nothing, telling: nothing };
  const service = createDatasetService(await openStorage(), nothing).during("");
  const watched: DataApi = {
    ...service,
    prepare(spec, signal) {
      const preparing = service.prepare(spec, signal);
      at.tokenising();
      return preparing;
    },
  };
  const engine = await createEngine(
    nodeEntries,
    (event) => at.telling(event),
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

/** A run's figures and its answer, and the bytes of tensors at its last step. */
async function outcomeOf({ engine, request, at }: Here, run = () => engine.startRun(request)) {
  let bytes = 0;
  at.telling = (event) => {
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

/** The engine works as if nothing had been: the same run, and no tensor more on the device. */
async function expectSound(here: Here, run?: () => ReturnType<EngineApi["startRun"]>) {
  here.at.tokenising = nothing;
  here.at.reading = nothing;
  expect(await outcomeOf(here, run)).toEqual(expected);
}

const aborted = expect.objectContaining({ name: "AbortError" });

describe("a budget is cancelled, and the engine goes on", { timeout: 300_000 }, () => {
  test("while rows become tokens", async () => {
    const here = await open();
    const cancel = new AbortController();
    let asked = 0;
    here.at.tokenising = () => {
      asked++;
      cancel.abort();
    };
    await expect(here.engine.budget(here.request, cancel.signal)).rejects.toEqual(aborted);
    expect(asked).toBe(1);
    await expectSound(here);
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
    await expectSound(here);
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
    await expectSound(here);
  });
});

describe("a run is stopped before its first step", { timeout: 300_000 }, () => {
  test("cancelled while tokenising: it ends at once without a record, and another trains", async () => {
    for (const way of ["cancelRun", "signal"] as const) {
      const here = await open();
      const before = await here.engine.listRuns();
      const cancel = new AbortController();
      let heard = 0;
      here.at.tokenising = () => {
        heard++;
        if (way === "signal") cancel.abort();
        else void here.engine.cancelRun();
      };
      await expect(here.engine.startRun(here.request, cancel.signal)).rejects.toEqual(aborted);
      expect(heard).toBe(1);
      expect(await here.engine.listRuns()).toEqual(before);
      await expectSound(here);
    }
  });

  test("cancelled while reading: it is cancelled, and another trains", async () => {
    for (const way of ["cancelRun", "signal"] as const) {
      const here = await open();
      const cancel = new AbortController();
      let heard = 0;
      here.at.reading = () => {
        heard++;
        if (heard > 1) return;
        if (way === "signal") cancel.abort();
        else void here.engine.cancelRun();
      };
      const ended = await here.engine.startRun(here.request, cancel.signal);
      expect(ended).toMatchObject({ status: "cancelled", step: 0, reason: null });
      expect(heard).toBeGreaterThan(0);
      await expectSound(here);
    }
  });

  test.each(["tokenising", "reading"] as const)(
    "paused while %s: resumed, it is the run without a pause",
    async (moment) => {
      const here = await open();
      let heard = 0;
      here.at[moment] = () => {
        heard++;
        if (heard === 1) void here.engine.pauseRun();
      };
      const { id, status, step } = await here.engine.startRun(here.request);
      expect([status, step]).toEqual(["paused", 0]);
      await expectSound(here, () => here.engine.resumeRun(id));
    },
  );
});
