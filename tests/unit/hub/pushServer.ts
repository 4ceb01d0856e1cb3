/** The played hub behind a local server; `fetch` of Hugging Face and its storage goes there until `close`. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { vi } from "vitest";
import { createPushHub, type PushHub, type PushHubOptions } from "../../support/pushHub.ts";

export interface PushServer {
  readonly hub: PushHub;
  readonly local: string;
  close(): Promise<void>;
}

/** `direct`: the hub's own addresses are the server's, for a client that is not Hone. */
export async function servePushHub(options: PushHubOptions = {}, direct = false): Promise<PushServer> {
  let hub: PushHub | null = null;
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    const isStorage = request.url?.startsWith("/upload/") ?? false;
    const origin = direct ? local : isStorage ? "https://storage.example" : "https://huggingface.co";
    const answer = hub?.answer({
      method: request.method ?? "",
      url: new URL(request.url ?? "", origin),
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
      body: Buffer.concat(pieces),
    });
    if (answer === undefined || answer === "break") request.socket.destroy();
    else response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub = createPushHub(direct ? { ...options, hub: local, storage: local } : options);
  const real = globalThis.fetch;
  if (!direct) {
    vi.stubGlobal("fetch", (input: URL, init: RequestInit) =>
      real(String(input).replace(/^https:\/\/(?:huggingface\.co|storage\.example)/, local), init),
    );
  }
  return {
    hub,
    local,
    close() {
      vi.unstubAllGlobals();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
