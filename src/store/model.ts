/** The model as a topic: opening one from files, an address or this browser, and choosing among those known. */

import type { ModelSource, ModelSummary } from "../worker/protocol.ts";
import { type Context, patch } from "./context.ts";
import { isSeedling, seedlingSource } from "./seedling.ts";
import { toFailure } from "./state.ts";

export interface ModelActions {
  load(): Promise<void>;
  /** Opens and selects. */
  open(source: ModelSource): Promise<void>;
  /** Selects the model that comes with the page: from this browser where it is kept, else from beside the page. */
  openSeedling(): Promise<void>;
  /** Opens from this browser unless it is open already. Rejects as the engine does. */
  ensureOpen(hash: string): Promise<void>;
  cancel(): void;
  select(hash: string): void;
  /** Removes the copy kept in this browser. */
  remove(hash: string): Promise<void>;
}

function withModel(list: readonly ModelSummary[], model: ModelSummary): ModelSummary[] {
  return [...list.filter(({ hash }) => hash !== model.hash), model];
}

export function modelActions(context: Context, refreshStorage: () => Promise<void>): ModelActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  const facts = () => store.getState().model;

  const openThrough = async (source: ModelSource, signal?: AbortSignal) => {
    const model = await client.engine.openModel(source, signal);
    const { list, open } = facts();
    patch(context, "model", { list: withModel(list, model), open: [...open, model.hash] });
    return model;
  };

  const open = async (source: ModelSource): Promise<void> => {
    if (facts().opening) return;
    controller = new AbortController();
    patch(context, "model", { opening: true, failure: null });
    try {
      const model = await openThrough(source, controller.signal);
      patch(context, "model", { selected: model.hash });
      void refreshStorage();
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") patch(context, "model", { failure });
    } finally {
      controller = null;
      patch(context, "model", { opening: false });
      patch(context, "progress", { engine: null });
    }
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
    },
    open,
    async openSeedling() {
      const known = facts().list.findLast(isSeedling);
      if (known) return patch(context, "model", { selected: known.hash, failure: null });
      await open(seedlingSource());
      const { failure } = facts();
      if (!failure) return;
      const why = `Seedling could not be loaded from beside this page; any other model can be opened. ${failure.message}`;
      patch(context, "model", { failure: { ...failure, message: why } });
    },
    async ensureOpen(hash) {
      const { open, list } = facts();
      const known = list.find((model) => model.hash === hash);
      if (known?.stored && !open.includes(hash)) await openThrough({ kind: "stored", hash });
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
        patch(context, "model", { failure: toFailure(thrown) });
      }
    },
  };
}
