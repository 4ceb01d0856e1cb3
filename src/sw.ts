/**
 * The service worker of the built page: after a first visit the page opens and trains without a network. The page itself is
 * kept whole when this installs; the large files, which not everybody needs, when they are first used. What it answers
 * carries the page's headers, so that a host which sends none has an isolated page from the second visit on.
 */

/// <reference lib="webworker" />

import { PrecacheController, type PrecacheEntry, PrecacheRoute } from "workbox-precaching";
import { createPartialResponse } from "workbox-range-requests";
import { registerRoute } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";
import { webgpuBuild, webgpuBuilds } from "./runtime/webgpuBuild.ts";
import type { ToServiceWorker } from "./store/update.ts";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build: `pageHeaders` of scripts/isolation.mjs. */
declare const __PAGE_HEADERS__: Readonly<Record<string, string>>;

/** Every file of the built page, with a revision where its name has no hash. The build puts the list in. */
const files = self.__WB_MANIFEST as PrecacheEntry[];

/** The runtime's binaries, the model and the samples. */
const isLarge = ({ url }: PrecacheEntry) => /\.wasm$|^(?:models|samples)\//.test(url);
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
// Settings stand behind the #, but other sites add a query to links.
registerRoute(new PrecacheRoute(page, { ignoreURLParametersMatching: [/./] }));

/**
 * The part that was asked for. One that reaches beyond the end of the file is cut there, as HTTP wants it (RFC 9110 §14.1.2);
 * Workbox alone would refuse it, and a small file would seem to be none.
 */
async function partOf(request: Request, response: Response): Promise<Response> {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "") ?? [];
  if (start === undefined || end === undefined) return createPartialResponse(request, response);
  const { size } = await response.clone().blob();
  const range = `bytes=${start}-${Math.min(Number(end), size - 1)}`;
  return createPartialResponse(new Request(request.url, { headers: { range } }), response);
}

/** Large files by their address, each with the key that it is kept under. */
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
      // Whole, whatever part was asked for; a file without a hash in its name may be another one by now.
      requestWillFetch: async ({ request }) =>
        new Request(request.url, { cache: large.get(request.url)?.revision ? "no-cache" : "default" }),
      handlerWillRespond: async ({ request, response }) =>
        withHeaders(request.headers.has("range") ? await partOf(request, response) : response),
    },
  ],
});
registerRoute(({ url }) => large.has(url.href), largeFiles);

// A tab of the version before may still want a file of it.
registerRoute(
  ({ url }) => url.href.startsWith(addressOf("assets/")),
  new CacheFirst({
    cacheName: page.strategy.cacheName,
    plugins: [withPageHeaders, { cacheWillUpdate: async () => null }],
  }),
);

/** Null for the build that computes on the processor. */
const buildOf = (address: string) => webgpuBuilds.find((build) => address.includes(`threaded.${build}`)) ?? null;

/** Takes in what a first visit used before this worker heard of it, so that the next one works without a network. */
async function keep(provider: "wasm" | "webgpu", event: ExtendableEvent): Promise<void> {
  for (const { address } of large.values()) {
    const build = provider === "webgpu" ? webgpuBuild : null;
    const used = address.endsWith(".wasm") ? buildOf(address) === build : address.startsWith(addressOf("samples/"));
    // Without a network now, the next start tries again.
    if (used) await Promise.all(largeFiles.handleAll({ request: new Request(address), event })).catch(() => undefined);
  }
}

/** Lets go of earlier versions' files, once no tab of theirs is open and no later version has laid its own beside them. */
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
