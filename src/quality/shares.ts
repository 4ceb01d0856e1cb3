/** The figures of each source: counts, and its share and passes in the mixture. */

import { type MixtureMode, mixtureReport } from "../batching/mixture.ts";
import type { TrainableKind } from "../records/example.ts";
import type { SourceReport } from "./report.ts";

interface Trained {
  /** Number of training sequences, without held-out ones, and of their supervised tokens. */
  training: number;
  trained: number;
}

export interface SourceTotal {
  /** Number of training examples. */
  training: number;
  examples: number;
  tokens: number;
  supervised: number;
  readonly text: Trained;
  readonly chat: Trained;
  readonly preference: Trained;
}

export const noTotal = (): SourceTotal => ({
  ...{ examples: 0, tokens: 0, supervised: 0, training: 0 },
  text: { training: 0, trained: 0 },
  chat: { training: 0, trained: 0 },
  preference: { training: 0, trained: 0 },
});

/** The second answer of a pair is a sequence, but no example of its own. */
export const sequenceKinds = ["text", "chat", "preference", "partner"] as const;

export type SequenceKind = (typeof sequenceKinds)[number];

/** Adds one sequence. */
export function addTo(
  total: SourceTotal,
  sequence: {
    readonly tokens: number;
    readonly supervised: number;
    readonly kind: SequenceKind;
    readonly heldOut: boolean;
  },
): void {
  const { tokens, supervised, kind, heldOut } = sequence;
  const isPartner = kind === "partner";
  if (!isPartner) total.examples++;
  total.tokens += tokens;
  total.supervised += supervised;
  if (heldOut) return;
  const own = total[isPartner ? "preference" : kind];
  own.trained += supervised;
  if (isPartner) return;
  total.training++;
  own.training++;
}

/** `mixture` is null where the sources cannot be mixed; shares and passes are then 0. */
export function sourceReports(
  sources: readonly {
    readonly name: string;
    readonly records: number;
    readonly lambda: number;
    readonly excluded: number;
    readonly total: SourceTotal;
  }[],
  mixture: MixtureMode | null,
): SourceReport[] {
  const mix = (of: (total: SourceTotal) => Trained) =>
    mixture === null
      ? []
      : mixtureReport({
          counts: sources.map(({ total }) => of(total).training),
          supervised: sources.map(({ total }) => of(total).trained),
          lambdas: sources.map(({ lambda }) => lambda),
          mode: mixture,
        });
  // A mixed stage trains on text and chats.
  const mixed = mix(({ text, chat }) => ({
    training: text.training + chat.training,
    trained: text.trained + chat.trained,
  }));
  const stages = {
    text: mix(({ text }) => text),
    chat: mix(({ chat }) => chat),
    preference: mix(({ preference }) => preference),
  };
  return sources.map(({ name, records, lambda, excluded, total }, k) => {
    const ofKind = (kind: TrainableKind) => ({
      training: total[kind].training,
      realisedShare: stages[kind][k]?.share ?? 0,
      passes: stages[kind][k]?.passes ?? 0,
    });
    return {
      name,
      records,
      examples: total.examples,
      excluded,
      tokens: total.tokens,
      supervisedTokens: total.supervised,
      lambda,
      realisedShare: mixed[k]?.share ?? 0,
      passes: mixed[k]?.passes ?? 0,
      byKind: { text: ofKind("text"), chat: ofKind("chat"), preference: ofKind("preference") },
    };
  });
}
