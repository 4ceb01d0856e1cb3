/** Broadcasts the running run's progress, and changes of the run list, to the other tabs of this browser. */

import type { RunRecord } from "../run/record.ts";
import { isTraining, trainingEnd } from "../storage/lock.ts";
import type { EngineEvent, RunEvent } from "./engine.ts";

export interface Tabs {
  send(event: RunEvent): void;
  onEvent(listener: (event: RunEvent) => void): void;
}

/** For an engine without other tabs. */
export const alone: Tabs = { send: () => undefined, onEvent: () => undefined };

/** The channel to all other tabs of this origin. */
export function tabChannel(): Tabs {
  if (typeof BroadcastChannel === "undefined") return alone;
  const channel = new BroadcastChannel("hone-runs");
  return {
    send: (event) => channel.postMessage(event),
    onEvent: (listener) => channel.addEventListener("message", ({ data }: MessageEvent<RunEvent>) => listener(data)),
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

/** Emits every event to the page, and events of runs to the other tabs too. */
export const broadcast =
  (tabs: Tabs, emit: (event: EngineEvent) => void) =>
  (event: EngineEvent): void => {
    emit(event);
    if (isShared(event)) tabs.send(event);
  };

interface OtherTabs {
  /** If another tab trains, emits `othersTraining` now and again when that training has ended. */
  check(): Promise<void>;
}

/**
 * Forwards events of other tabs, and follows their training by its lock, because a killed tab sends no last message.
 * `trainsHere`: whether this tab has the lock; `recover`: repairs the runs that a killed tab left.
 */
export function followOthers(
  tabs: Tabs,
  emit: (event: EngineEvent) => void,
  trainsHere: () => boolean,
  recover: () => Promise<readonly RunRecord[]>,
): OtherTabs {
  let waiting = false;
  async function check() {
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
  tabs.onEvent((event) => {
    emit({ type: "elsewhere", event });
    if (event.type === "run" || event.type === "step") void check().catch(() => undefined);
  });
  return { check };
}
