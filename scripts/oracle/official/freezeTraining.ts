/** Writes the golden runs of the small set of training artifacts, trained by onnxruntime-web 1.19.2. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { officialSet, officialSteps, optimizerForms } from "../../../tests/support/officialSet.ts";
import { runCommand } from "../../harness/arguments.ts";
import { projectRoot } from "../../setup.mjs";
import { type OrtRun, ortMissing, trainWithOrt } from "./ort.ts";

async function main() {
  const missing = ortMissing();
  if (missing) throw new Error(missing);
  const golden: Record<string, OrtRun> = {};
  for (const form of optimizerForms) {
    const files = officialSet(form);
    const bytes = (name: string) => files.get(name) as Uint8Array;
    const parts = {
      training: bytes("training_model.onnx"),
      evaluation: bytes("eval_model.onnx"),
      optimizer: bytes("optimizer_model.onnx"),
      checkpoint: bytes("checkpoint"),
    };
    golden[form] = await trainWithOrt(parts, officialSteps);
    console.log(`${form}: losses ${golden[form].losses.slice(0, 4).join(", ")}, …`);
  }
  writeFileSync(join(projectRoot, "tests/golden/official/training.json"), `${JSON.stringify(golden)}\n`);
}

runCommand(main);
