/**
 * Hugging Face for a push, played strictly: it refuses what the real hub refuses (a wrong token, name, hash, size, part, ETag or
 * key), stores what it takes, and records each request. A test server or the browser's router sends its answers.
 * Oracle of its form: huggingface_hub's own client pushes to it (tests/unit/hub/pushOracle.test.ts).
 */

import { createHash } from "node:crypto";

export const goodToken = "hf_playedPlayedPlayedPlayedPlayed01";

export interface PlayedRequest {
  readonly method: string;
  readonly url: URL;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface PlayedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface PlayedFile {
  readonly bytes: Buffer;
  readonly lfs: boolean;
}

interface PlayedRepository {
  private: boolean;
  readonly files: Map<string, PlayedFile>;
  readonly commits: { readonly oid: string; readonly title: string; readonly paths: readonly string[] }[];
}

interface Upload {
  readonly oid: string;
  readonly size: number;
  readonly parts: Map<number, Buffer>;
}

export interface PushHubOptions {
  /** Origin of the hub's own addresses. */
  readonly hub?: string;
  /** Origin of its storage. */
  readonly storage?: string;
  /** Bytes from which a large file goes in parts, and of each part. */
  readonly partBytes?: number;
  readonly role?: "write" | "read" | "fineGrained";
  /** Whether the hub asks for verification after an upload. */
  readonly verifies?: boolean;
}

export interface PushHub {
  readonly repositories: Map<string, PlayedRepository>;
  /** Large files in the storage, by SHA-256. */
  readonly stored: Map<string, Buffer>;
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly authorization: string | null;
    readonly text: string;
  }[];
  /** Bytes that its storage received. */
  received: number;
  /** Answers a request instead of the hub; null lets the hub answer. "break" ends the connection without an answer. */
  instead: ((request: PlayedRequest) => PlayedAnswer | "break" | null) | null;
  /** Ends every signed address. */
  expire(): void;
  answer(request: PlayedRequest): PlayedAnswer | "break";
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const gitSha = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): PlayedAnswer => ({
  status,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const refused = (status: number, error: string, code = ""): PlayedAnswer =>
  json({ error }, status, { ...(code !== "" && { "X-Error-Code": code }), "X-Error-Message": error });

/** The owners that the played token may write for. */
const owners = ["maria", "her-team"];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(body: Buffer): Record<string, unknown> {
  const value: unknown = JSON.parse(body.toString("utf8"));
  if (!isObject(value)) throw new Error("The body is no object.");
  return value;
}

const listOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isObject) : []);

export function createPushHub({
  hub = "https://huggingface.co",
  storage = "https://storage.example",
  partBytes = 2 ** 40,
  role = "write",
  verifies = true,
}: PushHubOptions = {}): PushHub {
  const repositories = new Map<string, PlayedRepository>();
  const stored = new Map<string, Buffer>();
  const requests: PushHub["requests"] = [];
  const uploads = new Map<string, Upload>();
  let uploadCount = 0;

  function create(body: Buffer): PlayedAnswer {
    const { type, name, organization, visibility, ...rest } = parse(body);
    if ((type ?? "model") !== "model" || typeof name !== "string" || Object.keys(rest).length > 0)
      return refused(400, "Invalid payload");
    if (visibility !== "private" && visibility !== "public")
      return refused(400, '"visibility" must be one of [public, private]');
    const owner = organization ?? "maria";
    if (typeof owner !== "string" || !owners.includes(owner)) {
      return refused(403, `You don't have the rights to create a model under the namespace "${String(owner)}"`);
    }
    if (!/^[\w.-]{1,96}$/.test(name) || /--|\.\.|^[.-]|[.-]$|\.git$/.test(name))
      return refused(400, "Invalid repo name");
    const id = `${owner}/${name}`;
    if (repositories.has(id)) return json({ error: "You already created this model repo", url: `${hub}/${id}` }, 409);
    repositories.set(id, { private: visibility === "private", files: new Map(), commits: [] });
    return json({ url: `${hub}/${id}`, id, name: id });
  }

  function preupload(repository: PlayedRepository, body: Buffer): PlayedAnswer {
    const files = [];
    for (const { path, size, sample } of listOf(parse(body).files)) {
      if (typeof path !== "string" || typeof size !== "number" || typeof sample !== "string")
        return refused(400, "Invalid file");
      if (Buffer.from(sample, "base64").length !== Math.min(size, 512)) return refused(400, "Invalid sample");
      const found = repository.files.get(path);
      const lfs = /\.(?:safetensors|gguf|onnx|bin)$/.test(path) || size > 10 * 2 ** 20;
      const oid = found && (found.lfs ? sha256(found.bytes) : gitSha(found.bytes));
      files.push({ path, uploadMode: lfs ? "lfs" : "regular", shouldIgnore: false, ...(oid && { oid }) });
    }
    return json({ files });
  }

  function batch(id: string, { headers, body }: PlayedRequest): PlayedAnswer {
    // huggingface_hub sends its JSON under this type too.
    if (!/^application\/vnd\.git-lfs\+json/.test(headers.accept ?? "")) return refused(406, "Not acceptable");
    const { operation, transfers, hash_algo: algorithm, objects } = parse(body);
    if (operation !== "upload" || !Array.isArray(transfers) || !transfers.includes("basic"))
      return refused(422, "No transfer");
    if (algorithm !== "sha256" && algorithm !== "sha_256") return refused(409, "Unknown hash algorithm");
    const answers = listOf(objects).map(({ oid, size }) => {
      if (typeof oid !== "string" || !/^[0-9a-f]{64}$/.test(oid) || typeof size !== "number" || size <= 0)
        return { oid, size, error: { code: 422, message: "Invalid object" } };
      if (stored.has(oid)) return { oid, size };
      const number = ++uploadCount;
      const verify = { href: `${hub}/api/complete/verify/${id}` };
      const address = (part: number) => {
        uploads.set(`${number}/${part}`, upload);
        return `${storage}/upload/${number}/${part}?X-Amz-Signature=${number}`;
      };
      const upload: Upload = { oid, size, parts: new Map() };
      if (size <= partBytes)
        return {
          oid,
          size,
          authenticated: true,
          actions: { upload: { href: address(0) }, ...(verifies && { verify }) },
        };
      const count = Math.ceil(size / partBytes);
      const header: Record<string, string> = { chunk_size: String(partBytes) };
      for (let part = 1; part <= count; part++) header[String(part).padStart(5, "0")] = address(part);
      uploads.set(`complete/${number}`, upload);
      const href = `${hub}/api/complete/multipart/${number}`;
      return { oid, size, authenticated: true, actions: { upload: { href, header }, ...(verifies && { verify }) } };
    });
    return json({ transfer: partBytes < 2 ** 40 ? "multipart" : "basic", objects: answers });
  }

  /** The storage: it takes bytes for a signed address, and refuses a request with a token. */
  function put({ url, headers, body }: PlayedRequest): PlayedAnswer {
    const [, number = "", part = ""] = /^\/upload\/(\d+)\/(\d+)$/.exec(url.pathname) ?? [];
    const upload = uploads.get(`${number}/${part}`);
    const message = (status: number, text: string) => ({ status, body: `<Error><Message>${text}</Message></Error>` });
    if (headers.authorization !== undefined) return message(400, "Only one auth mechanism allowed");
    if (headers["content-type"] !== undefined) return message(403, "The request signature does not match");
    if (upload === undefined || url.searchParams.get("X-Amz-Signature") !== number)
      return message(403, "Request has expired");
    if (body.length === 0) return message(501, "A header you provided implies functionality that is not implemented");
    received(body.length);
    const index = Number(part);
    if (index === 0) {
      if (sha256(body) !== upload.oid) return message(400, "The SHA256 you specified did not match what we received");
      stored.set(upload.oid, body);
    } else upload.parts.set(index, body);
    return { status: 200, headers: { ETag: `"${createHash("md5").update(body).digest("hex")}"` } };
  }

  function complete(number: string, body: Buffer): PlayedAnswer {
    const upload = uploads.get(`complete/${number}`);
    if (upload === undefined) return refused(403, "Request has expired");
    const { oid, parts } = parse(body);
    if (oid !== upload.oid) return refused(400, "Wrong oid");
    const pieces = listOf(parts).map(({ partNumber, etag }, i) => {
      const piece = upload.parts.get(Number(partNumber));
      const right = piece && partNumber === i + 1 && etag === `"${createHash("md5").update(piece).digest("hex")}"`;
      return right ? piece : null;
    });
    if (pieces.length !== Math.ceil(upload.size / partBytes) || pieces.includes(null))
      return refused(400, "Invalid parts");
    const whole = Buffer.concat(pieces.flatMap((piece) => (piece === null ? [] : [piece])));
    if (sha256(whole) !== upload.oid) return refused(400, "The SHA256 you specified did not match what we received");
    stored.set(upload.oid, whole);
    return json({ success: true });
  }

  function validate(body: Buffer): PlayedAnswer {
    const { content, repoType } = parse(body);
    if (repoType !== "model" || typeof content !== "string") return refused(400, "Invalid payload");
    const errors = /^---\n[\s\S]*?\n---\n/.test(content) ? [] : [{ message: '"license" must be a string' }];
    return json({ errors, warnings: [] }, errors.length > 0 ? 400 : 200);
  }

  function verify(body: Buffer): PlayedAnswer {
    const { oid, size } = parse(body);
    const found = stored.get(String(oid));
    return found && found.length === size ? json({}) : refused(404, "Object not found");
  }

  function commit(id: string, repository: PlayedRepository, { headers, body }: PlayedRequest): PlayedAnswer {
    if (!/^application\/x-ndjson/.test(headers["content-type"] ?? "")) return refused(415, "Unsupported media type");
    const lines = body
      .toString("utf8")
      .trimEnd()
      .split("\n")
      .map((line) => parse(Buffer.from(line)));
    const [header, ...operations] = lines;
    if (header?.key !== "header" || !isObject(header.value) || !header.value.summary)
      return refused(400, "The commit has no summary");
    const staged = new Map<string, PlayedFile>();
    for (const { key, value } of operations) {
      if (!isObject(value) || typeof value.path !== "string" || /^\/|(?:^|\/)\.\.?(?:\/|$)/.test(value.path))
        return refused(400, "Invalid path");
      if (key === "lfsFile") {
        const bytes = stored.get(String(value.oid));
        if (value.algo !== "sha256" || bytes === undefined || bytes.length !== value.size)
          return refused(400, `Your push was rejected because the LFS pointer of ${value.path} has no object`);
        staged.set(value.path, { bytes, lfs: true });
      } else if (key === "file" && value.encoding === "base64" && typeof value.content === "string") {
        const bytes = Buffer.from(value.content, "base64");
        if (/\.(?:safetensors|gguf)$/.test(value.path)) return refused(400, "Your push was rejected: use LFS");
        if (value.path === "README.md" && !/^---\n[\s\S]*?\n---\n/.test(bytes.toString("utf8")))
          return refused(400, "Invalid metadata in README.md.");
        staged.set(value.path, { bytes, lfs: false });
      } else return refused(400, `Unknown operation ${String(key)}`);
    }
    for (const [path, file] of staged) repository.files.set(path, file);
    const oid = gitSha(Buffer.from(`${id} ${repository.commits.length}`));
    repository.commits.push({ oid, title: String(header.value.summary), paths: [...staged.keys()] });
    return json({ success: true, commitOid: oid, commitUrl: `${hub}/${id}/commit/${oid}`, hookOutput: "" });
  }

  function pathsInfo(repository: PlayedRepository, body: Buffer): PlayedAnswer {
    const wanted = parse(body).paths;
    const paths = Array.isArray(wanted) ? wanted.map(String) : [String(wanted)];
    return json(
      paths.flatMap((path) => {
        const file = repository.files.get(path);
        if (!file) return [];
        const { bytes, lfs } = file;
        // A large file's own oid is that of its pointer.
        const pointer = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 };
        const oid = lfs ? gitSha(Buffer.from(pointer.oid)) : gitSha(bytes);
        return [{ type: "file", path, size: bytes.length, oid, ...(lfs && { lfs: pointer }) }];
      }),
    );
  }

  function own(request: PlayedRequest): PlayedAnswer {
    const { method, url, headers, body } = request;
    const path = decodeURIComponent(url.pathname);
    if (url.origin === new URL(storage).origin && path.startsWith("/upload/")) {
      return method === "PUT" ? put(request) : refused(405, "Method not allowed");
    }
    const completion = /^\/api\/complete\/multipart\/(\d+)$/.exec(path);
    if (completion) return complete(completion[1] ?? "", body);
    if (headers.authorization !== `Bearer ${goodToken}`) return refused(401, "Invalid username or password.");
    if (path === "/api/whoami-v2")
      return json({
        type: "user",
        name: "maria",
        orgs: [{ name: "her-team" }],
        auth: { type: "access_token", accessToken: { role } },
      });
    if (method === "POST" && role === "read") return refused(403, "Forbidden: you must use a write token");
    if (path === "/api/repos/create") return create(body);
    if (path === "/api/validate-yaml") return validate(body);
    if (path.startsWith("/api/complete/verify/")) return verify(body);
    const lfs = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    const api = /^\/api\/models\/([^/]+\/[^/]+?)(?:\/(preupload|commit|paths-info|revision)\/main)?$/.exec(path);
    const id = lfs?.[1] ?? api?.[1] ?? "";
    const repository = repositories.get(id);
    if (!repository) return refused(404, "Repository not found", "RepoNotFound");
    if (lfs) return batch(id, request);
    switch (api?.[2]) {
      case "preupload":
        return preupload(repository, body);
      case "commit":
        return commit(id, repository, request);
      case "paths-info":
        return pathsInfo(repository, body);
      default:
        return json({
          id,
          private: repository.private,
          sha: repository.commits.at(-1)?.oid ?? "0".repeat(40),
          siblings: [],
        });
    }
  }

  const received = (bytes: number) => {
    played.received += bytes;
  };
  const played: PushHub = {
    repositories,
    stored,
    requests,
    received: 0,
    instead: null,
    expire: () => uploads.clear(),
    answer(request) {
      requests.push({
        method: request.method,
        path: request.url.pathname + request.url.search,
        authorization: request.headers.authorization ?? null,
        text: request.body.toString("latin1"),
      });
      return played.instead?.(request) ?? own(request);
    },
  };
  return played;
}
