/** The sampled pairs of this browser, in localStorage: they survive a reload. */

import * as v from "valibot";
import { voteChoices } from "../run/results.ts";
import type { Choice } from "./ballots.ts";

/** Two answers of one model to a prompt, drawn with two seeds, and the vote on them. */
export interface SampledPair {
  readonly id: string;
  readonly prompt: string;
  readonly answers: readonly [first: string, second: string];
  readonly seeds: readonly [number, number];
  readonly temperature: number;
  /** Name of the model or run, and the step of its checkpoint; null is the base model. */
  readonly of: string;
  readonly step: number | null;
  /** Null before the vote. */
  readonly choice: Choice | null;
}

const place = "hone.sampledPairs";

/** localStorage has about 5 MB for the whole page. */
export const mostPairs = 500;

const PairSchema: v.GenericSchema<unknown, SampledPair> = v.object({
  id: v.string(),
  prompt: v.string(),
  answers: v.strictTuple([v.string(), v.string()]),
  seeds: v.strictTuple([v.number(), v.number()]),
  temperature: v.number(),
  of: v.string(),
  step: v.nullable(v.number()),
  choice: v.nullable(v.picklist(voteChoices)),
});

export interface SampledStore {
  /** The stored pairs that can be read. */
  read(): readonly SampledPair[];
  /** Returns false where there is no room, or the browser forbids storage. */
  write(pairs: readonly SampledPair[]): boolean;
}

/** `storage` is the browser's; null where the browser forbids it. */
export function createSampledStore(storage: Pick<Storage, "getItem" | "setItem"> | null): SampledStore {
  return {
    read() {
      try {
        const found = v.safeParse(v.array(v.unknown()), JSON.parse(storage?.getItem(place) ?? "[]"));
        return (found.success ? found.output : []).flatMap((one) => {
          const pair = v.safeParse(PairSchema, one);
          return pair.success ? [pair.output] : [];
        });
      } catch {
        return [];
      }
    },
    write(pairs) {
      try {
        storage?.setItem(place, JSON.stringify(pairs));
        return storage !== null;
      } catch {
        return false;
      }
    },
  };
}
