/** Models that come over a network: looking before fetching, and fetching so that it can go on after a cut. */

import * as v from "valibot";
import { checkpointTensors } from "../artifacts/method.ts";
import { type ModelFiles, modelFromAddress, modelFromSources } from "../hub/files.ts";
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
import { bytesKept, type FileToFetch, isWhole, type StoredFetch } from "../storage/fetches.ts";
import { freeBytes } from "../storage/quota.ts";
import type { Storage } from "../storage/storage.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { needsOf } from "./needs.ts";
import { summarySchema } from "./summary.ts";

/** A model whose bytes are here. */
export interface Fetched {
  /** Reads from the copy; from the network where there is none. */
  readonly opened: OpenModel;
  readonly address: string;
  /** The whole fetch, to become a kept model; null without a copy. */
  readonly fetch: StoredFetch | null;
  /** Why there is no copy; null when there is one. */
  readonly unkept: string | null;
}

export interface Fetching {
  inspect(source: RemoteSource, signal?: AbortSignal): Promise<ModelInspection>;
  /** `check` sees the model before its weights are fetched, and throws for one that is no use. */
  fetch(source: RemoteSource, check: (opened: OpenModel) => void, signal?: AbortSignal): Promise<Fetched>;
  list(): Promise<UnfinishedFetch[]>;
}

/** Where the browser has no room to keep it, a model up to this size is read from the network again and again. */
const smallModel = 64e6;

/** Milliseconds between two tidings of progress. */
const tidings = 100;

const remoteSource: v.GenericSchema<unknown, RemoteSource> = v.variant("kind", [
  v.object({ kind: v.literal("hub"), id: v.string(), revision: v.string(), folder: v.string() }),
  v.object({
    kind: v.literal("url"),
    base: v.string(),
    name: v.exactOptional(v.string()),
    files: v.exactOptional(v.array(v.string())),
  }),
]);

/** A remote model's files, with the source that always means them. */
interface Located {
  readonly files: ModelFiles;
  readonly address: string;
  readonly source: RemoteSource;
}

const expected = (json: unknown) => checkpointTensors(defineModel(json));

const keptOf = (fetch: StoredFetch | null) => fetch?.files.reduce((sum, part) => sum + bytesKept(part), 0) ?? 0;
const sizeOfAll = (files: readonly { readonly byteLength: number }[]) =>
  files.reduce((sum, { byteLength }) => sum + byteLength, 0);

export function createFetching(storage: Storage, emit: (event: EngineEvent) => void): Fetching {
  async function locate(source: RemoteSource, signal: AbortSignal | undefined): Promise<Located> {
    const reference = source.kind === "hub" ? source : hubReference(source.base);
    if (reference === null && source.kind === "url") {
      const files = modelFromAddress(source.base, source.files);
      return { files: { ...files, name: source.name ?? files.name }, address: files.place, source };
    }
    if (reference === null) throw new TypeError("A source on the hub has a reference.");
    // What an unfinished fetch knows need not be asked for: it goes on though the hub's API is out of reach.
    const begun = isPinned(reference) ? await storage.fetches.get(hubAddress(reference)) : null;
    const listed = begun?.files.map(({ name, byteLength }): HubFile => ({ name, byteLength, large: true }));
    const repository = listed ? { ...reference, files: listed } : await readRepository(reference, signal);
    const { id, revision, folder } = repository;
    return {
      files: modelFromRepository(repository),
      address: hubAddress(repository),
      source: { kind: "hub", id, revision, folder },
    };
  }

  /** The same files, of which the part that an earlier fetch kept is read from there. */
  function goneOn({ files, source }: Located, begun: StoredFetch): ModelFiles {
    return {
      ...files,
      async open(name, options) {
        const part = begun.files.find((file) => file.name === name);
        const kept = part ? storage.fetches.open(begun, name) : null;
        if (!part || !kept) return files.open(name, options);
        // A commit's files never change; those of another address are asked whether they are still the same.
        if (source.kind === "hub" && isWhole(part)) return { ...kept, stamp: part.stamp };
        const remote = await files.open(name, options);
        if (remote.byteLength !== part.byteLength || stampOf(remote) !== part.stamp) return remote;
        return { ...joined(kept, remote), stamp: part.stamp };
      },
    };
  }

  const open = (files: ModelFiles, signal: AbortSignal | undefined, onReceived?: (bytes: number) => void) =>
    openModel(files, expected, { signal, onReceived });

  /** Throws `StorageFullError` when the browser says that it has no room for so many bytes more. */
  async function requireRoom(name: string, bytes: number): Promise<void> {
    const free = await freeBytes();
    if (free !== null && free < bytes) throw new StorageFullError(`The copy of model "${name}"`, bytes, free);
  }

  return {
    async inspect(source, signal) {
      const located = await locate(source, signal);
      const { files, address } = located;
      const begun = await storage.fetches.get(address);
      const { config: json, tensors, files: found } = await inspectFiles(files, expected, { signal });
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
        byteLength: lengths.length < found.length ? null : lengths.reduce((sum, length) => sum + length, 0),
        fetched: keptOf(begun),
        kept: copy?.hash ?? null,
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
      const kept = keptOf(begun);
      let arrived = 0;
      let total: number | null = begun && sizeOfAll(begun.files);
      let toldAt = Number.NEGATIVE_INFINITY;
      const tell = () => {
        const done = total === null ? kept + arrived : Math.min(kept + arrived, total);
        emit({ type: "progress", task: `Fetching ${files.name ?? "the model"}`, done, total });
        toldAt = performance.now();
      };
      const onReceived = (bytes: number) => {
        arrived += bytes;
        if (performance.now() - toldAt >= tidings) tell();
      };
      tell();
      // Config, tokenizer and the headers of the weights come first: all that can be wrong shows before the weights come.
      const opened = await open(begun ? goneOn(located, begun) : files, signal, onReceived);
      check(opened);
      total = opened.byteLength;
      tell();
      const name = opened.name;
      const plan = { address, name, source: located.source, files: opened.files.map(stamped) };
      try {
        await requireRoom(name, total - kept);
        const fetch = await storage.fetches.fetch(plan, signal);
        tell();
        const copies = fetch.files.flatMap((file) => storage.fetches.open(fetch, file.name) ?? []);
        const copy = await open(modelFromSources(name, copies), signal);
        return { opened: { ...copy, name, notes: opened.notes }, address, fetch, unkept: null };
      } catch (error) {
        if (!(error instanceof StorageError) || opened.byteLength > smallModel) throw error;
        await storage.fetches.discard(address).catch(() => undefined);
        return { opened: await open(files, signal), address, fetch: null, unkept: error.message };
      }
    },

    async list() {
      const { entries } = await storage.fetches.list();
      return entries.flatMap((fetch) => {
        const source = v.safeParse(remoteSource, fetch.source);
        if (!source.success) return [];
        const { address, name, startedAt } = fetch;
        const byteLength = sizeOfAll(fetch.files);
        return [{ address, name, source: source.output, fetched: keptOf(fetch), byteLength, startedAt }];
      });
    },
  };
}

const stampOf = (source: ByteSource | RemoteBytes): string | null => ("stamp" in source ? source.stamp : null);

const stamped = (source: ByteSource): FileToFetch => ({ ...source, stamp: stampOf(source) });

/** The first bytes from one place, the rest from another. */
function joined(kept: ByteSource, rest: ByteSource): ByteSource {
  return {
    name: rest.name,
    byteLength: rest.byteLength,
    async slice(start, end, signal) {
      if (end <= kept.byteLength) return kept.slice(start, end, signal);
      if (start >= kept.byteLength) return rest.slice(start, end, signal);
      const bytes = new Uint8Array(end - start);
      bytes.set(await kept.slice(start, kept.byteLength, signal));
      bytes.set(await rest.slice(kept.byteLength, end, signal), kept.byteLength - start);
      return bytes;
    },
  };
}
