/** Runs in the page that `npm run parity` opens: fetches model and golden file, and compares them. */

import { checkpointTensors } from "../../src/artifacts/method.ts";
import { modelFromAddress } from "../../src/hub/files.ts";
import { openModel } from "../../src/hub/model.ts";
import { defineModel } from "../../src/models/define.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { readGolden } from "../../tests/numeric/golden.ts";
import { type ParityRow, runParity } from "../../tests/numeric/parity.ts";
import { parityTolerance } from "../../tests/numeric/tolerance.ts";

export interface ParityRequest {
  readonly provider: "wasm" | "webgpu";
  readonly model: string;
  readonly golden: string;
  readonly steps: number | null;
}

export interface ParityResult {
  readonly reason: string;
  readonly rows: readonly ParityRow[];
}

export async function parity({
  provider,
  model: address,
  golden: goldenAddress,
  steps,
}: ParityRequest): Promise<ParityResult> {
  const response = await fetch(new URL(goldenAddress, location.href));
  const golden = readGolden(await response.json());
  const model = await openModel(modelFromAddress(new URL(address, location.href).href), (json) =>
    checkpointTensors(defineModel(json)),
  );
  const runtime = await createRuntime(provider, { entries: browserEntries });
  try {
    const rows = await runParity({
      runtime,
      model: defineModel(model.config),
      read: (name) => model.read(name),
      golden,
      steps,
      tolerance: parityTolerance[provider],
      progress: ({ figure, deviation }) => console.info(`${deviation.toExponential(1)} ${figure}`),
    });
    return { reason: runtime.report.reason, rows };
  } finally {
    await runtime.dispose();
  }
}
