/** A Vite plugin that serves a folder outside the project, as a host of model files does. */

import { createReadStream, statSync } from "node:fs";
import { resolve, sep } from "node:path";
import type { Plugin } from "vite";

/**
 * Serves a folder's files below an address, byte ranges included, as a host of model files does.
 * A file that is not there is a 404, never the page.
 */
export function serveFolder(address: string, folder: string): Plugin {
  const root = resolve(folder);
  return {
    name: `hone:folder:${address}`,
    configureServer(server) {
      server.middlewares.use(address, (request, response) => {
        response.setHeader("X-Content-Type-Options", "nosniff");
        const path = resolve(root, `.${decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname)}`);
        const stat = path.startsWith(root + sep) ? statSync(path, { throwIfNoEntry: false }) : undefined;
        if (!stat?.isFile()) {
          response.statusCode = 404;
          response.end(`no such file below ${address}`);
          return;
        }
        response.setHeader("Accept-Ranges", "bytes");
        response.setHeader("Content-Type", path.endsWith(".json") ? "application/json" : "application/octet-stream");
        const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
        const start = range ? Number(range[1]) : 0;
        const end = range?.[2] ? Math.min(Number(range[2]), stat.size - 1) : stat.size - 1;
        if (range && start >= stat.size) {
          response.statusCode = 416;
          response.setHeader("Content-Range", `bytes */${stat.size}`);
          response.end();
          return;
        }
        if (range) {
          response.statusCode = 206;
          response.setHeader("Content-Range", `bytes ${start}-${end}/${stat.size}`);
        }
        response.setHeader("Content-Length", Math.max(end - start + 1, 0));
        if (request.method === "HEAD" || stat.size === 0) response.end();
        else createReadStream(path, { start, end }).pipe(response);
      });
    },
  };
}
