/** Models from a network: inspected before the fetch, and fetched so that an interrupted fetch resumes. */

import * as v from "valibot";
import { tensorsOfConfig } from "../artifacts/method.ts";
import { type ModelFiles, modelFromAddress, modelFromSources } from "../hub/files.ts";
import { chooseGguf } from "../hub/gguf.ts";
import {
  type HubFile,
  hubAddress,
  hubReference,
  isPinned,
  modelFromRepository,
  readRepository,
} from "../hub/huggingFace.ts";
import { inspectFiles } from "../hub/inspect.ts";
import { type OpenModel, openModel } from "../hub/model.ts";
import type { RemoteBytes } from "../hub/url.ts";
import { defineModel } from "../models/define.ts";
import type { EngineEvent, ModelInspection, RemoteSource, UnfinishedFetch } from "../protocol/engine.ts";
import { StorageError, StorageFullError } from "../storage/errors.ts";
import { bytesStored, type FileToFetch, isWhole, type StoredFetch } from "../storage/fetches.ts";
import { freeBytes } from "../storage/quota.ts";
import type { Storage } from "../storage/storage.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { readGguf } from "./gguf.ts";
import { needsOf } from "./needs.ts";
import { progressInterval } from "./progress.ts";
import { summarySchema } from "./summary.ts";

/** A model that was fetched, or that is read from the network where there is no copy. */
export interface Fetched {
  readonly opened: OpenModel;
  readonly address: string;
  /** The complete fetch, to be stored as a model; null without a copy. */
  readonly fetch: StoredFetch | null;
  /** Why there is no copy; null when there is one. */
  readonly noCopyReason: string | null;
}

export interface Fetching {
  inspect(source: RemoteSource, signal?: AbortSignal): Promise<ModelInspection>;
  /** `check` runs before the weights are fetched, and throws for a model that Hone cannot use. */
  fetch(source: RemoteSource, check: (opened: OpenModel) => void, signal?: AbortSignal): Promise<Fetched>;
  list(): Promise<UnfinishedFetch[]>;
}

/** Where a copy does not fit, a model up to this many bytes is read from the network each time. */
const smallModel = 64e6;

const remoteSource: v.GenericSchema<unknown, RemoteSource> = v.variant("kind", [
  v.object({
    kind: v.literal("hub"),
    id: v.string(),
    revision: v.string(),
    folder: v.string(),
    file: v.exactOptional(v.string()),
  }),
  v.object({
    kind: v.literal("url"),
    base: v.string(),
    name: v.exactOptional(v.string()),
    files: v.exactOptional(v.array(v.string())),
  }),
]);

/** A remote model's files, with a source that gives the same files again. */
interface Located {
  readonly files: ModelFiles;
  readonly address: string;
  readonly source: RemoteSource;
}

const bytesFetched = (fetch: StoredFetch | null) => fetch?.files.reduce((sum, part) => sum + bytesStored(part), 0) ?? 0;
const totalBytes = (files: readonly { readonly byteLength: number }[]) =>
  files.reduce((sum, { byteLength }) => sum + byteLength, 0);

export function createFetching(storage: Storage, emit: (event: EngineEvent) => void): Fetching {
  async function locate(source: RemoteSource, signal: AbortSignal | undefined): Promise<Located> {
    const reference = source.kind === "hub" ? source : hubReference(source.base);
    if (reference === null && source.kind === "url") {
      const files = modelFromAddress(source.base, source.files);
      return { files: { ...files, name: source.name ?? files.name }, address: files.place, source };
    }
    if (reference === null) throw new TypeError("A source on the hub has a reference.");
    // An unfinished fetch has the list of files, so it resumes even when the hub's API does not answer.
    const begun = isPinned(reference) ? await storage.fetches.get(hubAddress(reference)) : null;
    const listed = begun?.files.map(({ name, byteLength }): HubFile => ({ name, byteLength, large: true }));
    const repository = listed ? { ...reference, files: listed } : await readRepository(reference, signal);
    const { id, revision, folder } = repository;
    const files = modelFromRepository(repository);
    // The chosen one of several GGUF models, so that opening it again needs no choice.
    const file = chooseGguf(files)?.name;
    const chosen = { id, revision, folder, ...(file !== undefined && { file }) };
    return {
      files: { ...files, file },
      address: hubAddress(chosen),
      source: { kind: "hub", ...chosen },
    };
  }

  /** The same files, of which the bytes of an earlier fetch are read from storage. */
  function resumed({ files, source }: Located, begun: StoredFetch): ModelFiles {
    return {
      ...files,
      async open(name, options) {
        const part = begun.files.find((file) => file.name === name);
        const stored = part ? storage.fetches.open(begun, name) : null;
        if (!part || !stored) return files.open(name, options);
        // A commit's files never change; at another address the file may be a newer version.
        if (source.kind === "hub" && isWhole(part)) return { ...stored, stamp: part.stamp };
        const remote = await files.open(name, options);
        if (remote.byteLength !== part.byteLength || stampOf(remote) !== part.stamp) return remote;
        return { ...joined(stored, remote), stamp: part.stamp };
      },
    };
  }

  const open = (files: ModelFiles, signal: AbortSignal | undefined) =>
    openModel(files, tensorsOfConfig, { signal, gguf: readGguf });

  /** Throws `StorageFullError` when the browser reports too few free bytes. */
  async function requireRoom(name: string, bytes: number): Promise<void> {
    const free = await freeBytes();
    if (free !== null && free < bytes) throw new StorageFullError(`The copy of model "${name}"`, bytes, free);
  }

  return {
    async inspect(source, signal) {
      const located = await locate(source, signal);
      const { files, address } = located;
      const begun = await storage.fetches.get(address);
      const {
        config: json,
        tensors,
        files: found,
        choices,
      } = await inspectFiles(files, tensorsOfConfig, {
        signal,
        gguf: readGguf,
      });
      const model = defineModel(json);
      const lengths = found.flatMap(({ byteLength }) => byteLength ?? []);
      const { entries } = await storage.models.list();
      const copy = entries.find(({ summary }) => {
        const parsed = v.safeParse(summarySchema, summary);
        return parsed.success && parsed.output.address === address;
      });
      return {
        source: located.source,
        name: files.name ?? files.place,
        place: files.place,
        files: found,
        choices,
        byteLength: lengths.length < found.length ? null : lengths.reduce((sum, length) => sum + length, 0),
        fetched: bytesFetched(begun),
        copyHash: copy?.hash ?? null,
        free: await freeBytes(),
        architecture: model.architecture,
        parameters: tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
        layers: model.layers.length,
        hiddenSize: model.hiddenSize,
        vocabulary: model.vocabulary,
        contextLength: model.contextLength,
        needs: needsOf(model),
      };
    },

    async fetch(source, check, signal) {
      const located = await locate(source, signal);
      const { address, files } = located;
      const begun = await storage.fetches.get(address);
      const before = bytesFetched(begun);
      let arrived = 0;
      let total: number | null = begun && totalBytes(begun.files);
      let emittedAt = Number.NEGATIVE_INFINITY;
      const emitProgress = () => {
        const done = total === null ? before + arrived : Math.min(before + arrived, total);
        emit({ type: "progress", task: `Fetching ${files.name ?? "the model"}`, done, total });
        emittedAt = performance.now();
      };
      const onReceived = (bytes: number) => {
        arrived += bytes;
        if (performance.now() - emittedAt >= progressInterval) emitProgress();
      };
      emitProgress();
      // Config, tokenizer and the headers of the weights come first, so that a bad model is refused early.
      // All of a second head is compared when the bytes are here: they would be fetched twice.
      const early = { signal, onReceived, head: "beginning" as const, gguf: readGguf };
      const opened = await openModel(begun ? resumed(located, begun) : files, tensorsOfConfig, early);
      check(opened);
      total = opened.byteLength;
      emitProgress();
      const name = opened.name;
      const plan = { address, name, source: located.source, files: opened.files.map(stamped) };
      try {
        await requireRoom(name, total - before);
        const fetch = await storage.fetches.fetch(plan, signal);
        emitProgress();
        const copies = fetch.files.flatMap((file) => storage.fetches.open(fetch, file.name) ?? []);
        const copy = await open(modelFromSources(name, copies), signal);
        return { opened: { ...copy, name, notes: notesOf(opened, copy) }, address, fetch, noCopyReason: null };
      } catch (error) {
        if (!(error instanceof StorageError) || opened.byteLength > smallModel) throw error;
        await storage.fetches.discard(address).catch(() => undefined);
        return { opened: await open(files, signal), address, fetch: null, noCopyReason: error.message };
      }
    },

    async list() {
      const { entries } = await storage.fetches.list();
      return entries.flatMap((fetch) => {
        const source = v.safeParse(remoteSource, fetch.source);
        if (!source.success) return [];
        const { address, name, startedAt } = fetch;
        const byteLength = totalBytes(fetch.files);
        return [{ address, name, source: source.output, fetched: bytesFetched(fetch), byteLength, startedAt }];
      });
    },
  };
}

/** The notes of a fetch and of its copy, each once. */
const notesOf = (fetched: OpenModel, copy: OpenModel) => [...new Set([...fetched.notes, ...copy.notes])];

const stampOf = (source: ByteSource | RemoteBytes): string | null => ("stamp" in source ? source.stamp : null);

const stamped = (source: ByteSource): FileToFetch => ({ ...source, stamp: stampOf(source) });

/** The first bytes from `start`, the rest from `rest`. */
function joined(stored: ByteSource, rest: ByteSource): ByteSource {
  return {
    name: rest.name,
    byteLength: rest.byteLength,
    async slice(start, end, signal) {
      if (end <= stored.byteLength) return stored.slice(start, end, signal);
      if (start >= stored.byteLength) return rest.slice(start, end, signal);
      const bytes = new Uint8Array(end - start);
      bytes.set(await stored.slice(start, stored.byteLength, signal));
      bytes.set(await rest.slice(stored.byteLength, end, signal), stored.byteLength - start);
      return bytes;
    },
  };
}
