/** The model as a topic: looking at one, fetching or opening it, and choosing among those known. */

import type { ModelSource, ModelSummary } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import { isSeedling, seedlingSource } from "./seedling.ts";
import { type LookupFacts, type ModelFacts, toFailure } from "./state.ts";

export interface ModelActions {
  load(): Promise<void>;
  /** Opens and selects. */
  open(source: ModelSource): Promise<void>;
  /** Selects the model that comes with the page: from this browser where it is kept, else from beside the page. */
  openSeedling(): Promise<void>;
  /** Opens from this browser unless it is open already. Rejects as the engine does. */
  ensureOpen(hash: string, signal?: AbortSignal): Promise<void>;
  /** What was fetched stays, to go on with. */
  cancel(): void;
  select(hash: string): void;
  /** Removes the copy kept in this browser. */
  remove(hash: string): Promise<void>;
  /** Finds out what a Hugging Face id or an address would bring; an earlier look ends. */
  lookUp(text: string): Promise<void>;
  /** Ends the look, or forgets what was found. */
  dismiss(): void;
  /** Fetches and selects what was found, and asks the browser to keep it when the disk runs low. */
  fetchFound(): Promise<void>;
  /** Goes on with a fetch that was cut off. */
  goOn(address: string): Promise<void>;
  /** Forgets a fetch and what it kept. */
  discard(address: string): Promise<void>;
  /** Asks for the catalogue, once. */
  browse(): Promise<void>;
  /** Asks for the details of a model, once it is selected. */
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
  let look: AbortController | null = null;
  const facts = () => store.getState().model;

  const openThrough = async (source: ModelSource, signal?: AbortSignal) => {
    const model = await client.engine.openModel(source, signal);
    const { list, open } = facts();
    patch(context, "model", { list: withModel(list, model), open: [...open, model.hash] });
    return model;
  };

  /** What is told of fetches is told by them: a list that cannot be read is no failure of its own. */
  const listFetches = async () => {
    const fetches = await client.engine.listFetches().catch(() => null);
    if (fetches) patch(context, "model", { fetches });
  };

  /** Gives whether it was opened. */
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

  const dismiss = () => {
    look?.abort();
    look = null;
    patch(context, "model", { lookup: nothingFound });
  };

  return {
    async load() {
      try {
        const kept = await client.engine.listModels();
        const { list, open, selected } = facts();
        const openOnly = list.filter(({ hash }) => open.includes(hash) && !kept.some((model) => model.hash === hash));
        const known = [...kept, ...openOnly];
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
      const why = `Seedling could not be loaded from beside this page; any other model can be opened. ${failure.message}`;
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

    async lookUp(text) {
      look?.abort();
      const mine = new AbortController();
      look = mine;
      patch(context, "model", { lookup: { ...nothingFound, looking: true } });
      try {
        const found = await client.engine.inspectModel({ kind: "url", base: text }, mine.signal);
        if (look === mine) patch(context, "model", { lookup: { ...nothingFound, found } });
      } catch (thrown) {
        if (look === mine) patch(context, "model", { lookup: { ...nothingFound, failure: toFailure(thrown) } });
      }
    },
    dismiss,
    async fetchFound() {
      const { found } = facts().lookup;
      if (!found) return;
      void client.keepStorage();
      if (await open(found.source)) return dismiss();
      // What was found stays, to go on with.
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
      // Nothing depends on it: without it, a model is named by hand.
      const catalogue = await client.engine.catalogue().catch(() => null);
      if (catalogue) patch(context, "model", { catalogue });
    },
    async describe(hash) {
      if (facts().details?.hash === hash) return;
      patch(context, "model", { details: null });
      // A model that cannot be read any more is told by whatever needs it.
      const details = await client.engine.modelDetails(hash).catch(() => null);
      if (details && facts().selected === hash) patch(context, "model", { details });
    },
  };
}
