/** Hone's step in a page. */

import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { honeOn } from "./honeOn.ts";

export const prepare = honeOn(browserEntries);
