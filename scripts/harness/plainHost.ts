/** A minimal static host: serves a folder below a path, with no header but the content type. */

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve, sep } from "node:path";
import type { Served } from "./serve.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm",
};

/** Serves the current content of a folder below a path such as "/some/where/". */
export async function servePlain(folder: string, below: string): Promise<Served> {
  const root = resolve(folder);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    const path = pathname.startsWith(below)
      ? resolve(root, `./${decodeURIComponent(pathname.slice(below.length))}`)
      : "";
    const file = path === root ? join(root, "index.html") : path;
    if (!file.startsWith(root + sep) || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end("not here");
      return;
    }
    response.setHeader("Content-Type", types[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((listening) => server.listen(0, "localhost", listening));
  const at = server.address();
  if (at === null || typeof at === "string") throw new Error("The plain host has no port.");
  return {
    address: `http://localhost:${at.port}${below}`,
    dispose: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
