/** A headless Chromium with a profile that can outlive it; a test can kill it like a crashing tab. */

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium as devtools, type Page } from "playwright";
import { chromiumFlags, hardwareFlags, installChromium } from "../chromium.mjs";

export interface Headless {
  /** The browser's persistent context, which stores its data in the profile. */
  readonly context: BrowserContext;
  /** The first tab. */
  readonly page: Page;
  /** Endpoint for other processes; see `connectTo`. */
  readonly endpoint: string;
  /** Sends SIGKILL to the browser and all its processes. */
  kill(): Promise<void>;
  /** Closes the browser properly, and removes the profile unless the caller gave one. */
  dispose(): Promise<void>;
}

export interface LaunchOptions {
  /** Profile folder, which stays; by default a new folder that is removed at the end. */
  readonly profile?: string;
  /** False: no WebGPU adapter; "hardware": the machine's own; true (the default): an emulated one. */
  readonly webgpu?: boolean | "hardware";
  /** False blocks service workers, because Playwright cannot intercept requests that one answers. True by default. */
  readonly serviceWorkers?: boolean;
}

function flagsOf(webgpu: boolean | "hardware"): readonly string[] {
  if (webgpu === "hardware") return hardwareFlags;
  return webgpu ? chromiumFlags : ["--no-sandbox", "--disable-gpu"];
}

/** Connects to a Chromium that another process started. */
export const connectTo = (endpoint: string): Promise<Browser> => devtools.connectOverCDP(endpoint);

/** Starts headless Chromium for measuring on a provider; `address` as for `launchWithGpu`. */
export const launchFor = (provider: "wasm" | "webgpu", address: string): Promise<Headless> =>
  provider === "webgpu" ? launchWithGpu(address) : launchChromium({ webgpu: false });

/**
 * Starts headless Chromium for measuring, with the machine's GPU if a page at `address` finds it, else with an emulated one.
 */
export async function launchWithGpu(address: string): Promise<Headless> {
  const browser = await launchChromium({ webgpu: "hardware" });
  await browser.page.goto(address);
  const found = await browser.page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  if (!found) {
    await browser.dispose();
    return launchChromium();
  }
  await browser.page.goto("about:blank");
  return browser;
}

/**
 * Starts headless Chromium, by default with WebGPU on the SwiftShader adapter; unpacks or downloads a Chromium if there is none.
 * Throws with Chromium's output when it does not start.
 */
export async function launchChromium(options: LaunchOptions = {}): Promise<Headless> {
  const { executablePath, env } = await installChromium();
  const profile = options.profile ?? (await mkdtemp(join(tmpdir(), "hone-chromium-")));
  const child = spawn(
    executablePath,
    [
      "--headless",
      ...flagsOf(options.webgpu ?? true),
      "--no-first-run",
      "--mute-audio",
      "--disable-dev-shm-usage",
      // Chromium would slow down background pages, and headless pages count as such.
      "--disable-background-timer-throttling",
      "--disable-backgrounding-occluded-windows",
      "--disable-renderer-backgrounding",
      // Prevents a password prompt from the desktop's keyring.
      "--password-store=basic",
      "--use-mock-keychain",
      `--user-data-dir=${profile}`,
      "--remote-debugging-port=0",
      "about:blank",
    ],
    // Its own process group, so that one signal also reaches the renderer and the GPU process.
    { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"], detached: process.platform !== "win32" },
  );
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const signal = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  };
  process.once("exit", signal);
  const cleanUp = async () => {
    process.off("exit", signal);
    if (options.profile === undefined) await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  const kill = async () => {
    signal();
    await ended;
    await cleanUp();
  };

  try {
    const endpoint = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
        if (found) resolve(found);
      });
      ended.then(() => reject(new Error(`${executablePath} did not start: ${said.trim().slice(-2000)}`)));
      child.once("error", reject);
    });
    child.stderr.removeAllListeners("data").resume();
    const browser = await devtools.connectOverCDP(endpoint, { timeout: 180_000 });
    const context = browser.contexts()[0];
    if (!context) throw new Error(`${executablePath} started without a browser context.`);
    if (options.serviceWorkers === false) await context.addInitScript("delete Navigator.prototype.serviceWorker");
    const page = context.pages()[0] ?? (await context.newPage());
    const dispose = async () => {
      const session = await browser.newBrowserCDPSession();
      // The browser may end before it answers.
      await Promise.race([session.send("Browser.close").catch(() => {}), ended]);
      const patience = setTimeout(signal, 10_000);
      await ended;
      clearTimeout(patience);
      await cleanUp();
    };
    return { context, page, endpoint, kill, dispose };
  } catch (error) {
    await kill();
    throw error;
  }
}
