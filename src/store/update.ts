/** The service worker as a topic: the page without a network, and what a reload would bring. In the built page only. */

import { type Context, patch } from "./context.ts";

/** What the page tells its service worker (src/sw.ts). */
export type ToServiceWorker =
  /** The page has started, with this provider: what it used is to be kept. */
  | { readonly type: "keep"; readonly provider: "wasm" | "webgpu" }
  /** The version that waits is to be the one in use. */
  | { readonly type: "takeOver" };

export interface UpdateActions {
  /**
   * Registers the service worker; to be called once. Where a browser has none or denies it, the page needs a network, as
   * any page does, and nothing is said.
   */
  watch(): Promise<void>;
  /** Loads the page anew, in the version that waits. */
  reload(): Promise<void>;
}

/** A tab that stays open for days asks whether there is a new version. */
const askEvery = 3_600_000;

export function updateActions(context: Context): UpdateActions {
  const { store } = context;
  let registration: ServiceWorkerRegistration | null = null;

  /** A worker that is installed beside another is a new version, which waits: a run may be training on this one. */
  const follow = (worker: ServiceWorker | null) => {
    const look = () => {
      if (worker?.state === "installed" && registration?.active) patch(context, "update", { reload: "version" });
    };
    worker?.addEventListener("statechange", look);
    look();
  };

  /** Tells the worker what this visit used, once that is known, and again when it is another provider. */
  const tell = (worker: ServiceWorker, mayIsolate: boolean) => {
    let told: string | null = null;
    const look = () => {
      const { status, report } = store.getState().engine;
      if (status !== "ready" || !report || report.provider === told) return;
      told = report.provider;
      worker.postMessage({ type: "keep", provider: report.provider } satisfies ToServiceWorker);
      const oneOfMany = report.provider === "wasm" && report.threads === 1 && navigator.hardwareConcurrency > 1;
      if (mayIsolate && oneOfMany && store.getState().update.reload === null)
        patch(context, "update", { reload: "threads" });
    };
    store.subscribe(look);
    look();
  };

  return {
    async watch() {
      const container: ServiceWorkerContainer | undefined = navigator.serviceWorker;
      // A page that came through the worker and is not isolated will not be so the next time either.
      const mayIsolate = !globalThis.crossOriginIsolated && !container?.controller;
      registration = (await container?.register("./sw.js").catch(() => null)) ?? null;
      if (!registration) return;
      follow(registration.waiting ?? registration.installing);
      registration.addEventListener("updatefound", () => follow(registration?.installing ?? null));
      setInterval(() => void registration?.update().catch(() => undefined), askEvery);
      const { active } = await container.ready;
      if (active) tell(active, mayIsolate);
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
