/**
 * `npm run preferences -- [--python PATH] [--model DIR] [--json FILE]`: trains on preferences in TRL and in Hone, by the same rows in
 * one batch: losses, gradient norms, margins and log-probabilities of a few steps; exit 1 on a difference. Without --model:
 * Seedling, and tiny models of ../shared, where they are. A development command.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { modelFromFiles } from "../src/hub/files.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRandom } from "../src/tensor/random.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { filesOfFolder } from "./harness/modelFolder.ts";
import { compareWithGolden } from "./harness/parityRun.ts";
import { trlMissing } from "./oracle/handOver/trl.ts";
import { projectRoot } from "./setup.mjs";

const usage = "npm run preferences -- [--python PATH] [--model DIR] [--json FILE]";

const plain = { r: null, alpha: null, steps: 3, weight_decay: 0, max_grad_norm: 1e9, label_smoothing: 0, gamma: null };
const pairRuns = {
  dpo: { ...plain, kind: "dpo", beta: 0.3, lr: 1e-4 },
  ipo: { ...plain, kind: "ipo", beta: 0.4, lr: 1e-4 },
  simpo: { ...plain, kind: "simpo", beta: 2.5, gamma: 1.4, lr: 1e-4 },
  orpo: { ...plain, kind: "orpo", beta: 0.2, lr: 1e-4 },
};
const singleRuns = { kto: { ...plain, kind: "kto", beta: 0.5, lr: 1e-4 } };

/** Seeded rows of token ids; of single answers, every other one is rejected. */
function rowsOf(vocabulary: number, single: boolean) {
  const random = createRandom(single ? 4 : 3);
  const ids = (least: number) =>
    Array.from({ length: least + random.below(6) }, () => 3 + random.below(vocabulary - 3));
  return Array.from({ length: 5 }, (_, i) => {
    const [prompt, chosen, rejected] = [ids(4), ids(3), ids(3)];
    return { prompt, chosen: single && i % 2 === 1 ? [] : chosen, rejected: single && i % 2 === 0 ? [] : rejected };
  });
}

function trlOn(python: string, model: string, folder: string, single: boolean): unknown {
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8")) as { readonly vocab_size: number };
  const [pairs, out] = [join(folder, "pairs.json"), join(folder, "trl.json")];
  const runs = single ? singleRuns : pairRuns;
  writeFileSync(pairs, JSON.stringify({ pairs: rowsOf(config.vocab_size, single), runs }));
  const script = join(projectRoot, "scripts/oracle/preferences.py");
  const { status, stderr, error } = spawnSync(python, [script, model, pairs, out], { encoding: "utf8" });
  if (error || status !== 0)
    throw new Error(`TRL failed on ${basename(model)}: ${(error?.message ?? stderr).slice(-600)}`);
  return JSON.parse(readFileSync(out, "utf8"));
}

async function main() {
  const { values } = parseArgs({
    options: { python: { type: "string", default: "python3" }, model: { type: "string" }, json: { type: "string" } },
  });
  const missing = trlMissing(values.python);
  if (missing) {
    console.log(`Skipped: ${missing}.`);
    return;
  }
  const shared = ["stories260K", "tiny-qwen3", "tiny-gpt2"].map((name) => join(projectRoot, "../shared/models", name));
  const models = values.model
    ? [existing("model", values.model, usage)]
    : [join(projectRoot, "public/models/seedling"), ...shared].filter(existsSync);
  const folder = mkdtempSync(join(tmpdir(), "hone-preferences-"));
  const rows: { readonly model: string; readonly figure: string; readonly deviation: number }[] = [];
  let failed = 0;
  try {
    for (const model of models) {
      for (const single of [false, true]) {
        const golden = trlOn(values.python, model, folder, single);
        const files = modelFromFiles(filesOfFolder(model));
        const found = await compareWithGolden({ provider: "wasm", entries: nodeEntries, files, golden, steps: null });
        const wrong = found.rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance));
        failed += wrong.length;
        for (const { figure, expected, actual } of wrong)
          console.log(`FAIL ${basename(model)}, ${figure}: ${actual.toPrecision(8)}, TRL ${expected.toPrecision(8)}`);
        rows.push(...found.rows.map(({ figure, deviation }) => ({ model: basename(model), figure, deviation })));
        const first = found.rows.filter(({ figure }) => /loss before step 1$|mean margin/.test(figure));
        const worst = Math.max(...first.map(({ deviation }) => deviation));
        console.log(
          `${basename(model)}, ${single ? "single answers" : "pairs"}: ${found.rows.length} figures, ${wrong.length} above ` +
            `tolerance; first losses and margins within ${worst.toExponential(1)}`,
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  writeJson(values.json, rows);
  process.exitCode = failed > 0 ? 1 : 0;
}

runCommand(main);
