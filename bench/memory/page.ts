/** Runs in the page that bench/memory.ts opens; each setting has its own page, because a WebAssembly heap never shrinks. */

import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { leaveOutKernels } from "../step/meters.ts";
import { measure } from "./measure.ts";
import type { Setting } from "./setting.ts";

/** With `dry` the GPU computes nothing; all buffers of a run are still created while its commands are recorded. */
export function measured({ dry, ...setting }: Setting & { readonly dry: boolean }) {
  if (dry) leaveOutKernels();
  return measure(setting, browserEntries);
}
