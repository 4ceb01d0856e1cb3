/** The engine beside PyTorch's figures of a small Llama: full training, LoRA, greedy ids. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { modelFromFiles } from "../../../src/hub/files.ts";
import { webgpuParitySteps } from "../../../tests/numeric/tolerance.ts";
import { filesOfFolder } from "../../harness/modelFolder.ts";
import { compareWithGolden } from "../../harness/parityRun.ts";
import { projectRoot } from "../../setup.mjs";
import type { RunPart } from "../part.ts";
import { atMost, measured } from "../row.ts";

const folder = join(projectRoot, "tests", "golden", "parity");

export const run: RunPart = async ({ entries, report }) => {
  const { rows } = await compareWithGolden({
    provider: "webgpu",
    entries,
    files: modelFromFiles(filesOfFolder(folder)),
    golden: JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")),
    steps: webgpuParitySteps,
  });
  report(measured("figures in float32 beside PyTorch", rows.length, ""));
  for (const kind of ["full", "lora", "greedy"]) {
    const own = rows.filter(({ figure }) => figure.startsWith(kind));
    const worst = own.reduce((a, b) => (b.deviation > a.deviation ? b : a));
    report(atMost(`${kind}: worst deviation`, worst.deviation, worst.tolerance, "", worst.figure));
  }
};
