/** The preview as a topic: the chosen row, and its tokens. */

import type { PreviewView } from "../protocol/datasets.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface PreviewActions {
  /** Chooses a row of a chosen source. */
  show(source: string, row: number): void;
  problemsOnly(on: boolean): void;
  /** Shows rows as training examples, or as prompts for their last answer. */
  view(view: PreviewView): void;
  /** Loads a row; a later call aborts an earlier one. The old row stays until the new one is loaded. */
  load(spec: DataSpec, source: number, row: number, view: PreviewView): Promise<void>;
}

export function previewActions(context: Context): PreviewActions {
  const { client } = context;
  let controller: AbortController | null = null;

  return {
    show: (source, row) => patch(context, "preview", { source, row }),
    problemsOnly: (problemsOnly) => patch(context, "preview", { problemsOnly }),
    view: (view) => patch(context, "preview", { view }),
    async load(spec, source, row, view) {
      controller?.abort();
      const mine = new AbortController();
      controller = mine;
      patch(context, "preview", { loading: true });
      try {
        const shown = await client.data.row(spec, source, row, view, mine.signal);
        if (!mine.signal.aborted) patch(context, "preview", { shown, failure: null });
      } catch (thrown) {
        if (!mine.signal.aborted) patch(context, "preview", { shown: null, failure: toFailure(thrown) });
      } finally {
        if (controller === mine) patch(context, "preview", { loading: false });
      }
    },
  };
}
