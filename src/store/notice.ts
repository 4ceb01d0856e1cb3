/** Whether to tell a person when a long run ends who has gone elsewhere meanwhile. */

import { type Context, patch } from "./context.ts";

export interface NoticeActions {
  /** Switching it on asks the browser's permission, and only that does. */
  want(on: boolean): Promise<void>;
}

export function noticeActions(context: Context): NoticeActions {
  return {
    async want(on) {
      patch(context, "notice", { wanted: on, refused: false });
      if (!on) return;
      const granted = "Notification" in globalThis && (await Notification.requestPermission()) === "granted";
      // Switched off meanwhile.
      if (!granted && context.store.getState().notice.wanted)
        patch(context, "notice", { wanted: false, refused: true });
    },
  };
}
