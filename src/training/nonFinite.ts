/** The error for numbers that are not finite: quantity, step, rows and a way out. */

import { describeOrigin, type RowOrigin } from "../batching/batch.ts";

export type NonFiniteQuantity = "loss" | "gradient" | "validation loss" | "loss of the watched row";

/** NaN or an infinity in the loss or the gradient. The parameters stay those of the last good step. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";

  /**
   * @param quantity the quantity that is not finite
   * @param step its optimizer step, from 1; 0 is a validation before the first step
   * @param origins the rows of that step; empty for a validation
   */
  constructor(
    readonly quantity: NonFiniteQuantity,
    readonly value: number,
    readonly step: number,
    readonly origins: readonly RowOrigin[],
  ) {
    // Several windows of one text share a row.
    const rows = [...new Set(origins.map(describeOrigin))];
    const shown = rows.slice(0, 20).join(", ") + (rows.length > 20 ? `, … (${rows.length} rows)` : "");
    const wayOut =
      step === 0
        ? "No step has been trained yet, so the model itself is the cause: its files may be damaged."
        : "Usually the learning rate is too high: make it ten times lower, set gradient clipping to 1" +
          (rows.length > 0 ? `, and check these rows of the dataset: ${shown}.` : ".");
    super(`The ${quantity} of step ${step} is ${value}. ${wayOut}`);
  }
}
