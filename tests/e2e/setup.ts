/** Builds and serves the page once for all e2e tests, and starts the Chromium in which most of them open their tabs. */

import type { TestProject } from "vitest/node";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import { serveBuilt } from "../../scripts/harness/serve.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the built page. */
    page: string;
    /** Where to connect to the Chromium, which has no WebGPU; tests/e2e/tab.ts does. */
    chromium: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const served = await serveBuilt();
  const browser = await launchChromium({ webgpu: false });
  project.provide("page", served.address);
  project.provide("chromium", browser.endpoint);
  return async () => {
    await browser.dispose();
    await served.dispose();
  };
}
