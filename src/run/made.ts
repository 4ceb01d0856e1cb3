/** Rows that a model made: marked with the model, its prompt and the passage, so that nobody takes them for a person's. */

import type { Passage } from "../records/documents/passages.ts";

export interface Example {
  readonly instruction: string;
  readonly output: string;
}

export interface DocumentPassage extends Passage {
  readonly document: string;
}

export interface MadeRow extends Example {
  /** The passage that it was made from; null where it was made from examples. */
  readonly source: DocumentPassage | null;
  /** The message to which the teacher wrote the question. */
  readonly prompt: string;
}

/** Who made rows. */
export interface Maker {
  readonly model: string;
  readonly modelHash: string;
  /** The run whose weights the teacher had; null is the base model. */
  readonly run: string | null;
  readonly at: string;
}

/** The row as JSON, marked as made: the mark and the passage are columns that training does not read. */
export const madeRowJson = (
  { instruction, output, source, prompt }: MadeRow,
  { model, modelHash, run, at }: Maker,
) => ({
  instruction,
  output,
  ...(source && { passage: source.text, document: source.document, page: source.page }),
  made: { model, model_hash: modelHash, run, prompt, at },
});
