/** The service worker as a topic: offline use, and the gain of a reload. Only in the built page. */

import { type Context, patch } from "./context.ts";

/** Messages of the page to its service worker (src/sw.ts). */
export type ToServiceWorker =
  /** The page started with this provider: cache the files that it used. */
  | { readonly type: "keep"; readonly provider: "wasm" | "webgpu" }
  /** Activate the waiting version. */
  | { readonly type: "takeOver" };

export interface UpdateActions {
  /**
   * Registers the service worker; call it once. Without a service worker the page needs a network, and shows no
   * message.
   */
  watch(): Promise<void>;
  /** Reloads the page in the waiting version. */
  reload(): Promise<void>;
}

/** Milliseconds between two checks for a new version, for tabs that stay open for days. */
const checkInterval = 3_600_000;

export function updateActions(context: Context): UpdateActions {
  const { store } = context;
  let registration: ServiceWorkerRegistration | null = null;

  /** A worker installed beside an active one is a new version. It waits: a run may be training in this version. */
  const follow = (worker: ServiceWorker | null) => {
    const check = () => {
      if (worker?.state === "installed" && registration?.active) patch(context, "update", { reload: "version" });
    };
    worker?.addEventListener("statechange", check);
    check();
  };

  /** Sends the provider to the worker once it is known, and again after it changes. */
  const sendProvider = (worker: ServiceWorker, mayIsolate: boolean) => {
    let sent: string | null = null;
    const send = () => {
      const { status, report } = store.getState().engine;
      if (status !== "ready" || !report || report.provider === sent) return;
      sent = report.provider;
      worker.postMessage({ type: "keep", provider: report.provider } satisfies ToServiceWorker);
      const oneOfMany = report.provider === "wasm" && report.threads === 1 && navigator.hardwareConcurrency > 1;
      if (mayIsolate && oneOfMany && store.getState().update.reload === null)
        patch(context, "update", { reload: "threads" });
    };
    store.subscribe(send);
    send();
  };

  return {
    async watch() {
      const container: ServiceWorkerContainer | undefined = navigator.serviceWorker;
      // A page from the worker that is not isolated stays so after a reload.
      const mayIsolate = !globalThis.crossOriginIsolated && !container?.controller;
      registration = (await container?.register("./sw.js").catch(() => null)) ?? null;
      if (!registration) return;
      follow(registration.waiting ?? registration.installing);
      registration.addEventListener("updatefound", () => follow(registration?.installing ?? null));
      setInterval(() => void registration?.update().catch(() => undefined), checkInterval);
      const { active } = await container.ready;
      if (active) sendProvider(active, mayIsolate);
    },
    async reload() {
      const waiting = registration?.waiting;
      if (waiting) {
        const settled = new Promise<void>((resolve) => {
          waiting.addEventListener("statechange", () => {
            if (waiting.state !== "activating") resolve();
          });
        });
        waiting.postMessage({ type: "takeOver" } satisfies ToServiceWorker);
        await settled;
      }
      location.reload();
    },
  };
}
