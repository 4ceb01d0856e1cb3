/** Large files of a push: the LFS batch API says where each one goes, as one body or in parts. */

import * as v from "valibot";
import { cut } from "../tensor/quote.ts";
import { PushError, refusal, strangeAnswer } from "./pushErrors.ts";
import { lfsType, type Sender } from "./pushSend.ts";

interface LargeFile {
  readonly name: string;
  readonly content: Blob;
  /** SHA-256. */
  readonly hash: string;
}

export interface LargeFiles {
  /** Sends what the hub lacks; resolves with the bytes that were sent. Throws PushError, or the signal's reason. */
  send(
    sender: Sender,
    id: string,
    files: readonly LargeFile[],
    options: {
      readonly signal: AbortSignal | undefined;
      onProgress(name: string, done: number, total: number): void;
    },
  ): Promise<number>;
}

const actionSchema = v.object({
  href: v.pipe(v.string(), v.url()),
  header: v.optional(v.nullable(v.record(v.string(), v.unknown()))),
});
type Action = v.InferOutput<typeof actionSchema>;

const batchSchema = v.object({
  objects: v.array(
    v.object({
      oid: v.string(),
      error: v.optional(v.object({ code: v.number(), message: v.optional(v.string(), "") })),
      actions: v.optional(v.nullable(v.object({ upload: v.optional(actionSchema), verify: v.optional(actionSchema) }))),
    }),
  ),
});

/** Addresses of a file's parts, and the ETag of each part that arrived. */
interface Parts {
  readonly partBytes: number;
  readonly urls: readonly URL[];
  readonly complete: URL;
  readonly etags: (string | null)[];
}

export function createLargeFiles(): LargeFiles {
  /** Files of which only some parts arrived, by repository and hash. */
  const unfinished = new Map<string, Parts>();

  async function batch(sender: Sender, id: string, files: readonly LargeFile[]) {
    const objects = Array.from(new Map(files.map(({ hash, content }) => [hash, content.size])), ([oid, size]) => ({
      oid,
      size,
    }));
    const { body } = await sender.json({
      path: `/${id}.git/info/lfs/objects/batch`,
      what: "the list of large files",
      method: "POST",
      type: lfsType,
      body: JSON.stringify({
        operation: "upload",
        transfers: ["basic", "multipart"],
        hash_algo: "sha256",
        ref: { name: "main" },
        objects,
      }),
    });
    const parsed = v.safeParse(batchSchema, body);
    if (!parsed.success) throw strangeAnswer(`batch, ${cut(v.getDotPath(parsed.issues[0]) ?? "the whole")}`);
    return new Map(parsed.output.objects.map((object) => [object.oid, object]));
  }

  return {
    async send(sender, id, files, { signal, onProgress }) {
      const objects = await batch(sender, id, files);
      const needed = new Map<string, LargeFile>();
      for (const file of files) {
        const object = objects.get(file.hash);
        if (object === undefined) throw strangeAnswer(`no word on ${cut(file.name)}`);
        const { error } = object;
        if (error) {
          throw refusal(id, cut(file.name), { status: error.code, code: "", said: error.message, waitSeconds: null });
        }
        if (object.actions?.upload) needed.set(file.hash, file);
      }
      const keyOf = (hash: string) => `${id} ${hash}`;
      const total = Array.from(
        needed.values(),
        ({ hash, content }) => content.size - bytesIn(unfinished.get(keyOf(hash)), content.size),
      ).reduce((sum, size) => sum + size, 0);
      let done = 0;

      for (const [hash, file] of needed) {
        signal?.throwIfAborted();
        const { name, content } = file;
        const actions = objects.get(hash)?.actions;
        const upload = actions?.upload;
        if (upload === undefined) continue;
        const begun = done;
        const onSent = (bytes: number) => {
          done = begun + bytes;
          onProgress(name, done, total);
        };
        const fresh = partsOf(upload, content.size);
        if (fresh === null) {
          await sender.put(new URL(upload.href), { what: name, content, onSent });
          await verify(sender, actions?.verify, file);
          continue;
        }
        const key = keyOf(hash);
        const old = unfinished.get(key);
        const parts = old ?? fresh;
        unfinished.set(key, parts);
        try {
          await sendParts(sender, file, parts, onSent, signal);
        } catch (error) {
          // The addresses of an earlier push expire; the storage then refuses them.
          if (old === undefined || !(error instanceof PushError) || error.status === null || error.status >= 500)
            throw error;
          unfinished.set(key, fresh);
          done = begun;
          await sendParts(sender, file, fresh, onSent, signal);
        }
        await verify(sender, actions?.verify, file);
        unfinished.delete(key);
      }
      return done;
    },
  };
}

/** The addresses of a file's parts; null for one body. Throws PushError where their number does not fit the size. */
function partsOf({ href, header }: Action, byteLength: number): Parts | null {
  if (header?.chunk_size === undefined) return null;
  const partBytes = Number(header.chunk_size);
  const urls = Object.keys(header)
    .filter((key) => /^\d+$/.test(key))
    .sort((a, b) => Number(a) - Number(b))
    .map((key) => String(header[key]));
  const fits = Number.isSafeInteger(partBytes) && partBytes > 0 && urls.length === Math.ceil(byteLength / partBytes);
  if (!fits || !urls.every((url) => URL.canParse(url))) throw strangeAnswer("parts of a large file");
  return {
    partBytes,
    urls: urls.map((url) => new URL(url)),
    complete: new URL(href),
    etags: urls.map(() => null),
  };
}

/** Bytes of the parts that arrived. */
function bytesIn(parts: Parts | undefined, byteLength: number): number {
  const size = (i: number) => Math.min(parts?.partBytes ?? 0, byteLength - i * (parts?.partBytes ?? 0));
  return parts?.etags.reduce((sum, etag, i) => sum + (etag === null ? 0 : size(i)), 0) ?? 0;
}

async function sendParts(
  sender: Sender,
  { name, content, hash }: LargeFile,
  parts: Parts,
  onSent: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { partBytes, urls, etags, complete } = parts;
  let sent = 0;
  for (const [i, url] of urls.entries()) {
    signal?.throwIfAborted();
    if (etags[i] !== null) continue;
    const part = content.slice(i * partBytes, (i + 1) * partBytes);
    const etag = await sender.put(url, {
      what: `part ${i + 1} of ${urls.length} of ${name}`,
      content: part,
      onSent: (bytes) => onSent(sent + bytes),
    });
    if (etag === "") throw strangeAnswer(`no ETag for a part of ${cut(name)}`);
    etags[i] = etag;
    sent += part.size;
  }
  await sender.json({
    path: complete,
    what: name,
    method: "POST",
    type: lfsType,
    body: JSON.stringify({ oid: hash, parts: etags.map((etag, i) => ({ partNumber: i + 1, etag })) }),
  });
}

async function verify(sender: Sender, action: Action | undefined, { name, content, hash }: LargeFile): Promise<void> {
  if (action === undefined) return;
  await sender.json({
    path: new URL(action.href),
    what: name,
    method: "POST",
    body: JSON.stringify({ oid: hash, size: content.size }),
  });
}
