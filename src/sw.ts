/**
 * The service worker of the built page: after a first visit the page works offline. It caches the page when it
 * installs, and large files at their first use. Its responses have the isolation headers, so a host without them has
 * an isolated page from the second visit on.
 */

/// <reference lib="webworker" />

import { PrecacheController, type PrecacheEntry, PrecacheRoute } from "workbox-precaching";
import { createPartialResponse } from "workbox-range-requests";
import { registerRoute } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";
import { webgpuBuild, webgpuBuilds } from "./runtime/webgpuBuild.ts";
import type { ToServiceWorker } from "./store/update.ts";

declare const self: ServiceWorkerGlobalScope;
/** Inserted by the build: `pageHeaders` of scripts/isolation.mjs. */
declare const __PAGE_HEADERS__: Readonly<Record<string, string>>;

/** Every file of the built page, with a revision where its name has no hash. Inserted by the build. */
const files = self.__WB_MANIFEST as PrecacheEntry[];

/** The runtime's binaries, the reader of PDF, the model and the samples. */
const isLarge = ({ url }: PrecacheEntry) => /\.wasm$|^assets\/pdf-|^(?:models|samples)\//.test(url);
const { scope } = self.registration;
const addressOf = (file: string) => new URL(file, scope).href;

function withHeaders(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(__PAGE_HEADERS__)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

const withPageHeaders = {
  handlerWillRespond: async ({ response }: { readonly response: Response }) => withHeaders(response),
};

const page = new PrecacheController({ plugins: [withPageHeaders] });
page.addToCacheList(files.filter((file) => !isLarge(file)));
self.addEventListener("install", page.install);
// Ignores the query: settings are in the fragment, and other sites add queries to links.
registerRoute(new PrecacheRoute(page, { ignoreURLParametersMatching: [/./] }));

/**
 * The requested range of a file. A range beyond the end is cut there (RFC 9110 §14.1.2); Workbox alone refuses it,
 * which breaks small files.
 */
async function partOf(request: Request, response: Response): Promise<Response> {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "") ?? [];
  if (start === undefined || end === undefined) return createPartialResponse(request, response);
  const { size } = await response.clone().blob();
  const range = `bytes=${start}-${Math.min(Number(end), size - 1)}`;
  return createPartialResponse(new Request(request.url, { headers: { range } }), response);
}

/** Large files by address, each with its cache key. */
const large = new Map(
  files.filter(isLarge).map(({ url, revision }) => {
    const address = addressOf(url);
    return [address, { address, revision, key: revision ? `${address}?${revision}` : address }] as const;
  }),
);
const largeFiles = new CacheFirst({
  cacheName: `hone-large-${scope}`,
  plugins: [
    {
      cacheKeyWillBeUsed: async ({ request }) => large.get(request.url)?.key ?? request,
      // Fetches the whole file for any range; a file without a hash in its name may have changed.
      requestWillFetch: async ({ request }) =>
        new Request(request.url, { cache: large.get(request.url)?.revision ? "no-cache" : "default" }),
      handlerWillRespond: async ({ request, response }) =>
        withHeaders(request.headers.has("range") ? await partOf(request, response) : response),
    },
  ],
});
registerRoute(({ url }) => large.has(url.href), largeFiles);

// A tab of the previous version may still need its files.
registerRoute(
  ({ url }) => url.href.startsWith(addressOf("assets/")),
  new CacheFirst({
    cacheName: page.strategy.cacheName,
    plugins: [withPageHeaders, { cacheWillUpdate: async () => null }],
  }),
);

/** Null for the wasm build. */
const buildOf = (address: string) => webgpuBuilds.find((build) => address.includes(`threaded.${build}`)) ?? null;

/** Caches the files that a first visit used before this worker was active. */
async function keep(provider: "wasm" | "webgpu", event: ExtendableEvent): Promise<void> {
  for (const { address } of large.values()) {
    const build = provider === "webgpu" ? webgpuBuild : null;
    const used = address.endsWith(".wasm") ? buildOf(address) === build : address.startsWith(addressOf("samples/"));
    // Offline now: the next start tries again.
    if (used) await Promise.all(largeFiles.handleAll({ request: new Request(address), event })).catch(() => undefined);
  }
}

/** Deletes files of earlier versions, if no other tab is open and no newer version is installing or waiting. */
async function forget(event: ExtendableEvent): Promise<void> {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const { installing, waiting } = self.registration;
  if (tabs.filter(({ url }) => url.startsWith(scope)).length > 1 || installing || waiting) return;
  await page.activate(event);
  const cache = await caches.open(largeFiles.cacheName);
  const known = new Set([...large.values()].map(({ key }) => key));
  for (const request of await cache.keys()) if (!known.has(request.url)) await cache.delete(request);
}

self.addEventListener("message", (event) => {
  const message = event.data as ToServiceWorker;
  if (message.type === "takeOver") return void self.skipWaiting();
  event.waitUntil(forget(event).then(() => keep(message.provider, event)));
});
