/** Records in the page when the engine reported something: the bench reads the events that the page itself receives. */

import type { Page } from "playwright";
import type { EngineEvent } from "../../src/protocol/engine.ts";

/** An event of the engine, or a call to it, with the time in milliseconds since 1970. */
export interface Mark {
  readonly at: number;
  /** The method of a call to a worker; null for an event. */
  readonly call: string | null;
  readonly event: EngineEvent | null;
}

/** Runs in the page before its scripts: wraps Worker. A string, because the tool that runs this TypeScript rewrites functions. */
const script = `
  const marks = [];
  const now = () => performance.timeOrigin + performance.now();
  window.benchMarks = marks;
  window.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (data?.kind === "event") marks.push({ at: now(), call: null, event: data.event });
      });
    }
    postMessage(message, ...more) {
      if (message?.kind === "call") marks.push({ at: now(), call: message.method, event: null });
      super.postMessage(message, ...more);
    }
  };
`;

export const recordMarks = (page: Page): Promise<unknown> => page.context().addInitScript(script);

/** The marks since the page was loaded, or since the last call. */
export const takeMarks = (page: Page): Promise<Mark[]> => page.evaluate<Mark[]>("window.benchMarks.splice(0)");
