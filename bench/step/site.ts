/** Builds the engines' pages for production and serves them, cross-origin isolated, each engine at its own host. */

import { createReadStream, existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, resolve, sep } from "node:path";
import { build, type Plugin } from "vite";
import { isolationHeaders } from "../../scripts/isolation.mjs";
import { projectRoot } from "../../scripts/setup.mjs";

export interface Site {
  /** Address of the page at its own host below localhost, which gets its own renderer process in Chromium. */
  addressOf(host: string): string;
  /** Uncompressed bytes of all files served to a host. */
  bytesLoaded(host: string): number;
  dispose(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/**
 * TensorFlow.js sends the source of its factory to its thread workers. The factory checks one outer variable by name, and
 * minifying changes that name. So the plugin makes it a property, which is equally absent in the workers.
 */
const threadedFactory: Plugin = {
  name: "hone:threaded-factory",
  transform: (code, id) =>
    id.includes("tfjs-backend-wasm-threaded-simd.js")
      ? code.replace(/(?<!var )\b_scriptDir\b/g, "globalThis._scriptDir")
      : null,
};

/**
 * Resolves `hone:other` to the Hone of another checkout, with its packages and its form of the same problem. Without a
 * checkout it resolves to a module that throws.
 */
const otherHone = (checkout: string | null): Plugin => ({
  name: "hone:other",
  resolveId: (id) => (id === "hone:other" ? "\0hone:other" : null),
  load(id) {
    if (id !== "\0hone:other") return null;
    const file = (name: string) => JSON.stringify(join(checkout ?? "", "bench", "step", name));
    return checkout
      ? `export { prepare } from ${file("hone.ts")}; export { problemOf } from ${file("problem.ts")};`
      : `export const problemOf = () => { throw new Error("No other checkout was given: use --beside FOLDER."); };
         export const prepare = problemOf;`;
  },
});

/**
 * Builds into a temporary folder, which `dispose` removes. `beside` is the root of another installed checkout, or null. Throws
 * when that has no Hone to measure.
 */
export async function serveEngines(beside: string | null): Promise<Site> {
  if (beside !== null && !existsSync(join(beside, "bench", "step", "hone.ts"))) {
    throw new Error(`${beside} has no bench/step/hone.ts: --beside needs the root of another checkout of Hone.`);
  }
  const folder = join(projectRoot, "node_modules", ".cache", "hone", `bench-${process.pid}`);
  await build({
    root: join(projectRoot, "bench", "step"),
    configFile: false,
    base: "./",
    logLevel: "error",
    worker: { format: "es", plugins: () => [threadedFactory, otherHone(beside)] },
    build: { outDir: folder, emptyOutDir: true, target: "es2023", assetsInlineLimit: 0, reportCompressedSize: false },
  });
  const loaded = new Map<string, number>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const path = resolve(folder, `.${pathname === "/" ? "/index.html" : decodeURIComponent(pathname)}`);
    const stat = path.startsWith(folder + sep) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    for (const [name, value] of Object.entries(isolationHeaders)) response.setHeader(name, value);
    if (!stat?.isFile()) {
      response.statusCode = 404;
      response.end();
      return;
    }
    const host = (request.headers.host ?? "").split(".")[0] ?? "";
    loaded.set(host, (loaded.get(host) ?? 0) + stat.size);
    response.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream");
    response.setHeader("Content-Length", stat.size);
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    addressOf: (host) => `http://${host}.localhost:${port}/`,
    bytesLoaded: (host) => loaded.get(host) ?? 0,
    async dispose() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
