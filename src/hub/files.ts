/** The files of a model in Hugging Face layout: chosen by the user, at an address, or stored in the browser. */

import { type ByteSource, requireRange } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { bytesFromBlob, cacheWhole } from "./bytes.ts";
import { listSome, ModelError } from "./error.ts";
import { isGguf } from "./ggufFiles.ts";
import { bytesFromUrl, lengthOfUrl, type OpenOptions, type RemoteBytes } from "./url.ts";

export interface ModelFiles {
  /** The folder's or repository's name; null for single files. */
  readonly name: string | null;
  /** The place of the files, as the subject of a sentence: `The folder "tiny"` or an address. */
  readonly place: string;
  /** The address of files on a network, with which a fetch can resume; null for local files. */
  readonly origin: string | null;
  /** Names of all files; null where the server has no list. */
  readonly listing: readonly string[] | null;
  /** The GGUF file that was named, of several; absent where none was. */
  readonly file?: string | undefined;
  /** Opens a file by its name. Throws `ModelError`, with `absent` when there is none. */
  open(name: string, options?: OpenOptions): Promise<ByteSource | RemoteBytes>;
  /** The length of a file in bytes without fetching it; null where a server does not send it. Throws as `open` does. */
  measure(name: string, signal?: AbortSignal): Promise<number | null>;
}

/** The only folder of a model that counts: templates besides the default one. */
const templateFolder = "additional_chat_templates";

/** Whether a path in a model's folder may be a file of the model. */
export const isModelFile = (path: string): boolean =>
  !path.includes("/") || new RegExp(`^${templateFolder}/[^/]+\\.jinja$`).test(path);

/** A file's path as part of an address. */
export const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

/** Whether a file is a small text that is read whole and more than once. */
export const isSmallText = (name: string): boolean => /\.(json|jinja)$/i.test(name);

/**
 * Files from a file or folder dialog. Where a folder contains several models, the one with the shallowest `config.json`
 * counts. Throws `ModelError` when there are no files, or two models are equally deep.
 */
export function modelFromFiles(files: readonly File[]): ModelFiles {
  if (files.length === 0)
    throw new ModelError("No file was chosen: choose the folder of a model, or all of its files.");
  const folders = new Map<string, Map<string, File>>();
  for (const file of files) {
    const path = file.webkitRelativePath || file.name;
    const folder = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
    const members = folders.get(folder) ?? new Map<string, File>();
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (members.has(name)) {
      throw new ModelError(`Two files are named ${cut(name)}: choose the files of one model only.`);
    }
    members.set(name, file);
    folders.set(folder, members);
  }
  const depth = (folder: string) => (folder === "" ? 0 : folder.split("/").length);
  const byDepth = [...folders.keys()].sort((a, b) => depth(a) - depth(b));
  const models = byDepth.filter((folder) => folders.get(folder)?.has("config.json"));
  const chosen = models[0] ?? byDepth[0] ?? "";
  const rivals = models.filter((folder) => depth(folder) === depth(chosen));
  if (rivals.length > 1) {
    throw new ModelError(`Several models were chosen (${listSome(rivals)}): choose the folder of one of them.`);
  }
  const members = [...(folders.get(chosen) ?? [])];
  const inside = [...(folders.get(chosen === "" ? templateFolder : `${chosen}/${templateFolder}`) ?? [])];
  return fromSources(
    chosen === "" ? null : chosen.slice(chosen.lastIndexOf("/") + 1),
    chosen === "" ? "The choice of files" : `The folder "${cut(chosen)}"`,
    [...members, ...inside.map(([name, file]) => [`${templateFolder}/${name}`, file] as const)].map(([name, file]) =>
      bytesFromBlob(name, file),
    ),
  );
}

/** Bytes from another store: a slice may be in any kind of buffer, and a read cannot be cancelled. */
export interface StoredBytes extends Pick<ByteSource, "name" | "byteLength"> {
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** Files from anywhere else, such as the browser's storage; `name` is the model's. */
export function modelFromSources(name: string, sources: readonly StoredBytes[]): ModelFiles {
  const adapted = sources.map(
    (source): ByteSource => ({
      name: source.name,
      byteLength: source.byteLength,
      async slice(start, end, signal) {
        signal?.throwIfAborted();
        requireRange(source, start, end);
        const bytes = await source.slice(start, end);
        signal?.throwIfAborted();
        return isUnshared(bytes) ? bytes : new Uint8Array(bytes);
      },
    }),
  );
  return fromSources(name, `The model "${cut(name)}"`, adapted);
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

function fromSources(name: string | null, place: string, sources: readonly ByteSource[]): ModelFiles {
  const byName = new Map(sources.map((source) => [source.name, source]));
  const open = async (file: string) => {
    const source = byName.get(file);
    if (source === undefined) throw new ModelError(`${cut(place, 120)} has no ${cut(file)}.`, { absent: true });
    return source;
  };
  return {
    name,
    place,
    origin: null,
    listing: [...byName.keys()],
    open,
    measure: async (file) => (await open(file)).byteLength,
  };
}

/**
 * Files at an address: `https://host/path/`, or the same with a file's name at its end, which counts for GGUF. The requests of all files have
 * its query, such as a signature. Where `known` lists the files, no other is requested. Throws `ModelError` when the
 * text is not such an address.
 */
export function modelFromAddress(address: string, known?: readonly string[]): ModelFiles {
  const { base, file: named } = baseOf(address.trim());
  const folder = base.pathname.split("/").filter((part) => part !== "");
  const place = `${base.origin}${base.pathname}${named === undefined ? "" : encodePath(named)}`;
  const urlOf = (file: string) => {
    if (known && !known.includes(file))
      throw new ModelError(`${cut(place, 120)} has no ${cut(file)}.`, { absent: true });
    const url = new URL(encodePath(file), base);
    url.search = base.search;
    return url;
  };
  return {
    name: folder.at(-1) ?? base.host,
    place,
    origin: place,
    listing: null,
    file: named,
    measure: async (file, signal) => lengthOfUrl(urlOf(file), signal),
    async open(file, options) {
      const source = await bytesFromUrl(urlOf(file), file, options);
      return isSmallText(file) ? cacheWhole(source) : source;
    },
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The folder, and the GGUF file at the end of the address. */
function baseOf(address: string): { readonly base: URL; readonly file: string | undefined } {
  let url: URL;
  try {
    url = new URL(address);
  } catch (cause) {
    throw new ModelError(
      `"${cut(address, 100)}" is no address: ` +
        "enter one like https://host/folder/ or a Hugging Face id like owner/name.",
      { cause },
    );
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new ModelError(
      `"${cut(address, 100)}" is no web address: enter one that begins with https://, or choose the files.`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new ModelError(
      `The address on ${url.host} contains a user name or password, which a page cannot send: ` +
        "download the files and choose them here.",
    );
  }
  url.hash = "";
  const last = decoded(url.pathname.slice(url.pathname.lastIndexOf("/") + 1));
  const file = isGguf(last) ? last : undefined;
  // The address of a file means its folder.
  if (/\.(json|safetensors|gguf)$/i.test(url.pathname)) url.pathname = url.pathname.replace(/[^/]*$/, "");
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return { base: url, file };
}
