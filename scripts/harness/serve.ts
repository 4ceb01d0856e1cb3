/** Servers for headless commands: the built page, or the project's own modules; both cross-origin isolated. */

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright";
import { build, createServer, preview } from "vite";
import { projectRoot } from "../setup.mjs";
import { serveFolder } from "./serveFolder.ts";

export interface Served {
  /** URL with a trailing slash. */
  readonly address: string;
  dispose(): Promise<void>;
}

/**
 * Builds the page if `dist` is older than its sources, and serves it on a free port. With `isolated: false` it sends no
 * isolation headers, like a plain static host.
 */
export async function serveBuilt({ isolated = true }: { readonly isolated?: boolean } = {}): Promise<Served> {
  if (builtAt() < changedAt()) await buildForPeople();
  const server = await preview({
    root: projectRoot,
    logLevel: "warn",
    preview: { port: 0, open: false },
    // The headers come from the project's Vite settings, so it skips those.
    ...(!isolated && { configFile: false, appType: "mpa" }),
  });
  return { address: addressOf(server.resolvedUrls), dispose: () => server.close() };
}

/** Builds with production settings: with Vitest's NODE_ENV the page would contain React's development build. */
async function buildForPeople(): Promise<void> {
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = "production";
  try {
    await build({ root: projectRoot, logLevel: "warn" });
  } finally {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = NODE_ENV;
  }
}

/**
 * Serves the project's modules with Vite's development server and a blank page at its address. Tests that run at once have a
 * cache of dependencies each, because a server that fills a shared one breaks the pages of the other. `folders` maps addresses to
 * folders outside the project, such as `{ "/model": "/home/me/stories260K" }`.
 */
export async function serveModules(folders: Readonly<Record<string, string>> = {}): Promise<Served> {
  const server = await createServer({
    root: projectRoot,
    configFile: join(projectRoot, "vite.config.ts"),
    cacheDir: join(projectRoot, "node_modules", ".vite", `harness${process.env.VITEST_POOL_ID ?? ""}`),
    logLevel: "warn",
    plugins: Object.entries(folders).map(([address, folder]) => serveFolder(address, folder)),
    server: { port: 0, open: false, hmr: false, watch: null },
    // Finds all dependencies before the page opens, because Vite reloads the page when it finds one later.
    optimizeDeps: { entries: ["src/**/*.{ts,tsx}"] },
  });
  await server.listen();
  return { address: `${addressOf(server.resolvedUrls)}scripts/harness/`, dispose: () => server.close() };
}

/**
 * Calls a function of a project module in a page from `serveModules` and returns its result. Argument and result are plain
 * data; `module` is an address such as "/scripts/harness/parityPage.ts".
 */
export async function callInPage<Result>(page: Page, module: string, name: string, argument: unknown): Promise<Result> {
  // A string, because the tool that runs this TypeScript would rewrite a callback.
  const call = `import(${JSON.stringify(module)}).then((loaded) => loaded[${JSON.stringify(name)}](${JSON.stringify(argument)}))`;
  return page.evaluate<Result>(call);
}

function addressOf(urls: { local: readonly string[] } | null): string {
  const address = urls?.local[0];
  if (!address) throw new Error("Vite started a server and gave no address for it.");
  return address;
}

function builtAt(): number {
  return statSync(join(projectRoot, "dist", "index.html"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The time of the last change to any file that the build reads. */
function changedAt(): number {
  const single = ["index.html", "vite.config.ts", "package-lock.json"];
  const folders = ["src", "public"].filter((folder) => existsSync(join(projectRoot, folder)));
  const within = folders.flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
  );
  return Math.max(...[...single, ...within].map((path) => statSync(join(projectRoot, path)).mtimeMs));
}
