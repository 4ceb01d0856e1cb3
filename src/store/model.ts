/** The model as a topic: inspection, download, opening and choice. */

import type { ModelSource, ModelSummary, RemoteSource } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import { isSeedling, seedlingSource } from "./seedling.ts";
import { type LookupFacts, type ModelFacts, toFailure } from "./state.ts";

export interface ModelActions {
  load(): Promise<void>;
  /** Opens and selects a model. */
  open(source: ModelSource): Promise<void>;
  /** Selects Seedling: from this browser if stored, else from the folder of the page. */
  openSeedling(): Promise<void>;
  /** Opens a stored model unless it is open. Rejects as the engine does. */
  ensureOpen(hash: string, signal?: AbortSignal): Promise<void>;
  /** Fetched bytes stay, so that the download can be resumed. */
  cancel(): void;
  select(hash: string): void;
  /** Deletes the copy stored in this browser. */
  remove(hash: string): Promise<void>;
  /** Inspects the model of a Hugging Face id or address; aborts an earlier inspection. */
  inspect(text: string): Promise<void>;
  /** Inspects another GGUF model of the folder that was inspected. */
  inspectFile(file: string): Promise<void>;
  /** Aborts the inspection, or clears its result. */
  dismiss(): void;
  /** Fetches and selects the inspected model, and requests persistent storage. */
  fetchFound(): Promise<void>;
  /** Resumes an interrupted download. */
  goOn(address: string): Promise<void>;
  /** Discards an interrupted download and its bytes. */
  discard(address: string): Promise<void>;
  /** Loads the catalogue once. */
  browse(): Promise<void>;
  /** Loads the details of the selected model. */
  describe(hash: string): Promise<void>;
}

function withModel(list: readonly ModelSummary[], model: ModelSummary): ModelSummary[] {
  return [...list.filter(({ hash }) => hash !== model.hash), model];
}

const ways: Readonly<Record<ModelSource["kind"], ModelFacts["from"]>> = {
  files: "disk",
  url: "network",
  hub: "network",
  stored: "kept",
};

const nothingFound: LookupFacts = { looking: false, found: null, failure: null };

export function modelActions(context: Context, refreshStorage: () => Promise<void>): ModelActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  let inspection: AbortController | null = null;
  const facts = () => store.getState().model;

  const openThrough = async (source: ModelSource, signal?: AbortSignal) => {
    const model = await client.engine.openModel(source, signal);
    const { list, open } = facts();
    patch(context, "model", { list: withModel(list, model), open: [...open, model.hash] });
    return model;
  };

  /** A list that fails is not an error of its own: the downloads report theirs. */
  const listFetches = async () => {
    const fetches = await client.engine.listFetches().catch(() => null);
    if (fetches) patch(context, "model", { fetches });
  };

  /** Resolves to whether the model was opened. */
  const open = async (source: ModelSource, from = ways[source.kind]): Promise<boolean> => {
    if (facts().opening) return false;
    controller = new AbortController();
    patch(context, "model", { opening: true, from, failure: null });
    try {
      const model = await openThrough(source, controller.signal);
      patch(context, "model", { selected: model.hash });
      void refreshStorage();
      return true;
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") patch(context, "model", { failure });
      return false;
    } finally {
      controller = null;
      await listFetches();
      patch(context, "model", { opening: false });
      patch(context, "progress", { engine: null });
    }
  };

  const inspect = async (source: RemoteSource) => {
    inspection?.abort();
    const mine = new AbortController();
    inspection = mine;
    patch(context, "model", { lookup: { ...nothingFound, looking: true } });
    try {
      const found = await client.engine.inspectModel(source, mine.signal);
      if (inspection === mine) patch(context, "model", { lookup: { ...nothingFound, found } });
    } catch (thrown) {
      if (inspection === mine) patch(context, "model", { lookup: { ...nothingFound, failure: toFailure(thrown) } });
    }
  };

  const dismiss = () => {
    inspection?.abort();
    inspection = null;
    patch(context, "model", { lookup: nothingFound });
  };

  return {
    async load() {
      try {
        const stored = await client.engine.listModels();
        const { list, open, selected } = facts();
        const openOnly = list.filter(({ hash }) => open.includes(hash) && !stored.some((model) => model.hash === hash));
        const known = [...stored, ...openOnly];
        patch(context, "model", {
          list: known,
          selected: known.some(({ hash }) => hash === selected) ? selected : null,
        });
      } catch (thrown) {
        patch(context, "model", { failure: toFailure(thrown) });
      }
      await listFetches();
    },
    async open(source) {
      await open(source);
    },
    async openSeedling() {
      const known = facts().list.findLast(isSeedling);
      if (known) return patch(context, "model", { selected: known.hash, failure: null });
      await open(seedlingSource(), "page");
      const { failure } = facts();
      if (!failure) return;
      const why = `Seedling could not be loaded from the folder of this page. Any other model can be opened. ${failure.message}`;
      patch(context, "model", { failure: { ...failure, message: why } });
    },
    async ensureOpen(hash, signal) {
      const { open, list } = facts();
      const known = list.find((model) => model.hash === hash);
      if (known?.stored && !open.includes(hash)) await openThrough({ kind: "stored", hash }, signal);
    },
    cancel: () => controller?.abort(),
    select: (hash) => patch(context, "model", { selected: hash, failure: null }),
    async remove(hash) {
      try {
        await client.engine.deleteModel(hash);
        const { list, open, selected } = facts();
        patch(context, "model", {
          list: list.filter((model) => model.hash !== hash),
          open: open.filter((other) => other !== hash),
          selected: selected === hash ? null : selected,
          failure: null,
        });
        void refreshStorage();
      } catch (thrown) {
        patch(context, "model", { failure: toFailure(thrown), from: "kept" });
      }
    },

    inspect: (text) => inspect({ kind: "url", base: text }),
    async inspectFile(file) {
      const source = facts().lookup.found?.source;
      if (source?.kind === "hub") await inspect({ ...source, file });
    },
    dismiss,
    async fetchFound() {
      const { found } = facts().lookup;
      if (!found) return;
      void client.requestPersistence();
      if (await open(found.source)) return dismiss();
      // The found model stays, so that its download can be resumed.
      const begun = facts().fetches.find(({ source }) => JSON.stringify(source) === JSON.stringify(found.source));
      patch(context, "model", { lookup: { ...nothingFound, found: { ...found, fetched: begun?.fetched ?? 0 } } });
    },
    async goOn(address) {
      const fetch = facts().fetches.find((other) => other.address === address);
      if (fetch) await open(fetch.source);
    },
    async discard(address) {
      try {
        await client.engine.discardFetch(address);
        void refreshStorage();
      } catch (thrown) {
        patch(context, "model", { failure: toFailure(thrown), from: "kept" });
      }
      await listFetches();
    },
    async browse() {
      if (facts().catalogue) return;
      // Optional: without a catalogue the user enters a model id.
      const catalogue = await client.engine.catalogue().catch(() => null);
      if (catalogue) patch(context, "model", { catalogue });
    },
    async describe(hash) {
      if (facts().details?.hash === hash) return;
      patch(context, "model", { details: null });
      // A model that cannot be read has its error at the next use.
      const details = await client.engine.modelDetails(hash).catch(() => null);
      if (details && facts().selected === hash) patch(context, "model", { details });
    },
  };
}
