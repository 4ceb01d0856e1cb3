/**
 * A run whose browser is killed again and again and goes on each time. Oracle: the same run without interruption, byte
 * for byte, on wasm with all its threads.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Headless, launchChromium } from "../../scripts/harness/chromium.ts";
import type { KillRun, Remains } from "../../scripts/harness/killPage.ts";
import { callInPage, serveModules } from "../../scripts/harness/serve.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { isLong } from "../support/long.ts";
import { recipeOf } from "../support/recipe.ts";
import { sizedModel } from "../support/tinyLlama.ts";

const kills = isLong ? 10 : 4;
/** More than are made before the last kill, however quick the machine. */
const steps = 8 * kills;
const seed = 20261122;
const page = "/scripts/harness/killPage.ts";

/**
 * Small, and many micro-batches to a step: most of the time goes into steps. Chromium's own log of what it stores is not
 * sound once two kills in a row have torn it in the middle of a write (LevelDB appends to a log that ends in half a record).
 */
const model = sizedModel({ hidden_size: 32, intermediate_size: 96, num_hidden_layers: 2 });

const recipe = recipeOf("full", {
  learningRate: 1e-3,
  warmupRatio: 0.05,
  steps,
  batchSize: 2,
  accumulation: 24,
  maxLength: 128,
  weightDecay: 0.01,
  validationShare: 0.2,
  evaluateEvery: 10,
  checkpointEvery: 2,
  samplePrompts: 0,
  watchEvery: null,
  seed: 1,
});

const rows = ["cat", "dog", "sun", "tree", "ball", "park", "bird", "boat", "king", "milk"].map((thing, i) => ({
  instruction: `What did Lily see${" again".repeat(i % 4)}?`,
  input: "",
  output: `Lily saw a ${thing}. It was very ${i % 2 ? "big" : "red"}${", and she was happy".repeat(i % 3)}.`,
}));

test("a run that is killed again and again is the uninterrupted run, byte for byte", { timeout: 900_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "hone-kill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await writeFile(join(folder, "pairs.json"), JSON.stringify(rows));
  for (const [name, content] of Object.entries(model)) await writeFile(join(folder, name), content);
  const served = await serveModules({ "/kill/data": folder });
  onTestFinished(served.dispose);
  const request: KillRun = { model: "/kill/data/", pairs: "/kill/data/pairs.json", recipe };
  const open = async (profile: string) => {
    const browser = await launchChromium({ profile: join(folder, profile) });
    await browser.page.goto(served.address);
    return browser;
  };
  const call = <Result>({ page: tab }: Headless, name: string, argument: unknown = null) =>
    callInPage<Result>(tab, page, name, argument);

  const calm = await open("calm");
  onTestFinished(calm.kill);
  const calmId = await call<string>(calm, "startRun", request);
  const finished = async () => (await call<RunRecord[]>(calm, "listRuns"))[0]?.status === "finished";
  await expect.poll(finished, { timeout: 300_000, interval: 500 }).toBe(true);
  const expected = await call<Remains>(calm, "remains", calmId);
  await calm.dispose();

  const random = createRandom(seed);
  let browser = await open("killed");
  onTestFinished(() => browser.kill());
  const runId = await call<string>(browser, "startRun", request);
  const reached: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    // Some die while they compile or go back to a checkpoint, most in the middle of a step or of a save.
    const taken = random.below(6);
    if (taken > 0) await call(browser, "stepsTaken", taken);
    await new Promise((resolve) => setTimeout(resolve, 40 * random.next()));
    await browser.kill();
    browser = await open("killed");
    const runs = await call<RunRecord[]>(browser, "listRuns");
    expect(runs.map((run) => run.id)).toEqual([runId]);
    expect(runs[0]?.status).toBe("paused");
    reached.push(runs[0]?.step ?? -1);
    if (reached.at(-1) !== 0) {
      const { orphans, damaged } = await call<Remains>(browser, "remains", runId);
      expect({ orphans, damaged }).toEqual({ orphans: 0, damaged: 0 });
    }
    await call(browser, "resumeRun", runId);
  }
  console.info(`killed after the checkpoints of steps ${reached.join(", ")}`);
  expect(new Set(reached).size).toBeGreaterThan(kills / 3); // killed on the way, not before it began
  const record = await call<RunRecord>(browser, "outcome");
  expect(record).toMatchObject({ status: "finished", step: steps });
  const after = await call<Remains>(browser, "remains", runId);
  expect(after).toEqual(expected);
  expect(after.orphans).toBe(0);
  await browser.dispose();
});
