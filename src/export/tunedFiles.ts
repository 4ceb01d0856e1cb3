/** Finds the trained weights among the files of a folder or a zip: an adapter of PEFT, a GGUF LoRA, or a whole model. */

import { bytesFromBlob } from "../hub/bytes.ts";
import { listSome } from "../hub/error.ts";
import { type ModelFiles, modelFromSources } from "../hub/files.ts";
import type { RunOrigin } from "../run/origin.ts";
import { cut } from "../tensor/quote.ts";
import { ExportError } from "./files.ts";
import { openZip } from "./openArchive.ts";
import { configName } from "./peftConfig.ts";
import { weightsName } from "./readAdapter.ts";

/** A file and its path in the folder. */
export interface ForeignFile {
  readonly path: string;
  open(): Promise<Blob>;
}

export interface TunedFolder {
  readonly format: RunOrigin["format"];
  /** The folder's name, or the GGUF file's. */
  readonly name: string;
  /** The files of its folder, without those in folders below. */
  readonly files: ModelFiles;
}

const folderOf = (path: string) => path.slice(0, Math.max(path.lastIndexOf("/"), 0));
const fileOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
const depthOf = (folder: string) => (folder === "" ? 0 : folder.split("/").length);

/** The files that weights, config or templates may be in; the others, such as an optimizer's state, are not opened. */
const isRead = (file: string) => /\.(safetensors|json|jinja|gguf)$/i.test(file);

/**
 * The weights of the shallowest folder that has some; an adapter counts before a whole model. A zip alone is opened. Throws
 * ExportError where there are none, or where two folders are equally deep.
 */
export async function findTuned(
  name: string,
  given: readonly ForeignFile[],
  signal?: AbortSignal,
): Promise<TunedFolder> {
  const [only] = given;
  if (only && given.length === 1 && /\.zip$/i.test(only.path)) {
    const entries = await openZip(fileOf(only.path), await only.open(), signal);
    const inside = entries.filter(({ name: path }) => !path.startsWith("__MACOSX/"));
    const zipName = fileOf(only.path).replace(/\.zip$/i, "");
    return findTuned(
      zipName,
      inside.filter(({ name: path }) => !/\.zip$/i.test(path)).map(({ name: path, open }) => ({ path, open })),
      signal,
    );
  }
  const folders = new Map<string, ForeignFile[]>();
  for (const file of given) folders.set(folderOf(file.path), [...(folders.get(folderOf(file.path)) ?? []), file]);
  const has = (folder: string, wanted: (file: string) => boolean) =>
    folders.get(folder)?.some(({ path }) => wanted(fileOf(path))) ?? false;
  const forms: readonly (readonly [RunOrigin["format"], (folder: string) => boolean])[] = [
    ["peft", (folder) => has(folder, (file) => file === configName || file === weightsName)],
    ["gguf", (folder) => has(folder, (file) => /\.gguf$/i.test(file))],
    ["model", (folder) => has(folder, (file) => file === "config.json")],
  ];
  for (const [format, isForm] of forms) {
    const all = [...folders.keys()].filter(isForm).sort((a, b) => depthOf(a) - depthOf(b));
    const [folder] = all;
    if (folder === undefined) continue;
    const rivals = all.filter((other) => depthOf(other) === depthOf(folder));
    if (rivals.length > 1) {
      throw new ExportError(`${cut(name)} has several of them (${listSome(rivals)}): choose one of these folders.`);
    }
    return openFolder(format, name, folder, folders.get(folder) ?? []);
  }
  throw new ExportError(
    `${cut(name)} has no adapter and no model: choose a folder or zip with ${configName} and ${weightsName}, a whole model, or a GGUF LoRA.`,
  );
}

async function openFolder(
  format: RunOrigin["format"],
  name: string,
  folder: string,
  files: readonly ForeignFile[],
): Promise<TunedFolder> {
  const names = files.map(({ path }) => fileOf(path));
  if (format === "peft") requirePeft(name, names);
  const ggufs = names.filter((file) => /\.gguf$/i.test(file));
  if (format === "gguf" && ggufs.length > 1) {
    throw new ExportError(`${cut(name)} has several GGUF files (${listSome(ggufs)}): choose one of them.`);
  }
  const wanted = files.filter(({ path }) => isRead(path) && (format === "gguf" || !/\.gguf$/i.test(path)));
  const sources = await Promise.all(wanted.map(async ({ path, open }) => bytesFromBlob(fileOf(path), await open())));
  const own = format === "gguf" ? (ggufs[0] ?? name) : folder === "" ? name : fileOf(folder);
  return { format, name: own, files: modelFromSources(own, sources) };
}

function requirePeft(name: string, names: readonly string[]): void {
  const missing = [configName, weightsName].find((file) => !names.includes(file));
  if (missing === undefined) return;
  if (missing === weightsName && names.includes("adapter_model.bin")) {
    throw new ExportError(
      `${cut(name)} has adapter_model.bin, a pickle of PyTorch: save the adapter as safetensors (save_pretrained does so by default).`,
    );
  }
  throw new ExportError(`${cut(name)} has no ${missing}: choose both files of the adapter, or its folder.`);
}
