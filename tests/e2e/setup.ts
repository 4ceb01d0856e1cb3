/** Builds and serves the page once for all e2e tests, and starts the Chromium that most of them share. */

import type { TestProject } from "vitest/node";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import { serveBuilt } from "../../scripts/harness/serve.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the built page. */
    page: string;
    /** Address of the shared Chromium, which has no WebGPU; see tests/e2e/tab.ts. */
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
