/**
 * A run of a small model on the project's modules, driven by `scripts/harness/killPage.ts`, for tests that disturb the
 * browser.
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Headless, launchChromium } from "../../scripts/harness/chromium.ts";
import type { KillRun } from "../../scripts/harness/killPage.ts";
import { callInPage, serveModules } from "../../scripts/harness/serve.ts";
import { recipeOf } from "../support/recipe.ts";
import { sizedModel } from "../support/tinyLlama.ts";

/**
 * Small, with many micro-batches per step, so that most of the time goes into steps. After two kills in a row during a
 * write, Chromium's own storage log is damaged (LevelDB appends to a log that ends in half a record).
 */
const model = sizedModel({ hidden_size: 32, intermediate_size: 96, num_hidden_layers: 2 });

/** Several chunks, so that its copy takes several writes. */
const largeModel = () => sizedModel({ hidden_size: 256, intermediate_size: 1024, num_hidden_layers: 4 });

const recipe = {
  learningRate: 1e-3,
  warmupRatio: 0.05,
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
};

const rows = ["cat", "dog", "sun", "tree", "ball", "park", "bird", "boat", "king", "milk"].map((thing, i) => ({
  instruction: `What did Lily see${" again".repeat(i % 4)}?`,
  input: "",
  output: `Lily saw a ${thing}. It was very ${i % 2 ? "big" : "red"}${", and she was happy".repeat(i % 3)}.`,
}));

const page = "/scripts/harness/killPage.ts";

export interface SmallRun {
  /** The folder for the test's files; they are served below /data/. */
  readonly folder: string;
  readonly request: KillRun;
  /** Opens a browser on the blank page; its profile survives it. */
  open(profile: string): Promise<Headless>;
}

/** Calls a function of `killPage.ts`. */
export const call = <Result>({ page: tab }: Headless, name: string, argument: unknown = null) =>
  callInPage<Result>(tab, page, name, argument);

/** Serves model, rows and, below /data/large/, a larger model, until the test ends. */
export async function serveSmallRun(steps: number): Promise<SmallRun> {
  const folder = await mkdtemp(join(tmpdir(), "hone-run-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await writeFile(join(folder, "pairs.json"), JSON.stringify(rows));
  await mkdir(join(folder, "large"));
  for (const [name, content] of Object.entries(model)) await writeFile(join(folder, name), content);
  for (const [name, content] of Object.entries(largeModel())) await writeFile(join(folder, "large", name), content);
  const served = await serveModules({ "/data": folder });
  onTestFinished(served.dispose);
  return {
    folder,
    request: { model: "/data/", pairs: "/data/pairs.json", recipe: recipeOf("full", { ...recipe, steps }) },
    async open(profile) {
      const browser = await launchChromium({ profile: join(folder, profile) });
      await browser.page.goto(served.address);
      return browser;
    },
  };
}
