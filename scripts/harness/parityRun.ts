/** Compares one model's files with a golden file on one provider; the same in a page and under Node. */

import { checkpointTensors } from "../../src/artifacts/method.ts";
import type { ModelFiles } from "../../src/hub/files.ts";
import { openModel } from "../../src/hub/model.ts";
import { defineModel } from "../../src/models/define.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { readGolden } from "../../tests/numeric/golden.ts";
import { type ParityRow, runParity } from "../../tests/numeric/parity.ts";
import { isPreferenceGolden, runPreferenceParity } from "../../tests/numeric/preferenceGolden.ts";
import { parityTolerance } from "../../tests/numeric/tolerance.ts";

export interface ParityRun {
  readonly provider: "wasm" | "webgpu";
  readonly entries: OrtEntries;
  readonly files: ModelFiles;
  /** The golden file's JSON. */
  readonly golden: unknown;
  /** Optimizer steps; null: all of the file. */
  readonly steps: number | null;
  readonly progress?: (row: ParityRow) => void;
}

export interface ParityResult {
  readonly reason: string;
  readonly rows: readonly ParityRow[];
}

/** Opens the model, and compares every figure of the golden file. */
export async function compareWithGolden(run: ParityRun): Promise<ParityResult> {
  const { provider, entries, files, steps, progress } = run;
  const model = await openModel(files, (json) => checkpointTensors(defineModel(json)));
  const runtime = await createRuntime(provider, { entries });
  try {
    const parts = {
      runtime,
      model: defineModel(model.config),
      read: (name: string) => model.read(name),
      steps,
      tolerance: parityTolerance[provider],
      ...(progress && { progress }),
    };
    const rows = isPreferenceGolden(run.golden)
      ? await runPreferenceParity(parts, run.golden)
      : await runParity({ ...parts, golden: readGolden(run.golden) });
    return { reason: runtime.report.reason, rows };
  } finally {
    await runtime.dispose();
  }
}
