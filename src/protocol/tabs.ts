/** What the engines of several tabs of one browser tell each other: how the run goes that one of them trains, and that the list changed. */

import type { RunRecord } from "../run/record.ts";
import { isTraining, trainingEnd } from "../storage/lock.ts";
import type { EngineEvent, RunEvent } from "./engine.ts";

export interface Tabs {
  tell(event: RunEvent): void;
  /** Hears what other tabs tell. */
  hear(listener: (event: RunEvent) => void): void;
}

/** Where there is nobody to talk to. */
export const alone: Tabs = { tell: () => undefined, hear: () => undefined };

/** All tabs of this address. A channel does not hear itself. */
export function tabChannel(): Tabs {
  if (typeof BroadcastChannel === "undefined") return alone;
  const channel = new BroadcastChannel("hone-runs");
  return {
    tell: (event) => channel.postMessage(event),
    hear: (listener) => channel.addEventListener("message", ({ data }: MessageEvent<RunEvent>) => listener(data)),
  };
}

const shared: Readonly<Record<RunEvent["type"], true>> = {
  run: true,
  step: true,
  evaluation: true,
  watch: true,
  checkpoint: true,
  runsChanged: true,
};

const isShared = (event: EngineEvent): event is RunEvent => Object.hasOwn(shared, event.type);

/** Tells the page, and of runs other tabs too. */
export const tellAll =
  (tabs: Tabs, emit: (event: EngineEvent) => void) =>
  (event: EngineEvent): void => {
    emit(event);
    if (isShared(event)) tabs.tell(event);
  };

interface Others {
  /** Tells the page whether another tab trains, when that is so, and again when it has ended. */
  look(): Promise<void>;
}

/**
 * Passes on what other tabs tell, and notices when one of them trains, however it ends: the lock says so, not the messages.
 * `trainsHere` is asked whether the lock is this tab's own; `recover` puts right what a killed tab left.
 */
export function followOthers(
  tabs: Tabs,
  emit: (event: EngineEvent) => void,
  trainsHere: () => boolean,
  recover: () => Promise<readonly RunRecord[]>,
): Others {
  let waiting = false;
  async function look() {
    if (waiting || trainsHere() || !(await isTraining())) return;
    if (waiting || trainsHere()) return;
    waiting = true;
    emit({ type: "othersTraining", training: true });
    try {
      await trainingEnd();
      for (const record of await recover()) emit({ type: "run", record });
    } finally {
      waiting = false;
      emit({ type: "othersTraining", training: false });
    }
  }
  tabs.hear((event) => {
    emit({ type: "elsewhere", event });
    if (event.type === "run" || event.type === "step") void look().catch(() => undefined);
  });
  return { look };
}
