/** A local server that answers like Hugging Face without an account: its API, its redirects, its refusals. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { vi } from "vitest";
import { answerAsHub, type HubModels } from "../../support/hub.ts";
import { sendPart } from "./server.ts";

export interface FakeHub {
  /** Method, path and range of every request, in order. */
  readonly requests: { readonly path: string; readonly range: string | null }[];
  /** Bytes of files sent so far. */
  sent(): number;
  /** Settles when every answer has ended and no further one follows. */
  quiet(): Promise<void>;
  /** Answers each request with this status from now on; null ends that. */
  fail(status: number | null, headers?: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

/** Starts a hub with these models and redirects every request for huggingface.co to it, until `close`. */
export async function fakeHub(models: HubModels): Promise<FakeHub> {
  const requests: { path: string; range: string | null }[] = [];
  let sent = 0;
  let answering = 0;
  let failure: { status: number; headers: Readonly<Record<string, string>> } | null = null;
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://hub");
    const path = decodeURIComponent(url.pathname);
    answering++;
    response.on("close", () => answering--);
    requests.push({ path: path + url.search, range: request.headers.range ?? null });
    const refuse = (status: number, code: string) => response.writeHead(status, { "X-Error-Code": code }).end("no");
    if (failure) return response.writeHead(failure.status, failure.headers).end("no");
    const storage = /^\/storage\/([^/]+\/[^/]+)\/(.+)$/.exec(path);
    if (storage) {
      const bytes = models[storage[1] ?? ""]?.files[storage[2] ?? ""] ?? new Uint8Array(0);
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      const length = range ? Math.min(Number(range[2]) + 1, bytes.length) - Number(range[1]) : bytes.length;
      sent += Math.max(0, length);
      return sendPart(request, response, bytes);
    }
    const answer = answerAsHub(models, path);
    if (answer.kind === "refused") return refuse(answer.status, answer.code);
    if (answer.kind === "json")
      return response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer.body));
    // Small files come from the hub itself, large ones by a redirect to its storage.
    if (answer.large) {
      const [, id, name] = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(path) ?? [];
      return response.writeHead(302, { Location: `/storage/${id}/${name}` }).end();
    }
    sent += answer.bytes.length;
    return response.writeHead(200, { "Content-Type": "text/plain" }).end(answer.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const real = globalThis.fetch;
  vi.stubGlobal("fetch", (input: URL, init: RequestInit) =>
    real(String(input).replace("https://huggingface.co", local), init),
  );
  return {
    requests,
    sent: () => sent,
    async quiet() {
      for (let calm = 0; calm < 5; calm = answering === 0 ? calm + 1 : 0) await new Promise((go) => setTimeout(go, 5));
    },
    fail(status, headers = {}) {
      failure = status === null ? null : { status, headers };
    },
    close() {
      vi.unstubAllGlobals();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
