/** What a first visit loads, in the order in which it is asked for: how much of it comes before the page can be used. */

import { gzipSync } from "node:zlib";
import type { Page, Request } from "playwright";

/** The page itself; the code of its workers; ONNX Runtime; what a first visit trains. */
export type LoadedPart = "page" | "workers" | "runtime" | "model and data";

export interface Loaded {
  /** Relative to the page. */
  readonly path: string;
  readonly part: LoadedPart;
  /** Bytes of the body, and of the body as a host would send it: gzip at its usual level. */
  readonly bytes: number;
  readonly gzip: number;
  /** Whether it was asked for before the page could be used. */
  readonly before: boolean;
}

/** The goal: bytes (gzip) of the page itself. */
export const pageBudget = 350_000;

/** Of a file that another one of `loaded` asked for: what a worker imports is the worker's. */
function partOf(path: string, askedBy: string, loaded: ReadonlyMap<string, Loaded>): LoadedPart {
  if (/^(?:models|samples)\//.test(path)) return "model and data";
  if (/^assets\/ort[.-]/.test(path)) return "runtime";
  const ofWorkers = /^assets\/entry-/.test(path) || loaded.get(askedBy)?.part === "workers";
  return ofWorkers || loaded.get(askedBy)?.part === "runtime" ? "workers" : "page";
}

/**
 * Opens the page in a browser that has never seen it, and follows it until a first visit's model and data are there. The
 * page can be used once its steps and a screen are in the document. What the service worker fetches for later visits, when
 * all of this is there, is not counted.
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
    // A file that is asked for in parts counts once, whole.
    if (loaded.has(path)) continue;
    const askedBy = (await request.allHeaders()).referer?.slice(address.length) ?? "";
    const body = Buffer.from(await (await fetch(request.url())).arrayBuffer());
    loaded.set(path, {
      path,
      part: partOf(path, askedBy, loaded),
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
