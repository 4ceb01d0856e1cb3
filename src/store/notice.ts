/** Whether a notification is shown when a run ends while another tab is active. */

import { type Context, patch } from "./context.ts";

export interface NoticeActions {
  /** Only switching it on requests the browser's permission. */
  want(on: boolean): Promise<void>;
}

export function noticeActions(context: Context): NoticeActions {
  return {
    async want(on) {
      patch(context, "notice", { wanted: on, refused: false });
      if (!on) return;
      const granted = "Notification" in globalThis && (await Notification.requestPermission()) === "granted";
      // The user may have switched it off during the request.
      if (!granted && context.store.getState().notice.wanted)
        patch(context, "notice", { wanted: false, refused: true });
    },
  };
}
