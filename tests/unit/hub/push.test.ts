/**
 * Pushes to the played hub, which is strict (tests/support/pushHub.ts). Oracle: the bytes that it stored, and what it recorded of
 * each request. No seed: the files are fixed.
 */

import { expect, onTestFinished, test, vi } from "vitest";
import { createPushes, type PushRequest } from "../../../src/hub/push.ts";
import { goodToken, type PlayedAnswer, type PlayedRequest, type PushHubOptions } from "../../support/pushHub.ts";
import { servePushHub } from "./pushServer.ts";

const weights = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) % 251);
const card = "---\ntags:\n- hone\n---\n\n# A card\n";
const files = [
  { name: "config.json", content: new Blob(['{"a": 1}'], { type: "application/json" }) },
  { name: "model.safetensors", content: new Blob([weights]) },
  { name: "empty.txt", content: new Blob([]) },
  { name: "README.md", content: new Blob([card], { type: "text/markdown" }) },
];

const request = (change: Partial<PushRequest> = {}): PushRequest => ({
  ...{ token: goodToken, repository: "maria/tuned", visibility: "private", files, title: "Push by Hone" },
  ...change,
});

async function played(options: PushHubOptions = {}) {
  const server = await servePushHub(options);
  onTestFinished(() => server.close());
  return server.hub;
}

/** Pushes whose pauses between attempts pass at once; `waits` has their milliseconds. */
const waits: number[] = [];
const hurried = () =>
  createPushes(async (milliseconds, signal) => {
    waits.push(milliseconds);
    signal?.throwIfAborted();
  });

const contents = (hub: Awaited<ReturnType<typeof played>>, id: string) =>
  Object.fromEntries(
    Array.from(hub.repositories.get(id)?.files ?? [], ([name, { bytes, lfs }]) => [
      name,
      `${lfs ? "large" : "small"} ${bytes.length}`,
    ]),
  );

const all = {
  "config.json": "small 8",
  "model.safetensors": "large 100000",
  "empty.txt": "small 0",
  "README.md": `small ${card.length}`,
};

test.each([
  ["in one body", {}, "maria/tuned"],
  ["in parts", { partBytes: 30_000 }, "maria/tuned"],
  ["in one part of just the size", { partBytes: 99_999 }, "maria/tuned"],
  ["without verification", { verifies: false }, "her-team/tuned"],
  ["with a fine-grained token", { role: "fineGrained" }, "maria/tuned"],
  ["to the token's owner", {}, "tuned"],
] as const)("every file arrives %s", async (_, options, repository) => {
  const hub = await played(options);
  const done: number[] = [];
  const pushed = await hurried().push(request({ repository }), {
    onProgress: (task, bytes, total) => {
      if (task !== "Sending model.safetensors") return;
      expect(total).toBe(100_000);
      done.push(bytes);
    },
  });
  const id = repository.includes("/") ? repository : `maria/${repository}`;
  expect(pushed).toEqual({
    id,
    url: `https://huggingface.co/${id}`,
    sent: 100_008 + card.length,
    present: [],
    compared: 4,
  });
  expect(contents(hub, id)).toEqual(all);
  expect(hub.repositories.get(id)?.private).toBe(true);
  expect(hub.repositories.get(id)?.files.get("model.safetensors")?.bytes.equals(weights)).toBe(true);
  expect(hub.repositories.get(id)?.commits.map(({ title }) => title)).toEqual(["Push by Hone"]);
  expect(done.at(-1)).toBe(100_000);
});

test("the token is in the hub's Authorization header, and nowhere else", async () => {
  const hub = await played({ partBytes: 30_000 });
  const progress: string[] = [];
  const logged = (["log", "warn", "error", "info", "debug"] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation(() => undefined),
  );
  const pushes = hurried();
  const pushed = await pushes.push(request(), { onProgress: (task) => progress.push(task) });
  for (const { path, authorization, text } of hub.requests) {
    expect(path).not.toContain(goodToken);
    expect(text).not.toContain(goodToken);
    const signed = path.startsWith("/upload/");
    expect(authorization, path).toBe(signed ? null : `Bearer ${goodToken}`);
  }
  expect(hub.requests.filter(({ path }) => path.startsWith("/upload/"))).toHaveLength(4);
  expect(JSON.stringify([pushed, progress, Object.entries(pushes)])).not.toContain(goodToken);
  for (const spy of logged) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test("a hub that sends the token back does not get it into an error", async () => {
  const hub = await played();
  hub.instead = () => ({ status: 400, headers: { "X-Error-Message": `bad Bearer ${goodToken} here` } });
  const error = await hurried()
    .push(request())
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  const whole = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).stack);
  expect(whole).toContain("bad Bearer •••");
  expect(whole).not.toContain(goodToken);
});

test.each(["", "two words", "hf_\u00e4", "hf_a\nb", "hf_a\u0000"])(
  "%j is no token, and nothing is sent",
  async (token) => {
    const hub = await played();
    const error = await hurried()
      .push(request({ token }))
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("The token has a space or a letter that no token has");
    expect(hub.requests).toEqual([]);
  },
);

test("what is there already is not sent again, and no empty commit follows", async () => {
  const hub = await played();
  const pushes = hurried();
  await pushes.push(request());
  const before = hub.received;
  const again = await pushes.push(request());
  expect(again).toMatchObject({ sent: 0, present: files.map(({ name }) => name), compared: 4 });
  expect(hub.received).toBe(before);
  expect(hub.repositories.get("maria/tuned")?.commits).toHaveLength(1);

  const changed = files.map((file) => (file.name === "config.json" ? { ...file, content: new Blob(["{}"]) } : file));
  expect(await pushes.push(request({ files: changed }))).toMatchObject({ sent: 2 });
  expect(hub.received).toBe(before);
  expect(hub.repositories.get("maria/tuned")?.commits.at(-1)?.paths).toEqual(["config.json"]);
});

test("after a break, the parts that arrived are not sent again", async () => {
  const hub = await played({ partBytes: 30_000 });
  const pushes = hurried();
  let puts = 0;
  hub.instead = ({ method }) => (method === "PUT" && ++puts > 2 ? "break" : null);
  const error = await pushes.push(request()).catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(
    /^PushError: The connection to Hugging Face broke while Hone sent part 3 of 4 of model\.safetensors \(5 attempts\): check the network\./,
  );
  expect(hub.received).toBe(60_000);
  hub.instead = null;
  const totals = new Set<number | null>();
  const pushed = await pushes.push(request(), {
    onProgress: (task, _, total) => void (task.startsWith("Sending") && totals.add(total)),
  });
  expect(hub.received).toBe(100_000);
  expect(pushed.sent).toBe(40_008 + card.length);
  expect([...totals]).toEqual([40_000]);
  expect(contents(hub, "maria/tuned")).toEqual(all);
});

test("expired addresses of an interrupted push are replaced", async () => {
  const hub = await played({ partBytes: 30_000 });
  const pushes = hurried();
  let puts = 0;
  hub.instead = ({ method }) => (method === "PUT" && ++puts > 2 ? "break" : null);
  await expect(pushes.push(request())).rejects.toThrow("The connection");
  hub.instead = null;
  hub.expire();
  await pushes.push(request());
  expect(contents(hub, "maria/tuned")).toEqual(all);
});

test("a new tab leaves out a large file that arrived before the commit broke", async () => {
  const hub = await played();
  hub.instead = ({ url }) => (url.pathname.includes("/commit/") ? "break" : null);
  await expect(hurried().push(request())).rejects.toThrow("while Hone sent the commit (1 attempt)");
  hub.instead = null;
  await hurried().push(request());
  expect(hub.received).toBe(100_000);
  expect(hub.repositories.get("maria/tuned")?.commits).toHaveLength(1);
});

test("a commit whose answer is lost is not made twice", async () => {
  const hub = await played();
  const pushes = hurried();
  let lost = false;
  hub.instead = (asked) => {
    if (lost || !asked.url.pathname.includes("/commit/")) return null;
    lost = true;
    hub.instead = null;
    hub.answer(asked);
    return "break";
  };
  await expect(pushes.push(request())).rejects.toThrow("The connection");
  expect(await pushes.push(request())).toMatchObject({ sent: 0, compared: 4 });
  expect(hub.repositories.get("maria/tuned")?.commits).toHaveLength(1);
});

test("a short break of each kind of request is overcome", async () => {
  const hub = await played({ partBytes: 30_000 });
  const broken = new Set<string>();
  hub.instead = ({ method, url }) => {
    const key = `${method} ${url.pathname}`;
    if (broken.has(key) || url.pathname.includes("/commit/")) return null;
    broken.add(key);
    return broken.size % 2 === 0 ? "break" : { status: 500 };
  };
  await hurried().push(request());
  expect(broken.size).toBeGreaterThan(8);
  expect(contents(hub, "maria/tuned")).toEqual(all);
});

test("a rate limit is waited for when it is short", async () => {
  const hub = await played();
  waits.length = 0;
  let refused = 0;
  hub.instead = () => (++refused <= 3 ? { status: 429, headers: { "Retry-After": "2" } } : null);
  await hurried().push(request());
  expect(waits).toEqual([2000, 2000, 2000]);
  expect(contents(hub, "maria/tuned")).toEqual(all);
});

/** Refuses requests whose path has a part. */
const at = (part: string, answer: PlayedAnswer) => (asked: PlayedRequest) =>
  asked.url.pathname.includes(part) ? answer : null;

test.each([
  ["whoami", { status: 401 }, /does not accept this token \(401\).*huggingface\.co\/settings\/tokens/],
  ["repos/create", { status: 400 }, /refuses a new repository \(400\)/],
  ["repos/create", { status: 403 }, /may not write a new repository to maria\/tuned \(403\)/],
  ["repos/create", { status: 402 }, /asks for payment for maria\/tuned \(402\)/],
  ["preupload", { status: 404 }, /has no maria\/tuned for this token \(404\)/],
  ["preupload", { status: 200, body: "[]" }, /does not know \(preupload, files\)/],
  ["preupload", { status: 200, body: '{"files":[]}' }, /does not know \(no word on config\.json\)/],
  ["preupload", { status: 200, body: "<html>" }, /does not know \(the list of files\)/],
  ["batch", { status: 403, headers: { "X-Error-Code": "GatedRepo" } }, /is gated \(403\)/],
  ["batch", { status: 200, body: '{"objects":[]}' }, /no word on model\.safetensors/],
  ["/upload/", { status: 413 }, /takes no model\.safetensors of this size \(413\)/],
  ["/upload/", { status: 400, body: "<Error><Message>checksum</Message></Error>" }, /"checksum"/],
  ["verify", { status: 404 }, /has no maria\/tuned/],
  ["/commit/", { status: 409 }, /Somebody changed maria\/tuned at the same time \(409\)/],
  ["/commit/", { status: 412 }, /at the same time \(412\)/],
  [
    "/commit/",
    { status: 400, body: '{"error":"Invalid metadata in README.md"}' },
    /check the card.*"Invalid metadata in README\.md"/,
  ],
  ["/commit/", { status: 500 }, /no answer for the commit now \(500\)/],
  ["whoami", { status: 429, headers: { "Retry-After": "240" } }, /\(429\): wait 240 s/],
  ["whoami", { status: 429, headers: { RateLimit: '"api";r=0;t=175' } }, /wait 175 s/],
  ["paths-info", { status: 200, body: "[]" }, /config\.json is missing in maria\/tuned after the push/],
  [
    "paths-info",
    { status: 200, body: '[{"path":"config.json","oid":"aa"}]' },
    /has other bytes of config\.json than Hone sent/,
  ],
] as const)("%s refused with %j", async (part, answer, message) => {
  const hub = await played();
  hub.instead = at(part, answer);
  const error = await hurried()
    .push(request())
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "PushError" });
  const text = (error as Error).message;
  expect(text).toMatch(message);
  expect(text.length).toBeLessThanOrEqual(300);
  expect(text).not.toContain(goodToken);
});

test("a card that the hub refuses is refused before anything is created or sent", async () => {
  const hub = await played();
  const bad = files.map((file) =>
    file.name === "README.md" ? { ...file, content: new Blob(["# no metadata"]) } : file,
  );
  await expect(hurried().push(request({ files: bad }))).rejects.toThrow(
    /refuses the model card \(400\): check the card.*"license" must be a string/,
  );
  expect(hub.repositories.size).toBe(0);
});

test("a token that only reads sends nothing but itself", async () => {
  const hub = await played({ role: "read" });
  await expect(hurried().push(request())).rejects.toThrow("This token can only read");
  expect(hub.requests.map(({ path }) => path)).toEqual(["/api/whoami-v2"]);
});

test.each([
  ["public", "private"],
  ["private", "public"],
] as const)("nothing goes into a repository that is %s when %s was chosen", async (found, chosen) => {
  const hub = await played();
  const pushes = hurried();
  await pushes.push(request({ visibility: found, files: [] }));
  await expect(pushes.push(request({ visibility: chosen }))).rejects.toThrow(
    `maria/tuned exists and is ${found}, and you chose ${chosen}. Nothing was sent`,
  );
  expect(contents(hub, "maria/tuned")).toEqual({});
});

test("a token that may not create writes to a repository that exists", async () => {
  const hub = await played();
  await hurried().push(request({ files: [] }));
  hub.instead = at("repos/create", { status: 403 });
  await hurried().push(request());
  expect(contents(hub, "maria/tuned")).toEqual(all);
});

test("bytes that change on their way are refused", async () => {
  const hub = await played();
  hub.instead = (asked) => {
    if (asked.method !== "PUT") return null;
    hub.instead = null;
    const body = Buffer.from(asked.body);
    body[5] = (body[5] ?? 0) ^ 1;
    return hub.answer({ ...asked, body });
  };
  await expect(hurried().push(request())).rejects.toThrow("The SHA256 you specified did not match");
  expect(hub.repositories.get("maria/tuned")?.commits).toEqual([]);
});

test("an upload address without https, or on another host with the token, is not used", async () => {
  const hub = await played();
  const batchOf = (actions: unknown) => (asked: PlayedRequest) => {
    if (!asked.url.pathname.endsWith("/batch")) return null;
    const [object] = (JSON.parse(asked.body.toString()) as { objects: { oid: string }[] }).objects;
    return { status: 200, body: JSON.stringify({ objects: [{ ...object, actions }] }) };
  };
  hub.instead = batchOf({ upload: { href: "http://plain.example/upload/1/0" } });
  await expect(hurried().push(request())).rejects.toThrow("an address for model.safetensors");
  hub.instead = batchOf({
    upload: { href: "https://storage.example/x", header: { chunk_size: "7", "00001": "https://a.b/" } },
  });
  await expect(hurried().push(request())).rejects.toThrow("parts of a large file");
  expect(hub.requests.filter(({ method }) => method === "PUT")).toEqual([]);
});

test("a push is cancelled at every request, and the next one completes", async () => {
  const hub = await played({ partBytes: 30_000 });
  const pushes = hurried();
  for (let stop = 1; ; stop++) {
    const controller = new AbortController();
    let count = 0;
    hub.instead = () => {
      if (++count === stop) controller.abort();
      return null;
    };
    const result = await pushes.push(request(), { signal: controller.signal }).catch((thrown: unknown) => thrown);
    if (count < stop) break;
    expect(result, `request ${stop}`).toMatchObject({ name: "AbortError" });
  }
  expect(contents(hub, "maria/tuned")).toEqual(all);
});
