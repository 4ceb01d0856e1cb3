/** Measures the files that a first visit loads, in order, and how much of them comes before the page is usable. */

import { gzipSync } from "node:zlib";
import type { Page, Request } from "playwright";

/** The page itself; the code of its workers; ONNX Runtime; the model and data of a first visit. */
export type LoadedPart = "page" | "workers" | "runtime" | "model and data";

export interface Loaded {
  /** Path relative to the page. */
  readonly path: string;
  readonly part: LoadedPart;
  /** Bytes of the body; `gzip` is its size as a host would send it, at gzip's default level. */
  readonly bytes: number;
  readonly gzip: number;
  /** Whether it was requested before the page was usable. */
  readonly before: boolean;
}

/** The goal: bytes (gzip) of the page itself. */
export const pageBudget = 350_000;

/** The part of a file that `referrer` requested; a file that a worker imports belongs to the workers. */
function partOf(path: string, referrer: string, loaded: ReadonlyMap<string, Loaded>): LoadedPart {
  if (/^(?:models|samples)\//.test(path)) return "model and data";
  if (/^assets\/ort[.-]/.test(path)) return "runtime";
  const ofWorkers = /^assets\/entry-/.test(path) || loaded.get(referrer)?.part === "workers";
  return ofWorkers || loaded.get(referrer)?.part === "runtime" ? "workers" : "page";
}

/**
 * Opens the page in a new browser and records its requests until the model and data of a first visit have loaded. The page is
 * usable once its steps and a screen are in the document. Later requests of the service worker do not count.
 */
export async function measureFirstLoad(page: Page, address: string): Promise<readonly Loaded[]> {
  const requests: Request[] = [];
  page.on("request", (request) => {
    if (request.url().startsWith(address)) requests.push(request);
  });
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (!document.querySelector("nav a") || !document.querySelector("main h1")) return;
      Object.assign(window, { usableAt: performance.timeOrigin + performance.now() });
      observer.disconnect();
    });
    observer.observe(document, { childList: true, subtree: true });
  });
  await page.goto(address);
  await page.locator('[data-settled="true"]').waitFor({ timeout: 300_000 });
  const usableAt = await page.evaluate(() => (window as unknown as { usableAt: number }).usableAt);
  const loaded = new Map<string, Loaded>();
  for (const request of requests) {
    const path = request.url().slice(address.length) || "index.html";
    // A file requested in ranges counts once, with its whole size.
    if (loaded.has(path)) continue;
    const referrer = (await request.allHeaders()).referer?.slice(address.length) ?? "";
    const body = Buffer.from(await (await fetch(request.url())).arrayBuffer());
    loaded.set(path, {
      path,
      part: partOf(path, referrer, loaded),
      bytes: body.length,
      gzip: gzipSync(body).length,
      before: request.timing().startTime < usableAt,
    });
  }
  return [...loaded.values()];
}

/** Sum of the gzip bytes of some parts. */
export function gzipOf(loaded: readonly Loaded[], ...parts: readonly LoadedPart[]): number {
  return loaded.filter(({ part }) => parts.includes(part)).reduce((sum, { gzip }) => sum + gzip, 0);
}
