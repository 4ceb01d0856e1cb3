/** The title of the browser tab shows the progress of a run; a notification shows its end. */

import type { RunRecord } from "../../run/record.ts";
import type { Hone } from "../../store/hone.ts";
import { endWords as words } from "../words/train.ts";
import { runState, stateWords } from "./runState.ts";

/** Follows runs until the returned function is called. */
export function followRuns({ store, series }: Hone): () => void {
  const plain = document.title;
  let shown = plain;
  const title = (next: string) => {
    if (next !== shown) document.title = next;
    shown = next;
  };
  const presentRun = (): RunRecord | undefined => {
    const { runs, training } = store.getState();
    return runs.list.find(({ id }) => id === training.runId);
  };

  const progress = () => {
    const run = presentRun();
    const step = series.of(run?.id ?? "").steps.step.at(-1) ?? 0;
    title(
      run && run.totalSteps > 0
        ? words.percent(Math.floor((100 * step) / run.totalSteps))
        : words.title(stateWords.preparing),
    );
  };
  const end = () => {
    const { training, notice } = store.getState();
    const run = presentRun();
    if (!run) return title(plain);
    const state = stateWords[runState(run, training)];
    title(words.title(state));
    // No notification of a pause or cancellation by the user.
    const byItself = run.status === "finished" || run.reason !== null;
    if (!byItself || !notice.wanted || !document.hidden) return;
    if (!("Notification" in globalThis) || Notification.permission !== "granted") return;
    const last = run.progress.steps?.last;
    const notification = new Notification(words.notice(run.name, state), {
      body: run.reason ?? (last ? words.loss(last.step, last.loss) : ""),
      tag: run.id,
    });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
  };

  const stops = [
    store.subscribe(({ training }, before) => {
      if (training.phase === before.training.phase) return;
      if (training.phase === "idle") end();
      else progress();
    }),
    series.subscribe((runId) => {
      const { training } = store.getState();
      if (training.phase !== "idle" && training.runId === runId) progress();
    }),
  ];
  // The title shows the end until the tab is visible.
  const seen = () => {
    if (!document.hidden && store.getState().training.phase === "idle") title(plain);
  };
  document.addEventListener("visibilitychange", seen);
  return () => {
    document.removeEventListener("visibilitychange", seen);
    for (const stop of stops) stop();
    title(plain);
  };
}
