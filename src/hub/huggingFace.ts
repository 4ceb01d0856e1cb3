/**
 * Models on Hugging Face: parses a reference, reads the hub's public API, and opens a model's files at one commit, so
 * that a resumed fetch mixes no versions. All requests are without an account.
 */

import * as v from "valibot";
import { cut } from "../tensor/quote.ts";
import { cacheWhole } from "./bytes.ts";
import { ModelError } from "./error.ts";
import { encodePath, isModelFile, isSmallText, type ModelFiles } from "./files.ts";
import { isGguf } from "./ggufFiles.ts";
import { gatedModel, hubPage, hubRefusal, huggingFaceHost, noSuchModel, noSuchRevision } from "./hubErrors.ts";
import { parseJson } from "./json.ts";
import { readUpTo, send, withRetries } from "./request.ts";
import { bytesFromUrl, partsOfUrl } from "./url.ts";

export interface HubReference {
  /** `owner/name`. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** The model's folder in the repository: "" for its root, else a path that ends in "/". */
  readonly folder: string;
  /** The GGUF file, of several in the folder; absent where none was named. */
  readonly file?: string;
}

export interface HubFile {
  /** Without the folder. */
  readonly name: string;
  readonly byteLength: number;
  /** Whether it is on the hub's storage for large files, which sends parts. */
  readonly large: boolean;
}

/** A model's folder at one commit. */
export interface HubRepository extends HubReference {
  /** The commit, 40 hexadecimal digits. */
  readonly revision: string;
  readonly files: readonly HubFile[];
}

const hosts = [huggingFaceHost, `www.${huggingFaceHost}`, "hf.co"];
const name = "[A-Za-z0-9_-][\\w.-]*";
const typed = new RegExp(`^(${name}/${name})(?:@([\\w./-]+))?$`);

/**
 * The model that a text names: `owner/name`, `owner/name@revision`, or the address on Hugging Face of a model's page,
 * or of a folder or file in it. Null for any other text. Throws `ModelError` for an address on Hugging Face that is no
 * model's.
 */
export function hubReference(text: string): HubReference | null {
  const short = typed.exec(text.trim());
  if (short?.[1] !== undefined) return { id: short[1], revision: short[2] ?? "main", folder: "" };
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (url === null || !hosts.includes(url.host)) return null;
  const parts = url.pathname.split("/").filter((part) => part !== "");
  const [owner, model, view, revision, ...path] = parts.map(decoded);
  if (owner === "datasets" || owner === "spaces") {
    throw new ModelError(
      `${hubPage(cut(parts.join("/"), 100))} is no model but one of Hugging Face's ${owner}: enter a model like owner/name.`,
    );
  }
  if (owner === undefined || model === undefined || !typed.test(`${owner}/${model}`)) {
    throw new ModelError(
      `${url.origin}${cut(url.pathname, 100)} names no model: enter one like ${hubPage("owner/name")}.`,
    );
  }
  const isPath = view !== undefined && ["tree", "blob", "resolve", "raw"].includes(view);
  // The address of a file means its folder, and of a GGUF file itself.
  const last = path.at(-1) ?? "";
  const file = isPath && view !== "tree" && isGguf(last) ? last : undefined;
  const folders = view === "tree" || url.pathname.endsWith("/") ? path : path.slice(0, -1);
  return {
    id: `${owner}/${model}`,
    revision: isPath ? (revision ?? "main") : "main",
    folder: isPath ? folders.map((part) => `${part}/`).join("") : "",
    ...(file !== undefined && { file }),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Whether the reference will always mean the same bytes. */
export const isPinned = ({ revision }: HubReference): boolean => /^[0-9a-f]{40}$/.test(revision);

const byteLength = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The fields that Hone reads of the API's answer. */
const answerSchema = v.object({
  id: v.pipe(v.string(), v.regex(new RegExp(`^${name}/${name}$`))),
  sha: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
  private: v.optional(v.boolean(), false),
  gated: v.optional(v.union([v.literal(false), v.string()]), false),
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: v.optional(v.nullable(byteLength)),
      lfs: v.optional(v.nullable(v.object({ size: v.optional(byteLength) }))),
    }),
  ),
});

/**
 * Reads the list of a model's files, with their sizes, from the hub. Throws `ModelError` when the model is missing, private
 * or gated, or when the hub does not answer; or the signal's reason.
 */
export async function readRepository(reference: HubReference, signal?: AbortSignal): Promise<HubRepository> {
  const { id, revision, folder } = reference;
  const url = new URL(
    `https://${huggingFaceHost}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`,
  );
  const answer = await withRetries({ url, signal }, async () => {
    const response = await send(url, null, "GET", signal);
    if (response.ok) return parseAnswer(url, await readUpTo(response, url, answerLimit));
    await response.body?.cancel();
    const { status } = response;
    const refusal = hubRefusal(id, revision, response);
    if (refusal) throw refusal;
    if (status === 404) throw revision === "main" ? noSuchModel(id, status) : noSuchRevision(id, revision);
    if (status < 500)
      throw new ModelError(`Hugging Face refuses a description of "${id}" (${status}): check ${url.origin}.`);
    throw new Error(`Hugging Face has no answer for "${id}" now (${status})`);
  });
  if (answer.gated !== false) throw gatedModel(answer.id);
  const files = answer.siblings.flatMap(({ rfilename, size, lfs }): HubFile[] => {
    const inside = rfilename.startsWith(folder) ? rfilename.slice(folder.length) : "";
    const byteLength = lfs?.size ?? size;
    if (inside === "" || !isModelFile(inside) || byteLength == null) return [];
    return [{ name: inside, byteLength, large: lfs != null }];
  });
  // For a renamed model the hub returns the new name.
  return { ...reference, id: answer.id, revision: answer.sha, files };
}

/** Bytes. A description lists up to a few thousand files, with a few hundred bytes each. */
const answerLimit = 32 * 2 ** 20;

function parseAnswer(url: URL, bytes: Uint8Array<ArrayBuffer>): v.InferOutput<typeof answerSchema> {
  let json: unknown;
  try {
    json = parseJson(url.host, bytes, "strict");
  } catch (cause) {
    throw new ModelError(
      `${url.host} did not answer with JSON; perhaps this network requires a sign-in first: ` +
        "open any web page, sign in, then try again.",
      { cause },
    );
  }
  const parsed = v.safeParse(answerSchema, json);
  if (parsed.success) return parsed.output;
  const place = cut(v.getDotPath(parsed.issues[0]) ?? "the whole");
  throw new ModelError(
    `${url.host} described the model in a form that this version of Hone does not know (${place}): download the files and ` +
      "choose them here.",
  );
}

/** The address of a commit's folder, or of a GGUF file in it; it always means the same bytes. */
export function hubAddress({ id, revision, folder, file = "" }: HubReference): string {
  return `${hubPage(id)}/resolve/${encodeURIComponent(revision)}/${encodePath(folder)}${encodePath(file)}`;
}

/** The files of a repository; each is fetched when it is read. */
export function modelFromRepository(repository: HubRepository): ModelFiles {
  const place = hubPage(repository.id) + (repository.folder === "" ? "" : `/${repository.folder}`);
  const byName = new Map(repository.files.map((file) => [file.name, file]));
  const find = (name: string) => {
    const file = byName.get(name);
    if (file === undefined) throw new ModelError(`${cut(place, 120)} has no ${cut(name)}.`, { absent: true });
    return file;
  };
  return {
    name: repository.id,
    place,
    origin: hubAddress(repository),
    listing: [...byName.keys()],
    file: repository.file,
    measure: async (name) => find(name).byteLength,
    async open(name, options) {
      const { byteLength, large } = find(name);
      const url = new URL(encodePath(name), hubAddress(repository));
      if (large && !isSmallText(name)) return partsOfUrl(url, name, byteLength, options);
      const source = await bytesFromUrl(url, name, options);
      if (source.byteLength !== byteLength) {
        throw new ModelError(
          `${name} has ${source.byteLength} bytes, but Hugging Face lists it with ${byteLength}: try again later.`,
        );
      }
      // A commit never changes, so its files need no stamp.
      return { ...(isSmallText(name) ? cacheWhole(source) : source), stamp: null };
    },
  };
}
