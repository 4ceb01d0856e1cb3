/** Builds and serves the page once for all e2e tests; a test reads its address with `inject("page")`. */

import type { TestProject } from "vitest/node";
import { serveBuilt } from "../../scripts/harness/serve.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the built page. */
    page: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const served = await serveBuilt();
  project.provide("page", served.address);
  return () => served.dispose();
}
