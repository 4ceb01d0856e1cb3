/** One time limit over all that a template does for one row, or for one check of it, however often it is rendered. */

import { TemplateError } from "./template.ts";

const seconds = 5;
const pulseMilliseconds = 250;

export interface Clock {
  /** Throws `OutOfTime` when the time is over. Calls the pulse about four times a second. */
  check(): void;
}

/** Another trial would end the same way: whoever tries several renderings must let it pass. */
export class OutOfTime extends TemplateError {
  constructor(place: TemplateError["place"] = null) {
    super(
      `The template was stopped, for it takes longer than ${seconds} seconds. Put {% generation %} and {% endgeneration %} around its answers, which saves a rendering for each; take the row out, or choose another template.`,
      place,
    );
  }
}

/** The time begins now. `pulse` shows a watchdog that the work goes on; it must not throw. */
export function createClock(pulse?: () => void): Clock {
  const began = performance.now();
  let beat = began;
  return {
    check() {
      const now = performance.now();
      if (now - began > seconds * 1000) throw new OutOfTime();
      if (pulse === undefined || now - beat < pulseMilliseconds) return;
      beat = now;
      pulse();
    },
  };
}
