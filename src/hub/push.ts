/**
 * Pushes files to a model repository of Hugging Face: create, preupload, large files by the LFS batch API, and one commit
 * (the protocol of huggingface_hub 1.33 and @huggingface/hub 2, with the transfers "basic" and "multipart").
 */

import * as v from "valibot";
import { cut } from "../tensor/quote.ts";
import { hubPage } from "./hubErrors.ts";
import { otherBytes, PushError, strangeAnswer, tokensPage } from "./pushErrors.ts";
import { createLargeFiles, type LargeFiles } from "./pushLarge.ts";
import { createSender, type Sender, type Wait } from "./pushSend.ts";
import { sha256OfBlob } from "./sha256.ts";

export interface PushFile {
  readonly name: string;
  readonly content: Blob;
}

export interface PushRequest {
  /** Stays in memory for this push. */
  readonly token: string;
  /** "name", of the token's owner, or "owner/name". */
  readonly repository: string;
  readonly visibility: "private" | "public";
  readonly files: readonly PushFile[];
  /** Title of the commit. */
  readonly title: string;
}

export interface Pushed {
  readonly id: string;
  /** The repository's page. */
  readonly url: string;
  /** Bytes that were sent in this push. */
  readonly sent: number;
  /** Names of files that the hub already had. */
  readonly present: readonly string[];
  /** Files that the hub lists after the commit with their hash. */
  readonly compared: number;
}

export interface PushOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a task so far, and all of them; null where they are not known. */
  onProgress?(task: string, done: number, total: number | null): void;
}

export interface Pushes {
  /**
   * Throws PushError, or the signal's reason. After a break, the same call leaves out what arrived: whole files by their hash,
   * and parts of a file while this object lives.
   */
  push(request: PushRequest, options?: PushOptions): Promise<Pushed>;
}

/** Files in one request of the preupload, batch and paths APIs. */
const filesTogether = 100;

/** A file, and how the hub stores it. */
interface Prepared extends PushFile {
  readonly large: boolean;
  /** SHA-256 of a large file, git's SHA-1 of another one. */
  readonly hash: string;
  /** The hub has this content under this name. */
  readonly present: boolean;
}

/** `wait` is the pause before another attempt; tests pass a short one. */
export function createPushes(wait?: Wait): Pushes {
  const large = createLargeFiles();
  return {
    async push(request, options = {}) {
      const { signal, onProgress = () => undefined } = options;
      const token = request.token.trim();
      // An invalid header value would be quoted in the browser's own error.
      if (!/^[\x21-\x7e]{1,4096}$/.test(token)) {
        throw new PushError(`The token has a space or a letter that no token has: copy it again from ${tokensPage}.`);
      }
      onProgress("Checking the token", 0, null);
      const id = await ownerOf(createSender(request.repository, token, signal, wait), request.repository);
      await checkCard(createSender(id, token, signal, wait), request.files);
      const real = await repository(createSender(id, token, signal, wait), id, request.visibility);
      const sender = createSender(real, token, signal, wait);
      const files = await prepare(sender, real, request.files, { signal, onProgress });
      const rest = files.filter(({ present }) => !present);
      const sent = await sendLarge(large, sender, real, rest, { signal, onProgress });
      if (rest.length > 0) {
        onProgress("Writing the commit", 0, null);
        await commit(sender, real, request.title, rest);
      }
      onProgress("Comparing with the hub", 0, null);
      await compare(sender, real, files);
      const small = rest.filter((file) => !file.large).reduce((sum, { content }) => sum + content.size, 0);
      return {
        id: real,
        url: hubPage(real),
        sent: sent + small,
        present: files.filter(({ present }) => present).map(({ name }) => name),
        compared: files.length,
      };
    },
  };
}

const whoSchema = v.object({
  name: v.string(),
  auth: v.optional(v.object({ accessToken: v.optional(v.object({ role: v.optional(v.string()) })) })),
});

/** The whole id of a repository. Throws PushError where the token can only read. */
async function ownerOf(sender: Sender, repository: string): Promise<string> {
  const { body } = await sender.json({ path: "/api/whoami-v2", what: "the token", method: "GET" });
  const who = read(whoSchema, body, "whoami-v2");
  if (who.auth?.accessToken?.role === "read") {
    throw new PushError(`This token can only read: make one with write access on ${tokensPage}.`, 403);
  }
  return repository.includes("/") ? repository : `${who.name}/${repository}`;
}

/** Throws PushError for a card whose metadata the hub would refuse at the commit, after all bytes were sent. */
async function checkCard(sender: Sender, files: readonly PushFile[]): Promise<void> {
  const card = files.find(({ name }) => name === "README.md");
  if (card === undefined) return;
  const body = JSON.stringify({ content: await card.content.text(), repoType: "model" });
  await sender.json({ path: "/api/validate-yaml", what: "the model card", method: "POST", body });
}

const infoSchema = v.object({ id: v.string(), private: v.optional(v.boolean(), false) });

/**
 * Creates the repository unless it exists; returns its id, which is the new one of a renamed repository. An existing one is used
 * only with the chosen visibility.
 */
async function repository(sender: Sender, id: string, visibility: "private" | "public"): Promise<string> {
  const [organization = "", name = ""] = id.split("/");
  let refused: PushError | null = null;
  try {
    const { status } = await sender.json({
      path: "/api/repos/create",
      what: "a new repository",
      method: "POST",
      body: JSON.stringify({ type: "model", name, organization, visibility }),
      statuses: [409],
    });
    if (status !== 409) return id;
  } catch (error) {
    // A token for one repository may not create any, but that one may exist.
    if (!(error instanceof PushError) || ![401, 402, 403].includes(error.status ?? 0)) throw error;
    refused = error;
  }
  const { status, body } = await sender.json({
    path: `/api/models/${id}`,
    what: "the description",
    method: "GET",
    ...(refused && { statuses: [401, 403, 404] }),
  });
  if (refused && status !== 200) throw refused;
  const info = read(infoSchema, body, "model");
  const found = info.private ? "private" : "public";
  if (found !== visibility) {
    throw new PushError(
      `${info.id} exists and is ${found}, and you chose ${visibility}. Nothing was sent: choose ${found}, or another name.`,
    );
  }
  return info.id;
}

const preuploadSchema = v.object({
  files: v.array(
    v.object({
      path: v.string(),
      uploadMode: v.picklist(["lfs", "regular"]),
      shouldIgnore: v.optional(v.boolean(), false),
      oid: v.optional(v.nullable(v.string()), null),
    }),
  ),
});

/** Asks how the hub stores each file, and hashes all of them. */
async function prepare(
  sender: Sender,
  id: string,
  files: readonly PushFile[],
  { signal, onProgress }: Required<Pick<PushOptions, "onProgress">> & Pick<PushOptions, "signal">,
): Promise<Prepared[]> {
  const modes = new Map<string, v.InferOutput<typeof preuploadSchema>["files"][number]>();
  for (const some of chunks(files)) {
    const described = await Promise.all(
      some.map(async ({ name, content }) => ({
        path: name,
        size: content.size,
        sample: base64(new Uint8Array(await content.slice(0, 512).arrayBuffer())),
      })),
    );
    const { body } = await sender.json({
      path: `/api/models/${id}/preupload/main`,
      what: "the list of files",
      method: "POST",
      body: JSON.stringify({ files: described }),
    });
    for (const file of read(preuploadSchema, body, "preupload").files) modes.set(file.path, file);
  }
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  let done = 0;
  const prepared: Prepared[] = [];
  for (const { name, content } of files) {
    const mode = modes.get(name);
    if (mode === undefined) throw strangeAnswer(`no word on ${cut(name)}`);
    if (mode.shouldIgnore) {
      throw new PushError(
        `.gitignore of ${id} leaves out ${cut(name)}: change that file on the hub, or choose another name.`,
      );
    }
    // The storage of large files takes no empty one.
    const isLarge = mode.uploadMode === "lfs" && content.size > 0;
    const onBytes = (bytes: number) => {
      done += bytes;
      onProgress(`Computing the hash of ${name}`, done, total);
    };
    const hash = isLarge ? await sha256OfBlob(content, { signal, onBytes }) : await gitHash(content);
    if (!isLarge) onBytes(content.size);
    prepared.push({ name, content, large: isLarge, hash, present: mode.oid === hash });
  }
  return prepared;
}

/** Sends the large files; returns the bytes that were sent. */
async function sendLarge(
  large: LargeFiles,
  sender: Sender,
  id: string,
  files: readonly Prepared[],
  { signal, onProgress }: Required<Pick<PushOptions, "onProgress">> & Pick<PushOptions, "signal">,
): Promise<number> {
  let sent = 0;
  for (const some of chunks(files.filter((file) => file.large))) {
    sent += await large.send(sender, id, some, {
      signal,
      onProgress: (name, done, total) => onProgress(`Sending ${name}`, done, total),
    });
  }
  return sent;
}

const commitSchema = v.object({ commitOid: v.string() });

async function commit(sender: Sender, id: string, title: string, files: readonly Prepared[]): Promise<void> {
  const lines: unknown[] = [{ key: "header", value: { summary: title, description: "" } }];
  for (const { name, content, large, hash } of files) {
    lines.push(
      large
        ? { key: "lfsFile", value: { path: name, algo: "sha256", oid: hash, size: content.size } }
        : {
            key: "file",
            value: { path: name, encoding: "base64", content: base64(new Uint8Array(await content.arrayBuffer())) },
          },
    );
  }
  const { body } = await sender.json({
    path: `/api/models/${id}/commit/main`,
    what: "the commit",
    method: "POST",
    type: "application/x-ndjson",
    body: lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    // A second commit could follow one whose answer was lost.
    repeatable: false,
  });
  read(commitSchema, body, "commit");
}

const pathsSchema = v.array(
  v.object({
    path: v.string(),
    size: v.optional(v.number()),
    oid: v.optional(v.string()),
    lfs: v.optional(v.nullable(v.object({ oid: v.string(), size: v.number() }))),
  }),
);

/** Throws PushError unless the hub lists each file with its hash. */
async function compare(sender: Sender, id: string, files: readonly Prepared[]): Promise<void> {
  for (const some of chunks(files)) {
    const { body } = await sender.json({
      path: `/api/models/${id}/paths-info/main`,
      what: "the list of files",
      method: "POST",
      body: JSON.stringify({ paths: some.map(({ name }) => name) }),
    });
    const listed = new Map(read(pathsSchema, body, "paths-info").map((entry) => [entry.path, entry]));
    for (const { name, hash } of some) {
      const entry = listed.get(name);
      const found = entry?.lfs?.oid ?? entry?.oid;
      if (found === undefined) throw new PushError(`${cut(name)} is missing in ${id} after the push: push again.`);
      if (found !== hash) throw otherBytes(name, found, hash);
    }
  }
}

function read<T>(schema: v.GenericSchema<unknown, T>, body: unknown, what: string): T {
  const parsed = v.safeParse(schema, body);
  if (!parsed.success) throw strangeAnswer(`${what}, ${cut(v.getDotPath(parsed.issues[0]) ?? "the whole")}`);
  return parsed.output;
}

function chunks<T>(files: readonly T[]): T[][] {
  const count = Math.ceil(files.length / filesTogether);
  return Array.from({ length: count }, (_, i) => files.slice(i * filesTogether, (i + 1) * filesTogether));
}

/** SHA-1 of a file as git stores it: "blob SIZE\0" and its bytes. The hub chooses this form for small files alone. */
async function gitHash(content: Blob): Promise<string> {
  const blob = new Blob([`blob ${content.size}\0`, content]);
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-1", await blob.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Base64 in pieces: a call has a limited number of arguments. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += 2 ** 13)
    text += String.fromCharCode(...bytes.subarray(from, from + 2 ** 13));
  return btoa(text);
}
