/** Runs in the page that `npm run parity` opens: fetches model and golden file, and compares them. */

import { modelFromAddress } from "../../src/hub/files.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { compareWithGolden, type ParityResult, type ParityRun } from "./parityRun.ts";

export interface ParityRequest extends Pick<ParityRun, "provider" | "steps"> {
  /** Addresses of the model's folder and of the golden file. */
  readonly model: string;
  readonly golden: string;
}

export async function parity({ provider, model, golden, steps }: ParityRequest): Promise<ParityResult> {
  const response = await fetch(new URL(golden, location.href));
  return compareWithGolden({
    provider,
    entries: browserEntries,
    files: modelFromAddress(new URL(model, location.href).href),
    golden: await response.json(),
    steps,
    progress: ({ figure, deviation }) => console.info(`${deviation.toExponential(1)} ${figure}`),
  });
}
