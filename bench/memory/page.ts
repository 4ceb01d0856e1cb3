/** Runs in the page that bench/memory.ts opens; a page holds one setting, for the WebAssembly heap never shrinks. */

import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { measure } from "./measure.ts";
import type { Setting } from "./setting.ts";

export const measured = (setting: Setting) => measure(setting, browserEntries);
