/** Weights of a run that come from elsewhere: from another tool's files, or from another run's checkpoint. */

import * as v from "valibot";
import { Count, Hash, Text } from "./fields.ts";

/** Forms in which another tool's trained weights open: an adapter of PEFT, a GGUF LoRA, or a whole model. */
export const originFormats = ["peft", "gguf", "model"] as const;

/** The run of Hone from whose export weights come. */
export interface RunLineage {
  readonly runId: string;
  /** Step of the exported checkpoint. */
  readonly step: number;
}

/** A run that another tool trained. It has no steps here, and one checkpoint, of step 0. */
export interface RunOrigin {
  readonly format: (typeof originFormats)[number];
  /** Name of its folder or file. */
  readonly file: string;
  /** SHA-256 of its trained tensors as Hone has them (`trainedHash.ts`). */
  readonly hash: string;
  /** Name or address of the base model that its files name; null where they name none. */
  readonly baseModel: string | null;
  /** What was found when it was opened, a sentence each. */
  readonly notes: readonly string[];
  /** Missing where its files name no run of Hone. */
  readonly from?: RunLineage;
}

/** The checkpoint whose weights a run starts from, instead of the base model's. */
export interface RunStart {
  readonly runId: string;
  /** The run's name when this one started. */
  readonly name: string;
  readonly step: number;
  /** As of an origin. */
  readonly hash: string;
}

export const LineageSchema = v.object({ runId: v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/)), step: Count });

export const OriginSchema = v.object({
  format: v.picklist(originFormats),
  file: Text,
  hash: Hash,
  baseModel: v.nullable(Text),
  notes: v.array(Text),
  from: v.exactOptional(LineageSchema),
});

export const StartSchema = v.object({ runId: Text, name: Text, step: Count, hash: Hash });

/** The run whose export another tool trained further; null where it is not among these runs, or has another base model. */
export function exportedFrom<Run extends Lineal>({ origin, model }: Lineal, runs: readonly Run[]): Run | null {
  const source = origin?.from && runs.find(({ id }) => id === origin.from?.runId);
  return source && source.model.hash === model.hash ? source : null;
}

interface Lineal {
  readonly id: string;
  readonly model: { readonly hash: string };
  readonly origin?: RunOrigin;
}

/** Whether a run has trained weights: its own steps, or those of another tool. */
export const hasWeights = ({ step, origin }: { readonly step: number; readonly origin?: RunOrigin }): boolean =>
  step > 0 || origin !== undefined;
