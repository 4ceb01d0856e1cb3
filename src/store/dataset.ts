/** The pairs as a topic: reading a file and choosing among those that the browser keeps. */

import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface DatasetActions {
  load(): Promise<void>;
  /** Reads and selects; what was selected before stays when the file cannot be read. */
  open(file: File): Promise<void>;
  cancel(): void;
  select(hash: string): void;
}

export function datasetActions(context: Context, refreshStorage: () => Promise<void>): DatasetActions {
  const { client, store } = context;
  let controller: AbortController | null = null;

  return {
    async load() {
      try {
        const list = await client.engine.listDatasets();
        const { selected } = store.getState().dataset;
        patch(context, "dataset", { list, selected: list.some(({ hash }) => hash === selected) ? selected : null });
      } catch (thrown) {
        patch(context, "dataset", { failure: toFailure(thrown) });
      }
    },
    async open(file) {
      if (store.getState().dataset.opening) return;
      controller = new AbortController();
      patch(context, "dataset", { opening: true, failure: null });
      try {
        const dataset = await client.engine.openDataset(file, controller.signal);
        const { list } = store.getState().dataset;
        patch(context, "dataset", {
          list: [...list.filter(({ hash }) => hash !== dataset.hash), dataset],
          selected: dataset.hash,
        });
        void refreshStorage();
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (failure.name !== "AbortError") patch(context, "dataset", { failure });
      } finally {
        controller = null;
        patch(context, "dataset", { opening: false });
        patch(context, "engine", { progress: null });
      }
    },
    cancel: () => controller?.abort(),
    select: (hash) => patch(context, "dataset", { selected: hash, failure: null }),
  };
}
