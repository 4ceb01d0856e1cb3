/** A part of `npm run gpu`: it runs in a process of its own and reports its rows one by one. */

import type { OrtEntries } from "../../src/runtime/provider.ts";
import type { Row } from "./row.ts";
import type { Scale } from "./scale.ts";

/** Facts of the adapter that the parts need. */
export interface AdapterFacts {
  readonly name: string;
  readonly emulated: boolean;
  readonly shaderF16: boolean;
}

export interface PartPlace {
  readonly entries: OrtEntries;
  readonly adapter: AdapterFacts;
  readonly scale: Scale;
  report(row: Row): void;
}

export type RunPart = (place: PartPlace) => Promise<void>;
