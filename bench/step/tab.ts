/** An engine for the command: calls to its worker in a tab or to its process, and the memory of its process. */

import { readFileSync } from "node:fs";
import type { BrowserContext, CDPSession, Page } from "playwright";
import type { Calls } from "./calls.ts";
import type { Site } from "./site.ts";

export interface Tab {
  call<Name extends keyof Calls>(name: Name, ...argument: Parameters<Calls[Name]>): ReturnType<Calls[Name]>;
  /** Current and peak bytes; null where the system reports neither. */
  resident(): Resident | null;
  /** Null where nothing is loaded over a network. */
  bytesLoaded(): number | null;
  close(): Promise<void>;
}

export interface Resident {
  readonly bytes: number;
  readonly peakBytes: number;
}

/** Resident memory of a process on Linux (VmRSS, VmHWM); null elsewhere. */
export function residentOf(pid: number): Resident | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const of = (field: string) => 1024 * Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN);
    return { bytes: of("VmRSS"), peakBytes: of("VmHWM") };
  } catch {
    return null;
  }
}

/** Opens the page at its own host and waits until its worker answers. */
export async function openTab(context: BrowserContext, site: Site, host: string): Promise<Tab> {
  const browser = context.browser();
  if (!browser) throw new Error("The browser is gone.");
  const session = await browser.newBrowserCDPSession();
  const page = await context.newPage();
  // A call to a page that crashes would never settle.
  const crashed = new Promise<never>((_, reject) => {
    page.once("crash", () => reject(new Error("The page crashed, usually because its process ran out of memory.")));
  });
  crashed.catch(() => {});
  await page.goto(site.addressOf(host));
  const call: Tab["call"] = (name, ...argument) => {
    const text = `call(${JSON.stringify(name)}, ${JSON.stringify(argument[0] ?? null)})`;
    return Promise.race([page.evaluate(text), crashed]) as ReturnType<Calls[typeof name]>;
  };
  const pid = await processOf(session, () => call("spin", 300));
  return {
    call,
    resident: () => (pid === null ? null : residentOf(pid)),
    bytesLoaded: () => site.bytesLoaded(host),
    async close() {
      await session.detach();
      await closePage(page);
    },
  };
}

const closePage = (page: Page) => page.close().catch(() => {});

/**
 * The page's renderer process: twice in a row the process that is by far the busiest while `work` runs. Nothing else identifies
 * it. Null where the browser does not report processor times.
 */
async function processOf(session: CDPSession, work: () => Promise<void>): Promise<number | null> {
  const renderers = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    return new Map(processInfo.filter(({ type }) => type === "renderer").map(({ id, cpuTime }) => [id, cpuTime]));
  };
  try {
    let busiest: number | null = null;
    for (let tries = 0; tries < 20; tries++) {
      const before = await renderers();
      await work();
      const used = [...(await renderers())].map(([id, time]) => ({ id, time: time - (before.get(id) ?? time) }));
      const [most, next] = used.sort((a, b) => b.time - a.time);
      const found = most && most.time > 4 * (next?.time ?? 0) ? most.id : null;
      if (found !== null && found === busiest) return found;
      busiest = found;
    }
  } catch {
    // Not every browser reports processor times.
  }
  return null;
}
