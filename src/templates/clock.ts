/** One time limit for all renderings of one row, or of one check of a template. */

import { TemplateError } from "./template.ts";

/** Of one row, or of one check of a template. */
export const templateSeconds = 5;
const pulseMilliseconds = 250;

export interface Clock {
  /** Throws `OutOfTime` when the time is over. Calls the pulse about four times a second. */
  check(): void;
}

/** Code that tries several renderings must rethrow this: the next one would end the same way. */
export class OutOfTime extends TemplateError {
  constructor(place: TemplateError["place"] = null) {
    super(
      `The template was stopped because it takes more than ${templateSeconds} seconds. Put {% generation %} and {% endgeneration %} around its answers to save renderings, remove the row, or choose another template.`,
      place,
    );
  }
}

/** The time begins now. `pulse` shows a watchdog that the work continues; it must not throw. */
export function createClock(pulse?: () => void): Clock {
  const began = performance.now();
  let pulsedAt = began;
  return {
    check() {
      const now = performance.now();
      if (now - began > templateSeconds * 1000) throw new OutOfTime();
      if (pulse === undefined || now - pulsedAt < pulseMilliseconds) return;
      pulsedAt = now;
      pulse();
    },
  };
}
