/** The error of a run whose numbers left the finite range: what, where, and what to try. */

import { describeOrigin, type RowOrigin } from "../batching/batch.ts";

export type NonFiniteQuantity = "loss" | "gradient" | "validation loss" | "loss of the watched row";

/** NaN or an infinity in the loss or the gradient. The parameters are those of the last good step. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";

  /**
   * @param quantity what is not finite
   * @param step optimizer step in which it showed, from 1; 0 is a validation before the first
   * @param origins the rows that took part; empty for a validation
   */
  constructor(
    readonly quantity: NonFiniteQuantity,
    readonly value: number,
    readonly step: number,
    readonly origins: readonly RowOrigin[],
  ) {
    // Windows of one text are of one row.
    const rows = [...new Set(origins.map(describeOrigin))];
    const shown = rows.slice(0, 20).join(", ") + (rows.length > 20 ? `, … (${rows.length} rows)` : "");
    const wayOut =
      step === 0
        ? "Nothing has been trained yet, so the model itself gives it: its files may be damaged."
        : "Most often the learning rate is too high: take one ten times lower, set gradient clipping to 1" +
          (rows.length > 0 ? `, and look at these rows of the dataset: ${shown}.` : ".");
    super(`The ${quantity} of step ${step} is ${value}. ${wayOut}`);
  }
}
