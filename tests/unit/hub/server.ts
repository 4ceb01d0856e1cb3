/** A local file server that behaves well or badly on purpose, and records its requests. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Files } from "./tiny.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse, name: string) => boolean;

export interface FileServer {
  readonly base: string;
  readonly requests: { readonly method: string; readonly name: string; readonly range: string | null }[];
  close(): Promise<void>;
}

/** Sends the part that Range names, or the whole file without Range. */
export function sendPart(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (range === null) {
    response.writeHead(200, { "Content-Length": bytes.length }).end(request.method === "HEAD" ? undefined : bytes);
    return;
  }
  const [start, last] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
  if (start >= bytes.length) {
    response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(206, {
    "Content-Range": `bytes ${start}-${last}/${bytes.length}`,
    "Content-Length": last + 1 - start,
  });
  response.end(bytes.subarray(start, last + 1));
}

/** Serves `files` below `/models/tiny/`; `handler` may answer first. */
export async function serveFiles(files: Files, handler: Handler = () => false): Promise<FileServer> {
  const requests: { method: string; name: string; range: string | null }[] = [];
  const server: Server = createServer((request, response) => {
    const name = new URL(request.url ?? "/", "http://localhost").pathname.replace(/^\/models\/tiny\//, "");
    requests.push({ method: request.method ?? "", name, range: request.headers.range ?? null });
    if (handler(request, response, name)) return;
    const bytes = files[name];
    if (bytes === undefined) response.writeHead(404, { "Content-Type": "text/plain" }).end("not found");
    else sendPart(request, response, bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}/models/tiny/`,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
