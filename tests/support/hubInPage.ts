/** Hugging Face for an engine in the test's page: answers `fetch` of its URLs here, piece by piece. */

import { vi } from "vitest";
import { answerAsHub, type HubModels, partOf } from "./hub.ts";

export interface HubInPage {
  /** Total bytes that may be sent; a request beyond that waits until the limit rises or it is cancelled. */
  limit: number;
  /** Bytes of files sent so far. */
  sent: number;
}

const pieceBytes = 2 ** 18;

/** Mocks the hub until the mocks are restored. */
export function playHub(models: HubModels): HubInPage {
  const hub: HubInPage = { limit: Number.POSITIVE_INFINITY, sent: 0 };
  const real = window.fetch;
  const body = (bytes: Uint8Array, signal: AbortSignal | null | undefined) => {
    let at = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        while (hub.sent >= hub.limit) {
          signal?.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        const piece = bytes.slice(at, at + pieceBytes);
        at += piece.length;
        hub.sent += piece.length;
        if (piece.length > 0) controller.enqueue(piece);
        if (at >= bytes.length) controller.close();
      },
    });
  };
  vi.spyOn(window, "fetch").mockImplementation(async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    if (url.host !== "huggingface.co") return real(input, init);
    const answer = answerAsHub(models, decodeURIComponent(url.pathname));
    if (answer.kind === "json") return Response.json(answer.body);
    if (answer.kind === "refused")
      return new Response("no", { status: answer.status, headers: { "X-Error-Code": answer.code } });
    const range = new Headers(init?.headers).get("Range");
    const { start, end } = partOf(range, answer.bytes.length);
    const stream = body(answer.bytes.subarray(start, end), init?.signal);
    if (range === null) return new Response(stream, { headers: { "Content-Length": String(end - start) } });
    const headers = { "Content-Range": `bytes ${start}-${end - 1}/${answer.bytes.length}` };
    return new Response(stream, { status: 206, headers });
  });
  return hub;
}
