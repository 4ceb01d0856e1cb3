/** Writes the golden outputs of every operator case, computed by onnxruntime-web 1.19.2. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onnxFile } from "../../../tests/support/onnxFile.ts";
import { operatorCases } from "../../../tests/support/operatorCases.ts";
import type { GoldenTensor } from "../../../tests/support/runLowered.ts";
import { runCommand } from "../../harness/arguments.ts";
import { projectRoot } from "../../setup.mjs";
import { type OrtTensor, ortMissing, runWithOrt } from "./ort.ts";

const goldenOf = ({ dims, data }: OrtTensor): GoldenTensor => ({ shape: [...dims], data: Array.from(data, Number) });

async function main() {
  const missing = ortMissing();
  if (missing) throw new Error(missing);
  const golden: Record<string, Record<string, GoldenTensor>> = {};
  for (const { title, model, feeds } of operatorCases) {
    try {
      const outputs = await runWithOrt(onnxFile(model), feeds);
      golden[title] = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, goldenOf(tensor)]));
    } catch (error) {
      console.log(`${title}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const lines = Object.entries(golden).map(
    ([title, outputs]) => `${JSON.stringify(title)}: ${JSON.stringify(outputs)}`,
  );
  writeFileSync(join(projectRoot, "tests/golden/official/operators.json"), `{\n${lines.join(",\n")}\n}\n`);
  console.log(`${lines.length} of ${operatorCases.length} cases computed.`);
}

runCommand(main);
