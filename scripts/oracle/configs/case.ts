/** A case of the comparison with transformers. */

import { type Base, bases, type Json } from "./bases.ts";

export interface ConfigCase {
  readonly name: string;
  /** What Hone and transformers read. */
  readonly config: Json;
  /** What transformers reads instead, where it has no model of this name: the Llama that the model's own code computes. */
  readonly oracle?: Json;
  /** The file has a head's weight besides a tied embedding: another one, or a copy. */
  readonly head?: "own" | "copy";
  /** What the file's names begin with. */
  readonly prefix?: string;
  /** A part of the message with which Hone refuses it; absent where Hone takes it. */
  readonly refused?: string;
  /** Hone may take it or refuse it; taken, its logits must be right. */
  readonly open?: boolean;
}

type Rest = Omit<ConfigCase, "name" | "config">;

/** A variant of a small config; a field that is `undefined` is missing. */
export const variant = (base: Base, what: string, change: Json, rest: Rest = {}): ConfigCase => ({
  name: `${base}: ${what}`,
  config: JSON.parse(JSON.stringify({ ...bases[base], ...change })),
  ...rest,
});

/** A variant that Hone refuses with a message that has this part. */
export const refusal = (base: Base, what: string, change: Json, refused: string): ConfigCase =>
  variant(base, what, change, { refused });
