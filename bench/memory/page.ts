/** Runs in the page that bench/memory.ts opens; a page holds one setting, for the WebAssembly heap never shrinks. */

import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { leaveOutKernels } from "../step/meters.ts";
import { measure } from "./measure.ts";
import type { Setting } from "./setting.ts";

/** With `dry` nothing is computed on the GPU: a run's buffers are all made while it is recorded, whatever they then hold. */
export function measured({ dry, ...setting }: Setting & { readonly dry: boolean }) {
  if (dry) leaveOutKernels();
  return measure(setting, browserEntries);
}
