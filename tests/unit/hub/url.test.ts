/** Bytes at an address. Oracle: the files of a local HTTP server, and its list of requests. */

import { afterEach, describe, expect, it } from "vitest";
import { readAhead } from "../../../src/hub/bytes.ts";
import { modelFromAddress } from "../../../src/hub/files.ts";
import { bytesFromUrl, lengthOfUrl, type OpenOptions } from "../../../src/hub/url.ts";
import { shortenPauses } from "../../support/pauses.ts";
import { type FileServer, type Handler, sendPart, serveFiles } from "./server.ts";
import { refusal, sameBytes } from "./tiny.ts";

shortenPauses();

/** Longer than the first request. */
const large = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 131 + (i >> 8)) & 0xff);
const small = Uint8Array.of(1, 2, 3, 4, 5);

const servers: FileServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(handler?: Handler): Promise<FileServer> {
  const server = await serveFiles({ large, small, empty: new Uint8Array(0) }, handler);
  servers.push(server);
  return server;
}

const open = (server: FileServer, name: string, options?: OpenOptions) =>
  bytesFromUrl(new URL(name, server.base), name, options);

const withoutRange: Handler = (_, response, name) => {
  if (name !== "large") return false;
  response.writeHead(200, { "Content-Length": large.length }).end(large);
  return true;
};

describe("a server with Range", () => {
  it("reads any part, and small files with one request", async () => {
    const server = await serve();
    const source = await open(server, "large");
    expect(source.byteLength).toBe(large.length);
    for (const [start, end] of [
      [0, 10],
      [65_530, 65_540],
      [199_990, 200_000],
      [0, 200_000],
      [5, 5],
    ] as const) {
      expect(sameBytes(await source.slice(start, end), large.slice(start, end))).toBe(true);
    }
    server.requests.length = 0;
    const little = await open(server, "small");
    expect(await little.slice(1, 5)).toEqual(small.slice(1));
    expect(server.requests).toEqual([{ method: "GET", name: "small", range: "bytes=0-65535" }]);
    expect((await open(server, "empty")).byteLength).toBe(0);
  });

  it("refuses parts outside of the file without a request", async () => {
    const server = await serve();
    const source = await open(server, "large");
    server.requests.length = 0;
    await expect(source.slice(199_999, 200_001)).rejects.toThrow(
      "Bytes 199999 to 200001 of large are outside its 200000 bytes.",
    );
    await expect(source.slice(-1, 3)).rejects.toThrow(RangeError);
    await expect(source.slice(3, 2)).rejects.toThrow(RangeError);
    expect(server.requests).toEqual([]);
  });

  it("requests the length with HEAD where Content-Range is hidden", async () => {
    const server = await serve((request, response, name) => {
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      if (name !== "large" || range === null) return false;
      response.writeHead(206).end(large.subarray(Number(range[1]), Number(range[2]) + 1));
      return true;
    });
    const source = await open(server, "large");
    expect(sameBytes(await source.slice(70_000, 80_000), large.slice(70_000, 80_000))).toBe(true);
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "HEAD", "GET"]);
  });

  it("continues where a connection broke", async () => {
    let broken = 0;
    const server = await serve((request, response, name) => {
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      if (name !== "large" || range === null || broken >= 2) return false;
      broken++;
      const [start, last] = [Number(range[1]), Number(range[2])];
      response.writeHead(206, {
        "Content-Range": `bytes ${start}-${last}/${large.length}`,
        "Content-Length": last + 1 - start,
      });
      response.write(large.subarray(start, start + 1000), () => setTimeout(() => response.destroy(), 20));
      return true;
    });
    broken = 2;
    const source = await open(server, "large");
    broken = 0;
    server.requests.length = 0;
    expect(sameBytes(await source.slice(100_000, 150_000), large.slice(100_000, 150_000))).toBe(true);
    expect(server.requests.map(({ range }) => range)).toEqual([
      "bytes=100000-149999",
      "bytes=101000-149999",
      "bytes=102000-149999",
    ]);
  });

  it("stops after several broken connections, and names the bytes received", async () => {
    const server = await serve((request, response, name) => {
      if (name !== "large" || request.headers.range === "bytes=0-65535") return false;
      response.writeHead(206, { "Content-Range": `bytes 70000-79999/${large.length}`, "Content-Length": 10_000 });
      response.flushHeaders();
      setTimeout(() => response.destroy(), 20);
      return true;
    });
    const source = await open(server, "large");
    expect(await refusal(source.slice(70_000, 80_000))).toBe(
      `The connection to ${server.base}large ended after 0 of 10000 bytes (6 attempts): try again later.`,
    );
  });

  it("notices another part, another length and a sudden whole file", async () => {
    for (const answer of [`bytes 0-9/${large.length}`, "bytes 70000-70009/123456", null]) {
      const server = await serve((request, response, name) => {
        if (name !== "large" || request.headers.range === "bytes=0-65535") return false;
        if (answer === null) response.writeHead(200).end(large);
        else response.writeHead(206, { "Content-Range": answer }).end(large.subarray(0, 10));
        return true;
      });
      const source = await open(server, "large");
      expect(await refusal(source.slice(70_000, 70_010))).toContain(
        `bytes from 70000 on of ${server.base}large, but the server sent "${answer ?? "200 OK"}"; the file has changed`,
      );
    }
  });

  it("resets the count of attempts when bytes arrive", async () => {
    const server = await serve((request, response, name) => {
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      if (name !== "large" || range === null || range[1] === "0") return false;
      const [start, last] = [Number(range[1]), Number(range[2])];
      response.writeHead(206, { "Content-Range": `bytes ${start}-${last}/${large.length}` });
      response.write(large.subarray(start, Math.min(start + 20_000, last + 1)), () => {
        if (start + 20_000 > last) response.end();
        else setTimeout(() => response.destroy(), 5);
      });
      return true;
    });
    const source = await open(server, "large");
    const received: number[] = [];
    const counted = await open(server, "large", { onReceived: (bytes) => received.push(bytes) });
    expect(sameBytes(await source.slice(0, 200_000), large)).toBe(true);
    expect(sameBytes(await counted.slice(0, 200_000), large)).toBe(true);
    // Each byte was received once, the first ones with the opening.
    expect(received.reduce((sum, bytes) => sum + bytes, 0)).toBe(large.length);
  });

  it("retries when the server is busy", async () => {
    let busy = 2;
    const server = await serve((_, response) => {
      if (busy-- <= 0) return false;
      response.writeHead(503).end();
      return true;
    });
    expect(await (await open(server, "small")).slice(0, 5)).toEqual(small);
  });
});

describe("a server without Range", () => {
  it("is read whole, once, with progress and a note", async () => {
    const server = await serve(withoutRange);
    const notes: string[] = [];
    const progress: (readonly [number, number | null])[] = [];
    const source = await open(server, "large", {
      onNote: (note) => notes.push(note),
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(sameBytes(await source.slice(150_000, 150_010), large.slice(150_000, 150_010))).toBe(true);
    expect(sameBytes(await source.slice(0, 200_000), large)).toBe(true);
    expect(server.requests.length).toBe(1);
    expect(notes).toEqual([
      `${new URL(server.base).host} cannot send parts of a file, so large was downloaded whole into memory.`,
    ]);
    expect(progress.at(-1)).toEqual([200_000, 200_000]);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).toSorted((a, b) => a - b));
  });

  it("is requested again when the download broke", async () => {
    let broken = 1;
    const server = await serve((request, response, name) => {
      if (broken-- <= 0) return withoutRange(request, response, name);
      response.writeHead(200, { "Content-Length": large.length });
      response.write(large.subarray(0, 5000), () => setTimeout(() => response.destroy(), 20));
      return true;
    });
    expect(sameBytes(await (await open(server, "large")).slice(0, 200_000), large)).toBe(true);
  });
});

describe("measuring", () => {
  it("gets a length with one byte, from a server with and without parts", async () => {
    const server = await serve();
    const whole = await serve(withoutRange);
    for (const { base } of [server, whole]) expect(await lengthOfUrl(new URL("large", base))).toBe(large.length);
    expect(await lengthOfUrl(new URL("empty", server.base))).toBe(0);
    expect(await refusal(lengthOfUrl(new URL("none", server.base)))).toContain("There is no");
    expect(server.requests.map(({ range }) => range)).toEqual(["bytes=0-0", "bytes=0-0", "bytes=0-0"]);
  });
});

describe("cancelling", () => {
  it("ends a slow answer with an AbortError, and the connection with it", async () => {
    let closed: () => void = () => undefined;
    const connectionClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const stop = new AbortController();
    const server = await serve((request, response, name) => {
      if (name !== "large" || request.headers.range === "bytes=0-65535") return false;
      response.writeHead(206, { "Content-Range": `bytes 70000-169999/${large.length}`, "Content-Length": 100_000 });
      response.write(large.subarray(70_000, 70_100));
      response.on("close", closed);
      setTimeout(() => stop.abort(), 50);
      return true;
    });
    const source = await open(server, "large");
    await expect(source.slice(70_000, 170_000, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
    await connectionClosed;
    expect(server.requests.length).toBe(2);
  });

  it("ends a whole download, a pause between attempts, and what has not begun", async () => {
    const whole = new AbortController();
    const slow = await serve((_, response) => {
      response.writeHead(200, { "Content-Length": large.length });
      response.write(large.subarray(0, 100));
      return true;
    });
    const opening = open(slow, "large", { signal: whole.signal, onProgress: () => whole.abort() });
    await expect(opening).rejects.toMatchObject({ name: "AbortError" });

    const pausing = new AbortController();
    const busy = await serve((_, response) => {
      response.writeHead(503).end();
      setTimeout(() => pausing.abort(), 50);
      return true;
    });
    await expect(open(busy, "large", { signal: pausing.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(busy.requests.length).toBe(1);

    await expect(open(busy, "large", { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    expect(busy.requests.length).toBe(1);
  });
});

describe("trouble", () => {
  const answer =
    (status: number, headers: Record<string, string> = {}): Handler =>
    (_, response) => {
      response.writeHead(status, headers).end("<html>");
      return true;
    };
  const hangUp: Handler = (_, response) => {
    response.destroy();
    return true;
  };

  const rows: readonly (readonly [string, Handler, string, boolean])[] = [
    ["404", answer(404), "There is no ADDRESS (404): check the address", true],
    ["401", answer(401), "refuses ADDRESS (401); it is not public", true],
    ["403", answer(403), "refuses ADDRESS (403); it is not public", true],
    ["400", answer(400), "refuses ADDRESS (400 Bad Request): check", false],
    ["500", answer(500), "ADDRESS now (500 Internal Server Error) (4 attempts)", false],
    [
      "a web page",
      answer(200, { "Content-Type": "text/html; charset=utf-8" }),
      "ADDRESS answered with a web page (200) instead of the file",
      true,
    ],
    ["a connection without an answer", hangUp, "ADDRESS cannot be reached (4 attempts)", false],
  ];

  it.each(rows)("says what to do about %s", async (_, handler, message, absent) => {
    const server = await serve(handler);
    const url = new URL("large?token=secret", server.base);
    const error: unknown = await bytesFromUrl(url, "large").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "ModelError", absent });
    const text = error instanceof Error ? error.message : "";
    expect(text).toContain(message.replace("ADDRESS", `${server.base}large`));
    expect(text).not.toContain("secret");
    expect(text).toMatch(/: .*\.$/);
  });

  it("does not follow a redirect to another host, which gets no request", async () => {
    const other = await serve();
    const server = await serve((_, response) => {
      response.writeHead(302, { Location: `${other.base}large` }).end();
      return true;
    });
    expect(await refusal(open(server, "large"))).toBe(
      `${server.base}large redirects to ${other.base}large, and Hone contacts only the address that you entered: ` +
        "enter the final one.",
    );
    expect(other.requests).toEqual([]);
  });

  it("says that nobody answers", async () => {
    const server = await serve();
    await server.close();
    servers.length = 0;
    expect(await refusal(open(server, "large"))).toContain("large cannot be reached (4 attempts): check the address");
  });
});

describe("addresses", () => {
  const rows = [
    ["https://host.example/models/tiny/", "tiny", "https://host.example/models/tiny/"],
    ["https://host.example/models/tiny", "tiny", "https://host.example/models/tiny/"],
    [" https://host.example/models/tiny/config.json#top ", "tiny", "https://host.example/models/tiny/"],
    ["http://host.example", "host.example", "http://host.example/"],
    ["https://host.example/a/b/?sig=1", "b", "https://host.example/a/b/"],
  ] as const;

  it.each(rows)("reads %s", (address, name, place) => {
    expect(modelFromAddress(address)).toMatchObject({ name, place, listing: null });
  });

  it.each([
    ["", '"" is no address'],
    ["owner/name", '"owner/name" is no address'],
    ["just words", '"just words" is no address'],
    ["ftp://host/x/", "is no web address"],
    ["https://me:secret@host.example/x/", "contains a user name or password"],
  ])("refuses %s", (address, message) => {
    const refused = () => modelFromAddress(address);
    expect(refused).toThrow(message);
    expect(refused).not.toThrow("secret");
  });

  it.each([
    ["https://host.example/a/model.gguf", "model.gguf", "https://host.example/a/model.gguf"],
    ["https://host.example/a/Model%20Q8_0.GGUF?sign=1", "Model Q8_0.GGUF", "https://host.example/a/Model%20Q8_0.GGUF"],
    ["https://host.example/a/model.safetensors", undefined, "https://host.example/a/"],
  ])("knows the GGUF file of %s", (address, file, place) => {
    expect(modelFromAddress(address)).toMatchObject({ name: "a", file, place });
  });

  it("sends the query with every file", async () => {
    const urls: string[] = [];
    const server = await serve((request, response) => {
      urls.push(request.url ?? "");
      sendPart(request, response, small);
      return true;
    });
    await modelFromAddress(`${server.base}?sig=1`).open("config.json");
    expect(urls).toEqual(["/models/tiny/config.json?sig=1"]);
  });
});

describe("reading ahead", () => {
  it("returns the same bytes with few requests, each byte fetched once", async () => {
    const server = await serve();
    const source = await open(server, "large");
    server.requests.length = 0;
    const ahead = readAhead(source, 50_000);
    const starts = [66_000, 66_010, 66_500, 90_000, 115_990, 130_000, 175_000];
    for (const start of starts) {
      expect(sameBytes(await ahead.slice(start, start + 10_000), large.slice(start, start + 10_000))).toBe(true);
    }
    expect(server.requests.map(({ range }) => range)).toEqual([
      "bytes=66000-115999",
      "bytes=116000-165989",
      "bytes=175000-199999",
    ]);
    expect(sameBytes(await ahead.slice(0, 200_000), large)).toBe(true);
  });
});
