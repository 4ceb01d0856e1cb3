/** The models that are open or stored in this browser: from files, fetched, or copies. */

import * as v from "valibot";
import { tensorsOfConfig } from "../artifacts/method.ts";
import { type ModelFiles, modelFromFiles, modelFromSources } from "../hub/files.ts";
import type { HalfCount } from "../hub/half.ts";
import type { HeadCheck } from "../hub/matched.ts";
import { type OpenModel, openModel } from "../hub/model.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { type CatalogueModel, catalogue } from "../models/catalogue.ts";
import { defineModel } from "../models/define.ts";
import type { TokenizerFiles } from "../protocol/datasets.ts";
import type {
  CatalogueEntry,
  EngineEvent,
  ModelDetails,
  ModelInspection,
  ModelSource,
  ModelSummary,
  RemoteSource,
  UnfinishedFetch,
} from "../protocol/engine.ts";
import { StorageError } from "../storage/errors.ts";
import type { Storage } from "../storage/storage.ts";
import { createTokenizer } from "../tokenizer/tokenizer.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import { untilAborted } from "../training/control.ts";
import { createFetching, type Fetched } from "./fetching.ts";
import { readGguf } from "./gguf.ts";
import { createHalfSum, halfNotes, sumHalf } from "./half.ts";
import { countModel } from "./needs.ts";
import { progressEvents } from "./progress.ts";
import { detail, summarise, summarySchema } from "./summary.ts";

export interface LoadedModel {
  readonly summary: ModelSummary;
  readonly definition: ModelDefinition;
  readonly vocabulary: Vocabulary;
  /** For the dataset service, the only place where a tokenizer runs: a stranger's pattern may never end. */
  readonly files: TokenizerFiles;
  /** Its files as they were opened. */
  readonly opened: OpenModel;
}

export interface Library {
  inspect(source: RemoteSource, signal?: AbortSignal): Promise<ModelInspection>;
  openModel(source: ModelSource, signal?: AbortSignal): Promise<LoadedModel>;
  /** The model of this hash. Throws when it is neither open nor stored, and the signal's reason when cancelled. */
  model(hash: string, signal?: AbortSignal): Promise<LoadedModel>;
  listModels(): Promise<ModelSummary[]>;
  deleteModel(hash: string): Promise<void>;
  /**
   * Numbers of the model's matrices that float16 cannot have. Reads them where an earlier version stored the model. Throws as
   * `model` does, and the signal's reason.
   */
  half(hash: string, signal?: AbortSignal): Promise<HalfCount>;
  /** Throws as `model` does. */
  details(hash: string): Promise<ModelDetails>;
  listFetches(): Promise<UnfinishedFetch[]>;
  discardFetch(address: string): Promise<void>;
  catalogue(): CatalogueEntry[];
}

type Head = Pick<LoadedModel, "definition" | "vocabulary">;

const modelTypeOf = ({ config }: OpenModel): string | null => {
  const { model_type } = Object(config);
  return typeof model_type === "string" ? model_type : null;
};

export function createLibrary(storage: Storage, emit: (event: EngineEvent) => void): Library {
  const models = new Map<string, LoadedModel>();
  /** Copies that are being opened, so that two calls open the same copy once. */
  const opening = new Map<string, Promise<LoadedModel | null>>();
  const fetching = createFetching(storage, emit);
  const progress = (task: string) => progressEvents(emit, task);

  const open = (files: ModelFiles, signal: AbortSignal | undefined, head: HeadCheck = "all") =>
    openModel(files, tensorsOfConfig, { head, gguf: readGguf, ...(signal && { signal }) });

  /** The parts of a model that do not need its weights. Throws when tokenizer and config do not match. */
  function readHead(opened: OpenModel): Head {
    const definition = defineModel(opened.config, { untied: opened.untied });
    // This tokenizer is only checked: its patterns run in the dataset service.
    const vocabulary: Vocabulary = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig, {
      modelType: modelTypeOf(opened),
    });
    // A token that was only added is refused when a text has it: Gemma 3's text models have one such token.
    const needed = Math.max(vocabulary.ownSize - 1, vocabulary.bos?.id ?? 0, vocabulary.eos?.id ?? 0);
    if (needed >= definition.vocabulary) {
      throw new Error(
        `tokenizer.json has ids up to ${needed}, but config.json has a vocab_size of ${definition.vocabulary}: take both from the same model.`,
      );
    }
    return { definition, vocabulary };
  }

  function remember(opened: OpenModel, head: Head, summary: ModelSummary): LoadedModel {
    const { tokenizerJson, tokenizerConfig, chatTemplate } = opened;
    const files: TokenizerFiles = {
      modelHash: summary.hash,
      tokenizerJson,
      tokenizerConfig,
      chatTemplate,
      contextLength: summary.contextLength,
      vocabulary: head.definition.vocabulary,
      modelType: modelTypeOf(opened),
    };
    const loaded = { ...head, summary, files, opened };
    models.set(summary.hash, loaded);
    return loaded;
  }

  async function openStored(hash: string): Promise<LoadedModel | null> {
    const entry = await storage.models.get(hash);
    const files = entry && (await storage.models.open(hash));
    if (!entry || !files) return null;
    const summary = v.safeParse(summarySchema, entry.summary);
    // Runs of an earlier version trained this copy as its config says, whatever head its files have.
    const check: HeadCheck = summary.success && !summary.output.untied ? "tied" : "all";
    const opened = await open(modelFromSources(entry.name, files), undefined, check);
    const head = readHead(opened);
    const known = { hash, half: null, stored: true, notes: [], address: null };
    return remember(opened, head, summary.success ? summary.output : summarise(opened, head.definition, known));
  }

  async function readAll(opened: OpenModel, signal: AbortSignal | undefined) {
    const { add, sum } = createHalfSum();
    const hash = await opened.readAll({ onPiece: add, onProgress: progress("Checking the model"), signal });
    const half = sum();
    return { hash, half, notes: [...opened.notes, ...halfNotes(half)] };
  }

  /** Adds an open model without a copy, with a note that gives the reason. */
  function withoutCopy(
    opened: OpenModel,
    head: Head,
    checked: Pick<ModelSummary, "hash" | "half" | "notes">,
    address: string | null,
    reason: string,
  ): LoadedModel {
    const note = `No copy is kept in this browser, so after a reload the model has to be opened again. ${reason}`;
    const known = { ...checked, stored: false, notes: [...checked.notes, note], address };
    return remember(opened, head, summarise(opened, head.definition, known));
  }

  /** Checks the files and copies them into this browser; with a full disk the model opens without a copy. */
  async function openHere(files: ModelFiles, signal: AbortSignal | undefined): Promise<LoadedModel> {
    const opened = await open(files, signal);
    const head = readHead(opened);
    const checked = await readAll(opened, signal);
    const { hash } = checked;
    const { name } = opened;
    const summary = summarise(opened, head.definition, { ...checked, stored: true, address: null });
    try {
      const options = { onProgress: progress("Keeping a copy of the model"), ...(signal && { signal }) };
      await storage.models.save({ hash, name, summary, files: opened.files }, options);
      return remember(opened, head, summary);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return withoutCopy(opened, head, checked, null, error.message);
    }
  }

  /** Stores the bytes as they arrive; when they are complete and checked, they become a model. */
  async function openRemote(source: RemoteSource, signal: AbortSignal | undefined): Promise<LoadedModel> {
    const fetched: Fetched = await fetching.fetch(source, readHead, signal);
    const { opened, address, fetch, noCopyReason } = fetched;
    const head = readHead(opened);
    const checked = await readAll(opened, signal);
    const { hash } = checked;
    if (fetch === null) return withoutCopy(opened, head, checked, address, noCopyReason ?? "");
    const summary = summarise(opened, head.definition, { ...checked, stored: true, address });
    await storage.fetches.finish(fetch, { hash, name: opened.name, summary });
    return remember(opened, head, summary);
  }

  return {
    inspect: (source, signal) => fetching.inspect(source, signal),

    async openModel(source, signal) {
      if (source.kind === "stored") return this.model(source.hash, signal);
      if (source.kind !== "files") return openRemote(source, signal);
      const files = modelFromFiles(source.files);
      return openHere({ ...files, name: source.name ?? files.name }, signal);
    },

    async model(hash, signal) {
      signal?.throwIfAborted();
      const present = models.get(hash);
      if (present) return present;
      const reading = opening.get(hash) ?? openStored(hash).finally(() => opening.delete(hash));
      opening.set(hash, reading);
      // Another call may wait for the same copy, so cancelling this call does not end the opening.
      const loaded = await untilAborted(reading, signal);
      if (loaded) return loaded;
      throw new Error("This model is not kept in this browser any more: open it from its files or its address again.");
    },

    async listModels() {
      const { entries } = await storage.models.list();
      const stored = entries.flatMap((entry) => {
        const summary = v.safeParse(summarySchema, entry.summary);
        return summary.success && summary.output.hash === entry.hash
          ? [{ ...summary.output, savedAt: entry.savedAt }]
          : [];
      });
      const open = [...models.values()].map((model) => model.summary).filter((summary) => !summary.stored);
      return [...stored, ...open];
    },

    async deleteModel(hash) {
      models.delete(hash);
      await storage.models.delete(hash);
    },

    async half(hash, signal) {
      const { opened, summary } = await this.model(hash, signal);
      if (summary.half) return summary.half;
      const half = await sumHalf(opened, progress("Checking the numbers"), signal);
      const present = models.get(hash);
      if (present) models.set(hash, { ...present, summary: { ...present.summary, half } });
      // A full disk only means that the next visit counts again.
      if (summary.stored) await storage.models.summarise(hash, { ...summary, half }).catch(() => undefined);
      return half;
    },

    async details(hash) {
      const { opened, definition, vocabulary } = await this.model(hash);
      return detail(hash, opened, definition, vocabulary);
    },

    listFetches: () => fetching.list(),
    discardFetch: (address) => storage.fetches.discard(address),

    catalogue: () => {
      // A base model and its instruction-tuned form share a config: each is counted once.
      const counted = new Map<
        CatalogueModel["config"],
        Pick<CatalogueEntry, "parameters" | "contextLength" | "needs">
      >();
      return catalogue.map(({ config, ...model }) => {
        const facts = counted.get(config) ?? sizesOf(defineModel(config));
        counted.set(config, facts);
        return { ...model, ...facts };
      });
    },
  };
}

const sizesOf = (model: ModelDefinition): Pick<CatalogueEntry, "parameters" | "contextLength" | "needs"> => ({
  contextLength: model.contextLength,
  ...countModel(model),
});
