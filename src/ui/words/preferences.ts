/** Texts about the figures of preferences. */

import type { PreferenceFigures } from "../../run/metrics.ts";
import { figure, plural, share } from "../format.ts";
import type { PreferenceWarning } from "../train/preferences.ts";

const whole = (length: number) => Math.round(length).toLocaleString("en");

export const preferenceWords = {
  margin: "Margin",
  accuracy: "Accuracy of pairs",
  chosen: "Chosen log-probability",
  rejected: "Rejected log-probability",
  heldOut: {
    margin: "Held-out margin",
    accuracy: "Held-out accuracy",
    chosen: "Held-out chosen",
    rejected: "Held-out rejected",
  },
  /** A figure of held-out pairs, or of the pairs of a step. */
  at: (value: string, step: number, heldOut: boolean) => `${value} (${heldOut ? "held out, " : ""}step ${step})`,
  lengths: "Answer length",
  lengthsOf: (before: number, after: number, answers: number) =>
    `${whole(before)} before, ${whole(after)} after, in characters (${plural(answers, "sample")})`,
  inWords: ({ margin, accuracy, chosen, rejected }: PreferenceFigures, step: number, heldOut: boolean) =>
    `${heldOut ? "Held-out pairs" : "Pairs"} at step ${step}: margin ${figure(margin)}, accuracy ${share(accuracy)}, log-probability ${figure(chosen)} of chosen and ${figure(rejected)} of rejected answers.`,
  warnings: "Preferences: look closer",
  warning(found: PreferenceWarning) {
    switch (found.kind) {
      case "chosen-falls":
        return `The log-probability of the chosen answers fell from ${figure(found.from)} to ${figure(found.to)}. The model makes both answers less likely. Use a lower learning rate, fewer steps, or ORPO.`;
      case "longer":
      case "shorter":
        return `The sample answers are ${found.kind} than before: ${whole(found.before)} characters before, ${whole(found.after)} after. The model may have learned length. Check the lengths of chosen and rejected answers in the data report.`;
    }
  },
} as const;
