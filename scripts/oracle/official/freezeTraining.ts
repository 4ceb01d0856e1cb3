/** Writes the golden runs of the small sets of training artifacts, trained by onnxruntime-web 1.19.2. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { languageFeeds } from "../../../src/training/officialLanguage.ts";
import { languageBatches } from "../../../tests/support/languageBatches.ts";
import { languageSet } from "../../../tests/support/officialLanguage.ts";
import { officialSet, officialSteps, optimizerForms } from "../../../tests/support/officialSet.ts";
import { runCommand } from "../../harness/arguments.ts";
import { projectRoot } from "../../setup.mjs";
import { type OrtFeed, type OrtRun, ortMissing, trainWithOrt } from "./ort.ts";

const partsOf = (files: ReadonlyMap<string, Uint8Array>) => {
  const bytes = (name: string) => files.get(name) as Uint8Array;
  return {
    training: bytes("training_model.onnx"),
    evaluation: bytes("eval_model.onnx"),
    optimizer: bytes("optimizer_model.onnx"),
    checkpoint: bytes("checkpoint"),
  };
};

/** Each step's loss is the mean over the supervised positions of its micro-batches. */
async function trainLanguage(): Promise<{ readonly losses: readonly number[] }> {
  const source = languageBatches();
  const steps = Array.from({ length: 8 }, () => source.next());
  const inputs = { ids: "input_ids", labels: "labels", attentionMask: "attention_mask", positions: null };
  const feeds = steps.map((batches) => batches.map((batch) => languageFeeds(batch, { inputs, labelsAt: "token" })));
  const { losses } = await trainWithOrt(
    partsOf(languageSet()),
    feeds as readonly (readonly Readonly<Record<string, OrtFeed>>[])[],
  );
  let next = 0;
  return {
    losses: steps.map((batches) => {
      const count = batches.reduce((sum, { supervised }) => sum + supervised, 0);
      return batches.reduce((sum, { supervised }) => sum + (supervised * (losses[next++] as number)) / count, 0);
    }),
  };
}

async function main() {
  const missing = ortMissing();
  if (missing) throw new Error(missing);
  const write = (name: string, value: object) =>
    writeFileSync(join(projectRoot, "tests/golden/official", `${name}.json`), `${JSON.stringify(value)}\n`);
  const golden: Record<string, OrtRun> = {};
  for (const form of optimizerForms) {
    golden[form] = await trainWithOrt(partsOf(officialSet(form)), officialSteps);
    console.log(`${form}: losses ${golden[form].losses.slice(0, 4).join(", ")}, …`);
  }
  write("training", golden);
  const language = await trainLanguage();
  console.log(`language: losses ${language.losses.join(", ")}`);
  write("language", language);
}

runCommand(main);
