/** A tab that a test watches: errors in its console, and its requests. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page, Request } from "playwright";
import { afterAll, beforeAll, expect, inject, onTestFinished } from "vitest";
import { connectTo } from "../../scripts/harness/chromium.ts";

export interface Watch {
  /** Every requested address of the tab and its workers. */
  readonly requests: readonly string[];
  /**
   * Errors and warnings of the console (including stops by the Content-Security-Policy), uncaught errors, failed
   * requests, and requests to other origins, also those of the service worker.
   */
  readonly complaints: readonly string[];
}

/**
 * Watches a tab from before its first page to the end of the test; any complaint fails the test. `expected` names
 * messages of the browser that the test causes.
 */
export function watch(page: Page, address: string, expected: readonly RegExp[] = []): Watch {
  const requests: string[] = [];
  const complaints: string[] = [];
  const complain = (text: string) => {
    if (!expected.some((pattern) => pattern.test(text))) complaints.push(text);
  };
  const { origin } = new URL(address);
  // Beside other work on the machine, compilation takes longer.
  page.setDefaultTimeout(120_000);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complain(`${message.type()}: ${message.text()}`);
    if (message.text().includes("React DevTools")) complain("this is a development build");
  });
  page.on("pageerror", (error) => complain(`uncaught: ${error.message}`));
  page.on("crash", () => complain("the tab crashed"));
  const requireOwn = (url: string) => {
    if (!url.startsWith(`${origin}/`) && !url.startsWith(`blob:${origin}/`))
      complain(`request to another origin: ${url}`);
  };
  page.on("request", (request) => {
    requests.push(request.url());
    requireOwn(request.url());
  });
  const ofServiceWorker = (request: Request) => {
    if (request.serviceWorker()?.url().startsWith(origin)) requireOwn(request.url());
  };
  const context = page.context();
  context.on("request", ofServiceWorker);
  page.on("requestfailed", (request) => {
    const { errorText } = request.failure() ?? {};
    // A page ends its requests when the user leaves it.
    if (errorText !== "net::ERR_ABORTED") complain(`${request.url()}: ${errorText}`);
  });
  onTestFinished(() => {
    context.off("request", ofServiceWorker);
    expect(complaints).toEqual([]);
    // Proves that the worker's requests are watched: it fetches ONNX Runtime at its start.
    expect(requests.some((url) => /\/ort[.-][^/]*$/.test(url))).toBe(true);
  });
  return { requests, complaints };
}

/** A new folder with these files, removed after the test. */
export async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hone-e2e-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

let browser: Promise<Browser> | null = null;

/** A new browser profile in the shared Chromium. */
async function newContext({ serviceWorkers = true }: ContextOptions): Promise<BrowserContext> {
  browser ??= connectTo(inject("chromium"));
  const context = await (await browser).newContext({ viewport: { width: 1280, height: 900 } });
  if (!serviceWorkers) await context.addInitScript("delete Navigator.prototype.serviceWorker");
  return context;
}

interface ContextOptions {
  /** False turns service workers off, because Playwright cannot answer requests in their place. Default true. */
  readonly serviceWorkers?: boolean;
}

/** One profile for all tests of a file: each test finds the data of the earlier ones. */
export function oneProfile(options: ContextOptions = {}): () => BrowserContext {
  let context: BrowserContext | null = null;
  beforeAll(async () => {
    context = await newContext(options);
  });
  afterAll(() => context?.close());
  return () => {
    if (!context) throw new Error("The profile is there in a test only.");
    return context;
  };
}

/** A tab in such a profile, which ends with the test. */
export async function freshTab(options: ContextOptions = {}): Promise<Page> {
  const context = await newContext(options);
  onTestFinished(() => context.close());
  return context.newPage();
}
