/**
 * A run whose browser is killed again and again and goes on each time. Oracle: the same run without interruption, byte
 * for byte, on wasm with all its threads.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type Headless, launchChromium } from "../../scripts/harness/chromium.ts";
import type { KillRun, Remains } from "../../scripts/harness/killPage.ts";
import { callInPage, serveModules } from "../../scripts/harness/serve.ts";
import type { Recipe } from "../../src/run/recipe.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { test } from "../support/shared.ts";

const kills = 10;
const seed = 20261122;
const page = "/scripts/harness/killPage.ts";

const recipe: Recipe = {
  method: "full",
  lora: { rank: 4, alpha: 8, targets: ["q_proj"] },
  template: { kind: "built-in", name: "hone" },
  systemPrompt: null,
  mask: "responses",
  truncation: "drop",
  packing: false,
  stages: [
    {
      objective: "mixed",
      sources: null,
      mixture: "sampling",
      learningRate: 1e-3,
      schedule: "cosine",
      warmupRatio: 0.05,
      epochs: 1,
      steps: 40,
    },
  ],
  batchSize: 2,
  accumulation: 2,
  maxLength: 256,
  weightDecay: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  maxGradNorm: 1,
  validationShare: 0.2,
  evaluateEvery: 10,
  checkpointEvery: 2,
  keepLast: 2,
  patience: null,
  samplePrompts: 0,
  watchEvery: null,
  seed: 1,
};

const rows = ["cat", "dog", "sun", "tree", "ball", "park", "bird", "boat", "king", "milk"].map((thing, i) => ({
  instruction: `What did Lily see${" again".repeat(i % 4)}?`,
  input: "",
  output: `Lily saw a ${thing}. It was very ${i % 2 ? "big" : "red"}${", and she was happy".repeat(i % 3)}.`,
}));

test("a run of 40 steps killed ten times is the uninterrupted run, byte for byte", { timeout: 900_000 }, async ({
  shared,
}) => {
  const folder = await mkdtemp(join(tmpdir(), "hone-kill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await writeFile(join(folder, "pairs.json"), JSON.stringify(rows));
  const served = await serveModules({ "/kill/model": shared.at("models/stories260K"), "/kill/data": folder });
  onTestFinished(served.dispose);
  const request: KillRun = { model: "/kill/model/", pairs: "/kill/data/pairs.json", recipe };
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
    const steps = random.below(6);
    if (steps > 0) await call(browser, "stepsTaken", steps);
    await new Promise((resolve) => setTimeout(resolve, 1000 * random.next()));
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
  expect(new Set(reached).size).toBeGreaterThan(3); // killed on the way, not before it began
  const record = await call<RunRecord>(browser, "outcome");
  expect(record).toMatchObject({ status: "finished", step: 40 });
  const after = await call<Remains>(browser, "remains", runId);
  expect(after).toEqual(expected);
  expect(after.orphans).toBe(0);
  await browser.dispose();
});
